"""What a person agrees to: the very texts that the page shows, and that reports tell.

They are here and nowhere else. The page gets them with the session, shows the one in its language, and says which that was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

TextId: TypeAlias = Literal["en.sound", "en.picture", "de.sound", "de.picture"]
"""By the page's language, and whether the voice may be asked for, too."""

TEXTS: Final[Mapping[TextId, str]] = {
    "en.sound": (
        "When you agree, your camera picture is used for this check, and your voice if you read digits. Neither is stored; the "
        "result and the figures behind it are. You can stop at any time."
    ),
    "en.picture": (
        "When you agree, your camera picture is used for this check. It is not stored; the result and the figures behind it are. "
        "You can stop at any time."
    ),
    "de.sound": (
        "Wenn Sie zustimmen, wird Ihr Kamerabild für diese Prüfung verwendet, und Ihre Stimme, falls Sie Ziffern vorlesen. "
        "Beides wird nicht gespeichert; das Ergebnis und die Messwerte dazu schon. Sie können jederzeit abbrechen."
    ),
    "de.picture": (
        "Wenn Sie zustimmen, wird Ihr Kamerabild für diese Prüfung verwendet. Es wird nicht gespeichert; das Ergebnis und die "
        "Messwerte dazu schon. Sie können jederzeit abbrechen."
    ),
}
