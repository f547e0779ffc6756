"""What people are told to change: every reason of the checks has a hint, and every hint has words in each language."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path

import pytest

import liveguard
from liveguard.challenge.check import MIRRORED, SEVERAL
from liveguard.kyc.flow import NOT_JUDGED, NOT_SHOWN
from liveguard.kyc.hints import HINTS, hint, hints
from liveguard.scheduler import PICTURE_WHY

# Where the checks say that they cannot judge: functions of these names give nothing but such reasons.
REFUSALS = {"shortfall", "unfit", "_unfit", "_music", "_unclear", "seen_around"}
SOURCES = ("challenge", "detectors/quality.py")


def reasons() -> dict[str, str]:
    """Reasons by where they stand; of those with figures in them the words."""
    root, found = Path(liveguard.__file__).parent, {}
    for source in SOURCES:
        path = root / source
        for file in [path] if path.is_file() else sorted(path.glob("*.py")):
            for function in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(function, ast.FunctionDef) and function.name in REFUSALS:
                    for text, line in _texts(function):
                        found[f"{file.name}:{line}"] = text
    return found


def _texts(function: ast.FunctionDef) -> list[tuple[str, int]]:
    formatted = [node for node in ast.walk(function) if isinstance(node, ast.JoinedStr)]
    inner = {part for text in formatted for part in ast.walk(text) if part is not text}
    said = []
    for node in ast.walk(function):
        if isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "0" for part in node.values]
            said.append(("".join(parts), node.lineno))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in inner:
            said.append((node.value, node.lineno))
    return [(text, line) for text, line in said if " " in text.strip() and not text.endswith(".")]


def test_every_reason_of_the_checks_has_a_hint_of_its_own() -> None:
    found = reasons()
    assert len(found) >= 30
    without = {where: text for where, text in found.items() if hint(text) == "when_asked"}
    # A page in another language is never asked for digits.
    assert [text for text in without.values() if "only English digits" not in text] == []


@pytest.mark.parametrize(
    ("why", "wanted"),
    [
        (SEVERAL, "alone"),
        (PICTURE_WHY, "alone"),
        (MIRRORED, "mirror"),
        (NOT_SHOWN, "pictures"),
        (NOT_JUDGED, "pictures"),
        ("too few pictures: 3 a second, 8 needed: check light and connection", "pictures"),
        ("the face was lost while it was covered: cover the chin only, and leave the eyes free", "view"),
        ("too dark: face luma 12 of 255, 25 needed", "brighter"),
        ("the room is too bright for the screen's light to be seen: draw a curtain or turn the lamp off", "softer"),
        ("no sound arrives, or too quiet: unmute the microphone and come closer", "louder"),
        ("the digits were read aloud; the lips could not be judged: frame rate 9 fps, 10 needed", "pictures"),
        ("the digits were read aloud; the lips could not be judged: no face in view: face the camera", "view"),
        ("the digits were read aloud; the lips could not be judged: lips and sound together for 1.2 s only", "view"),
        ("this is music or a tone rather than a voice", "quieter"),
    ],
)
def test_hints_say_what_the_reason_says(why: str, wanted: str) -> None:
    assert hint(why) == wanted


def test_each_hint_is_given_once_and_one_always() -> None:
    assert hints(["frame rate 3 fps, 8 needed", SEVERAL, "frame rate 5 fps, 12 needed"]) == ("pictures", "alone")
    assert hints([]) == ("when_asked",)


@pytest.mark.parametrize("language", ["en", "de"])
def test_the_page_has_words_for_each(language: str) -> None:
    words = (files("liveguard.server") / "web" / "proof" / f"words.{language}.js").read_text("utf-8")
    table = words[words.index("    hints: {", words.index("  result: {")) :]
    named = re.findall(r"^ {6}(\w+): \"", table[: table.index("    },")], re.MULTILINE)
    assert sorted(named) == sorted(HINTS)
