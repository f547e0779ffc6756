"""Pieces of HTML, and a file of them.

Names come from manifests, plugins and the other end of a call, so every value is escaped; only `Html` goes in as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TypeAlias

from liveguard.words import plain

LONGEST = 4000  # letters; more of one value is no figure


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


Cell: TypeAlias = str | int | None


def html_file(title: str, style: str, body: str) -> str:
    """One HTML file that needs nothing else and runs nothing; all three are HTML, or CSS, already."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{title}</title><style>{style}</style></head>\n<body>{body}</body></html>\n"
    )


def text_of(value: Cell) -> Html:
    return value if isinstance(value, Html) else Html(escape(plain("-" if value is None else str(value), LONGEST)))


def say(template: str, **values: Cell) -> Html:
    """The template, which is ours, with values that are not."""
    return Html(template.format(**{name: text_of(value) for name, value in values.items()}))


def table(caption: str, heads: Sequence[str], rows: Sequence[Sequence[Cell]], text: bool = False) -> str:
    """Rows begin with their name; a row of one cell is a heading over those that follow. Without rows nothing."""
    if not rows:
        return ""
    head = "".join(f'<th scope="col">{text_of(name)}</th>' for name in heads)
    body = "".join(_row(row, len(heads)) for row in rows)
    body = body.removeprefix("</tbody>") if len(rows[0]) == 1 else f"<tbody>{body}"
    return (
        f'<div class="scroll" role="region" tabindex="0" aria-label="{text_of(caption)}"><table{" class=text" if text else ""}>'
        f"<caption><span>{text_of(caption)}</span></caption><thead><tr>{head}</tr></thead>{body}</tbody></table></div>"
    )


def _row(row: Sequence[Cell], width: int) -> str:
    first, *others = (text_of(cell) for cell in row)
    if not others:
        return f'</tbody><tbody><tr><th scope="rowgroup" colspan="{width}">{first}</th></tr>'
    return f'<tr><th scope="row">{first}</th>{"".join(f"<td>{cell}</td>" for cell in others)}</tr>'


def plot(drawn: Mapping[str, str], name: str, caption: str, wide: bool = False) -> str:
    if name not in drawn:
        return ""
    kind = ' class="wide"' if wide else ""
    return f"<figure{kind}>{drawn[name]}<figcaption>{text_of(caption)}</figcaption></figure>"


def figure(value: float | None) -> str:
    """Two or three digits."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}" if value >= 1 else f"{value:.2g}"


def share(value: float) -> str:
    percent = 100 * value
    if 99.5 <= percent < 100:
        return ">99 %"
    return f"{percent:.0f} %" if percent >= 10 or percent == round(percent) else f"{percent:.1f} %"


def auc(value: float) -> str:
    return f"{value:.2f}"


def seconds(value: float) -> str:
    return f"{value:.1f} s"


def known(value: float | None, form: Callable[[float], str], why: str = "too few to say") -> Html:
    return say('<span title="{why}">-</span>', why=why) if value is None else text_of(form(value))


def span_text(ends: Sequence[float | None] | None, form: Callable[[float], str], template: str) -> str:
    if ends is None or ends[0] is None or ends[1] is None:
        return ""
    return template.format(form(ends[0]), form(ends[1]))


def bracket(value: float | None, template: str) -> str:
    return "" if value is None else template.format(share(value))


def with_interval(
    value: float | None, ends: Sequence[float | None] | None, form: Callable[[float], str], why: str = "too few to say"
) -> Html:
    """A figure and its interval behind it."""
    text = span_text(ends, form, "{} to {}")
    return say("{value} <i>({text})</i>" if text else "{value}", value=known(value, form, why), text=text)


def span(ends: Sequence[float | None] | None, form: Callable[[float], str]) -> Html:
    """An interval in a cell of its own."""
    return text_of(span_text(ends, form, "{} to {}") or known(None, form))
