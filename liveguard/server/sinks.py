"""The sinks of the settings, as a server needs them: what a webhook owes outlives the call that it is about."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from liveguard.errors import LiveguardError
from liveguard.plugins import open_sinks
from liveguard.types import Event, Sink

log = logging.getLogger(__name__)
Tables = Sequence[Mapping[str, Any]]
LASTING = "webhook"


def each_call_its_own(tables: Tables) -> list[Mapping[str, Any]]:
    """The sinks that are opened for one call and closed with it."""
    return [table for table in tables if table["kind"] != LASTING]


class ServerSinks:
    """Webhooks are opened once, and deliver for as long as the server runs; each call opens the others for itself.

    Raises what a webhook's settings, or its outbox, deserve.
    """

    def __init__(self, tables: Tables) -> None:
        self._tables = each_call_its_own(tables)
        self._webhooks = open_sinks([table for table in tables if table["kind"] == LASTING])

    def open(self) -> list[Sink]:
        """The sinks of one call, which closes them. Any thread. Raises what a sink's settings deserve."""
        return [*open_sinks(self._tables), *map(WebhookLoan, self._webhooks)]

    def close(self) -> None:
        """Once all calls are over: what is due is sent, within bounds, and the rest waits for the next start."""
        for webhook in self._webhooks:
            try:
                webhook.close()
            except LiveguardError as error:  # the others are closed all the same
                log.error("%s", error)


class WebhookLoan:
    """The server's webhook in the hands of one call."""

    def __init__(self, webhook: Sink) -> None:
        self._webhook = webhook

    def send(self, event: Event) -> None:
        self._webhook.send(event)

    def close(self) -> None:
        """It is the server's."""
