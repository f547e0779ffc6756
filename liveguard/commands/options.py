"""Options that several commands share."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from liveguard.config import Config, read_config
from liveguard.plugins import require_installed


def add_guard_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", type=Path, metavar="FILE", help="settings (TOML)")
    parser.add_argument("--checks", metavar="A,B", help="only these checks")
    parser.add_argument("--without", metavar="A,B", help="all checks but these")
    parser.add_argument("--face-model", type=Path, metavar="FILE", help="a face_landmarker.task file (Tasks API)")


def config_of(arguments: argparse.Namespace) -> Config:
    """The settings file, with what the command line says on top. Raises ConfigError for a check that is not there."""
    config = read_config(arguments.config) if arguments.config else Config()
    if arguments.checks is not None:
        config = replace(config, only=names_in(arguments.checks))
    if arguments.without:
        config = replace(config, without=names_in(arguments.without))
    if arguments.face_model:
        config = replace(config, task_file=arguments.face_model)
    for key, names in (
        ("checks.only", config.only or ()),
        ("checks.without", config.without),
        ("checks.options", config.options),
        ("policy.weights", config.policy.weights),
        ("policy.ceilings_nats", config.policy.ceilings_nats),
    ):
        require_installed(key, names)
    return config


def names_in(text: str) -> tuple[str, ...]:
    """What an option lists with commas between."""
    return tuple(name.strip() for name in text.split(",") if name.strip())
