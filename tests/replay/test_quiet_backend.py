"""Nothing native reaches a person's terminal, and nothing of others is lost."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from liveguard.face.quiet import quiet_stderr

ROOT = Path(__file__).parents[2]


@pytest.mark.replay
@pytest.mark.parametrize("kind", ["solutions", "tasks"])
def test_a_run_with_a_face_says_nothing_on_stderr(kind: str, tmp_path: Path) -> None:
    code = f"""
from pathlib import Path
from liveguard.face.backends import open_backend
from tests.replay.portrait_people import Actor, draw, follow, swaying
from tests.replay.task_file import write_task
task = write_task(Path({str(tmp_path)!r}) / "x.task") if {kind!r} == "tasks" else None
backend = open_backend(task)
actor = Actor("ann", swaying(300, 180), 100.0)
count = sum(len(faces) for _, faces in follow(backend, (draw([actor], n / 15, 640, 360) for n in range(6))))
backend.close()
print(count)
"""
    environment = {name: value for name, value in os.environ.items() if name != "LIVEGUARD_NATIVE_LOG"}
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == "6"
    assert ran.stderr == ""


def test_errors_and_the_output_of_others_come_through(capfd: pytest.CaptureFixture[str]) -> None:
    with quiet_stderr():
        os.write(2, b"W0000 00:00:17 x.cc:1] chatter\nINFO: Created TensorFlow Lite XNNPACK delegate for CPU.\n")
        os.write(2, b"E0000 00:00:17 x.cc:2] broken\n")
        thread = threading.Thread(target=lambda: (sys.stderr.write("from a thread\n"), sys.stderr.flush()))
        thread.start()
        thread.join()
        with quiet_stderr():
            os.write(2, b"inner\n")
    os.write(2, b"W0000 after\n")
    told = capfd.readouterr().err
    # pytest's own sys.stderr does not go through the descriptor, so the thread's line may come earlier than it was said
    assert sorted(told.splitlines()) == ["E0000 00:00:17 x.cc:2] broken", "W0000 after", "from a thread", "inner"]


def test_it_comes_out_even_when_the_work_fails(capfd: pytest.CaptureFixture[str]) -> None:
    def work() -> None:
        with quiet_stderr():
            os.write(2, b"why it failed\n")
            raise RuntimeError("no")

    with pytest.raises(RuntimeError):
        work()
    assert capfd.readouterr().err == "why it failed\n"


def test_a_person_can_have_the_chatter(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("LIVEGUARD_NATIVE_LOG", "1")
    with quiet_stderr():
        os.write(2, b"I0000 details\n")
    assert capfd.readouterr().err == "I0000 details\n"
