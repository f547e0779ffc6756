"""Proofs on a real PostgreSQL server: what holds for SQLite holds there; skipped where there is none."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from liveguard.kyc.store import ProofStore
from liveguard.server.store import Store
from tests.replay.test_store_postgres import server, url  # noqa: F401  (fixtures)
from tests.unit.test_kyc_store import (  # noqa: F401  (run again here, on the store below)
    race,
    test_a_proof_from_its_opening_to_its_result,
    test_a_token_is_not_used_up_by_a_lock_out,
    test_each_thing_is_done_once_and_in_order,
    test_erased_is_all_but_id_and_times,
    test_of_twenty_threads_one_redeems,
    test_old_ones_are_erased_but_not_before_their_lock_out_is_over,
    test_what_is_not_done_in_time_expires,
    test_who_fails_too_often_is_locked_out,
    test_who_has_agreed_may_say_later_that_there_is_no_microphone,
    test_who_opens_many_at_once_sees_no_more_scripts,
    test_wrong_tokens_close_it,
)

pytestmark = pytest.mark.replay


@pytest.fixture
def store(url: str) -> Iterator[ProofStore]:  # noqa: F811
    with contextlib.closing(Store(url)) as opened:
        yield ProofStore(opened.database)


def test_tables_are_made_once_by_whoever_is_first(url: str) -> None:  # noqa: F811
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(contextlib.closing(Store(url))) for _ in range(4)]
        free = list(opened)
        salts = [
            each._salt for each in race(4, lambda: ProofStore(free.pop().database)) if isinstance(each, ProofStore)
        ]
        assert len(salts) == 4
        assert len(set(salts)) == 1
