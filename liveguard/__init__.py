"""Guards live video calls against face swaps, puppets, cloned voices and injected feeds.

from liveguard import Guard

with Guard() as guard:
    report = guard.scan("call.mp4")
print(report.verdict, report.risk, *report.why, sep="\\n")
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Config", "Guard", "LiveguardError", "Policy", "Report", "__version__", "read_config"]

if TYPE_CHECKING:
    from liveguard.config import Config, read_config
    from liveguard.errors import LiveguardError
    from liveguard.guard import Guard
    from liveguard.policy import Policy
    from liveguard.report import Report

_HOME = {
    "Config": "config",
    "Guard": "guard",
    "LiveguardError": "errors",
    "Policy": "policy",
    "Report": "report",
    "read_config": "config",
}


def __getattr__(name: str) -> Any:
    """Public names load their module on first use, so that `import liveguard` stays quick."""
    if name not in _HOME:
        raise AttributeError(f"module 'liveguard' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"liveguard.{_HOME[name]}"), name)
