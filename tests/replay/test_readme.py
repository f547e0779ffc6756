"""What the README shows is run: the example, the settings, the commands and the shape of the JSON."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from demo.clips import FPS, photo, write
from demo.puppet import Puppet
from liveguard.cli import COMMANDS
from liveguard.config import parse_config
from liveguard.config import tomllib as toml
from liveguard.guard import Guard

pytestmark = pytest.mark.replay
ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert FPS == 25
    return write(tmp_path_factory.mktemp("readme") / "call.mp4", photo(Puppet(), 7.0))


def test_the_example_runs_as_it_stands(clip: Path) -> None:
    example = blocks("python")[0]
    assert len(example.splitlines()) <= 8
    done = subprocess.run(
        [sys.executable, "-c", example], cwd=clip.parent, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("alert ")
    assert re.search(r"^\d+\.\d s: feed_injected; to settle it, ask for", done.stdout, re.MULTILINE)


def test_the_settings_are_settings() -> None:
    configs = [parse_config(toml.loads(block)) for block in blocks("toml")]
    assert configs[0].policy.false_alerts_per_hour == 0.02
    assert [sink["kind"] for sink in configs[0].sinks] == ["webhook", "jsonl"]


def test_the_json_has_the_fields_that_are_shown(clip: Path) -> None:
    shown = json.loads(blocks("json")[0])
    with Guard() as guard:
        real = guard.scan(clip).to_dict()
    assert set(shown) == set(real)
    assert set(shown["alerts"][0]) <= set(real["alerts"][0])
    assert set(shown["checks"]["lipsync"]) == set(real["checks"]["lipsync"])


def test_the_commands_and_files_that_are_named_exist() -> None:
    named = set(re.findall(r"liveguard ([a-z]+)", README)) - {"is", "and", "it", "import"}
    assert named <= set(COMMANDS), named - set(COMMANDS)
    for target in re.findall(r"\]\((?!http|#)([^)]+)\)", README):
        assert (ROOT / target).exists(), target
