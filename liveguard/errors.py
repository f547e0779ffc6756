"""Errors that a person can act on: each message says what was wrong, where, and what is allowed."""


class LiveguardError(Exception):
    """Base of all errors raised on purpose; the command line prints its message in one line and exits 2."""


class InputError(LiveguardError):
    """A file, URL or sample that cannot be used."""


class DeviceError(LiveguardError):
    """A camera or microphone that is missing, busy or was pulled out."""


class BackendError(LiveguardError):
    """A library or model that is needed is not there, or does not fit."""


class ConfigError(LiveguardError):
    """A setting that is not allowed."""


class PluginError(LiveguardError):
    """A plug-in that was asked for does not load."""


class SinkError(LiveguardError):
    """An event could not be delivered; the caller may try again."""


class JournalError(LiveguardError):
    """A journal that is damaged, truncated or of another version."""
