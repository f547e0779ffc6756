"""How tests reach the training of the crop models, whose files import each other by bare names as scripts do."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

TRAINING = Path(__file__).parents[1] / "models" / "crops"


@contextlib.contextmanager
def modules() -> Iterator[None]:
    """Within it, `import network` and the like mean the files of this training; other trainings have the same names."""
    names = {path.stem for path in TRAINING.glob("*.py")}
    others = {name: sys.modules.pop(name) for name in names & set(sys.modules)}
    sys.path.insert(0, str(TRAINING))
    try:
        yield
    finally:
        sys.path.remove(str(TRAINING))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update(others)


def call(script: str, *arguments: object) -> str:
    """What a script of the training prints; a test fails where the script does."""
    command = [sys.executable, str(TRAINING / script), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout
