"""setup.sh with made-up tools: what it makes again, and what it installs of the system."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
# A Python whose `-m venv` makes a folder with itself in it, and that writes down how it was called.
PYTHON = """#!/bin/sh
echo "$0 $*" >> "$LOG"
case "$*" in
    "-m venv "*) for folder; do :; done
        case "$*" in *--clear*) rm -rf "$folder";; esac
        mkdir -p "$folder/bin"; : > "$folder/pyvenv.cfg"; cp "$0" "$folder/bin/python";;
    "-m pip --version") [ ! -e "${0%/bin/python}/no-pip" ];;
esac
"""
TOOLS = {
    "dpkg-query": """case " $INSTALLED " in *" $3 "*) echo "install ok installed";; *) exit 1;; esac""",
    "apt-get": """echo "apt-get $*" >> "$LOG" """,
    "id": "echo 0",
    "npm": """echo "npm $*" >> "$LOG" """,
}


class Machine:
    """A folder of tools, and what they were called with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.venv = folder, folder / "log", folder / "venv"
        self.python = folder / "python"
        for name, text in {**{name: f"#!/bin/sh\n{body}\n" for name, body in TOOLS.items()}, "python": PYTHON}.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def setup(self, *more: str, installed: str = "") -> str:
        """All calls that it made."""
        self.log.write_text("")
        path = f"{self.folder}:{os.environ['PATH']}"
        environment = {"PATH": path, "LOG": str(self.log), "INSTALLED": installed}
        words = ["sh", str(ROOT / "setup.sh"), str(self.python), str(self.venv), *more]
        subprocess.run(words, env=environment, check=True, timeout=30, capture_output=True)
        return self.log.read_text()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_good_environment_is_kept(machine: Machine) -> None:
    assert "-m venv" in machine.setup()
    assert "-m venv" not in machine.setup()


def test_one_without_pip_is_made_again(machine: Machine) -> None:
    machine.setup()
    (machine.venv / "no-pip").touch()
    assert f"-m venv --clear {machine.venv}" in machine.setup()
    assert not (machine.venv / "no-pip").exists()


def test_one_whose_python_has_gone_is_made_again(machine: Machine) -> None:
    machine.setup()
    link = machine.venv / "bin" / "python"
    link.unlink()
    link.symlink_to("/no/such/python")
    assert "-m venv --clear" in machine.setup()


def test_a_folder_that_is_no_environment_is_never_emptied(machine: Machine) -> None:
    machine.venv.mkdir()
    (machine.venv / "mine").touch()
    machine.setup()
    assert (machine.venv / "mine").exists()


def test_the_demo_leaves_the_sound_server_alone(machine: Machine) -> None:
    calls = machine.setup()
    assert "install" in calls
    assert "espeak-ng" in calls
    assert "pulse" not in calls
    assert "libasound2-plugins" not in calls


def test_the_tests_want_a_sound_server_only_where_there_is_none(machine: Machine) -> None:
    calls = machine.setup("tests")
    assert "pulseaudio libasound2-plugins" in calls
    assert "--no-remove" in calls
    assert "venv" not in calls
    for server in ("pipewire-pulse", "pulseaudio"):
        assert "pulse" not in machine.setup("tests", installed=server)


def test_the_tests_want_a_browser_and_foreign_clients(machine: Machine) -> None:
    calls = machine.setup("tests")
    assert "chromium" in calls
    assert "gstreamer1.0-nice" in calls
    assert "npm ci" in calls
    assert "chromium" not in machine.setup()
