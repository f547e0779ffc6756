"""The life of a proof: opened for a subject, redeemed once, consented to, answered and decided.

A subject is any reference that the caller has of its own; what is stored is a salted hash of it, for the lock-out and for
erasure. Tokens and keys are stored as hashes. Each change is one UPDATE that names the state it starts from, so that of
several callers, in whatever thread or process, one wins.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, or_, select, update

from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import new_nonce
from liveguard.errors import InputError
from liveguard.kyc.archive import ProofArchive
from liveguard.kyc.canonical import LONGEST_BYTES
from liveguard.kyc.decision import OUTCOMES, Outcome
from liveguard.kyc.entries import policy_dict
from liveguard.kyc.errors import LockedOut, ProofClosed, UnknownProof, WrongToken
from liveguard.kyc.lockout import WRONG_TOKENS, locked_until, memory_us
from liveguard.kyc.tables import PROOFS, WORD_LENGTH, packed, proof_of
from liveguard.kyc.tokens import matches, new_token, token_hash
from liveguard.utc import unix_us
from liveguard.words import plain

LINK_S: Final = 3600.0
"""How long a link waits for the person unless the caller says otherwise."""
GRACE_S: Final = 15.0
"""Checking goes on after the last step: a result may come so much later than the person's time is over."""

_GRACE_US: Final = round(GRACE_S * 1e6)
_DAY_US: Final = 86_400_000_000


@dataclass(frozen=True, slots=True)
class NewProof:
    """A proof that waits. `token` is given out here and never again."""

    id: str
    token: str
    nonce: bytes
    expires_at: datetime


class ProofStore(ProofArchive):
    """Proofs as they go on; see `ProofArchive` for what is true of all methods."""

    def create(
        self,
        subject: str | None,
        policy: ProofPolicy,
        now: datetime,
        *,
        locale: str = "en",
        needs: Iterable[str] = (),
        notify: bool = False,
        link_s: float = LINK_S,
    ) -> NewProof:
        """A new proof that waits `link_s` for its token. Raises LockedOut, and ConfigError for needs that leave too little.

        `subject` None: nobody is counted, so nobody is locked out. `needs`: what the person cannot do, as the caller says.
        `notify`: the result is one that the webhook is to be told (`untold`).
        """
        needs = sorted(set(needs))
        policy.kinds_for(needs)
        hashed = None if subject is None else self._subject_hash(subject)
        new = NewProof(secrets.token_hex(16), new_token(), new_nonce(), now + timedelta(seconds=link_s))
        row = {
            "id": new.id,
            "state": "waiting",
            "created_us": unix_us(now),
            "expires_us": unix_us(new.expires_at),
            "subject_hash": hashed,
            "token_hash": token_hash(new.token),
            "wrong_tokens": 0,
            "policy": packed(policy_dict(policy)),
            "locale": plain(locale, WORD_LENGTH),
            "needs": packed(needs),
            "nonce": new.nonce,
            "notify": notify,
        }
        with self._database.transaction() as connection:
            until = None if hashed is None else locked_until(connection, hashed, policy, now)
            if until is None:
                connection.execute(insert(PROOFS).values(row))
        if until is not None:
            raise LockedOut(until)
        return new

    def redeem(self, proof: str, token: str, now: datetime) -> str:
        """The key that steers the proof from now on, given out once; `policy.answer_s` begins.

        Raises UnknownProof, WrongToken, and ProofClosed where it was redeemed before, or is too old.
        """
        key = new_token()
        with self._database.transaction() as connection:  # what was counted must stay: nothing is raised in here
            row = connection.execute(select(PROOFS).where(PROOFS.c.id == proof)).first()
            if row is None:
                wrong, taken = 0, False
            elif matches(token, row.token_hash):
                wrong, taken = 0, _take(connection, row, key, unix_us(now))
            else:
                wrong, taken = _count_wrong(connection, row, unix_us(now)), False
        if row is None:
            raise UnknownProof("there is no proof with this id")
        if wrong:
            raise WrongToken(WRONG_TOKENS - wrong)
        if not taken:  # whatever the token was
            raise ProofClosed("this link was used before, or is too old: ask for a new one", row.state)
        return key

    def knows(self, proof: str, key: str) -> bool:
        """True if this is the key that the proof was redeemed for, until the proof has expired or is erased."""
        kept = PROOFS.c.state.in_(("redeemed", "running", "done"))
        with self._database.transaction() as connection:
            stored = connection.execute(select(PROOFS.c.key_hash).where(PROOFS.c.id == proof, kept)).scalar()
        return matches(key, stored)

    def consent(self, proof: str, now: datetime, needs: Iterable[str] = ()) -> None:
        """Note that the person agrees, and, apart from what the caller has said, what they say they cannot do.

        Until the steps begin it may be said again, with more that cannot be done: a microphone may turn out to be missing.
        The first time is the one that is kept. Raises ProofClosed, and ConfigError for needs that leave too little.
        """
        stored = self._known(proof)
        own_needs = sorted({*stored.own_needs, *needs} - set(stored.needs))
        if stored.policy is not None:
            stored.policy.kinds_for([*stored.needs, *own_needs])
        agreed = {"consent_us": func.coalesce(PROOFS.c.consent_us, unix_us(now)), "own_needs": packed(own_needs)}
        # Of two that say so at once one wins, so that no need is lost.
        same = func.coalesce(PROOFS.c.own_needs, packed([])) == packed(list(stored.own_needs))
        self._move(proof, now, agreed, PROOFS.c.state == "redeemed", same)

    def begin(self, proof: str, now: datetime) -> None:
        """The steps begin, once, after consent. Raises ProofClosed."""
        self._move(proof, now, {"state": "running"}, PROOFS.c.state == "redeemed", PROOFS.c.consent_us.is_not(None))

    def finish(self, proof: str, verdict: Outcome, report: bytes, now: datetime) -> None:
        """Keep the result, once: of steps that have begun or, where the person has not come so far, "cannot_judge".

        Raises ProofClosed where it is too late (`GRACE_S` after the person's time), or has ended already.
        """
        if verdict not in OUTCOMES:
            raise InputError(f"verdict: one of {', '.join(OUTCOMES)} is expected")
        if len(report) > LONGEST_BYTES:
            raise InputError(f"report: {len(report)} bytes, {LONGEST_BYTES} are allowed")
        policy, now_us = self._known(proof).policy, unix_us(now)
        states = ("redeemed", "running") if verdict == "cannot_judge" else ("running",)
        here = and_(PROOFS.c.id == proof, PROOFS.c.state.in_(states), PROOFS.c.expires_us > now_us - _GRACE_US)
        with self._database.transaction() as connection:
            ended = _end(connection, here, "done", now_us, policy, {"verdict": verdict, "report": report})
        if not ended:
            raise self._closed(proof)

    def expire(self, now: datetime) -> int:
        """End what nobody has finished in time; returns how many there were. To be called every now and then."""
        now_us, count = unix_us(now), 0
        unused = and_(PROOFS.c.state == "waiting", PROOFS.c.expires_us <= now_us)
        unfinished = and_(PROOFS.c.state.in_(("redeemed", "running")), PROOFS.c.expires_us <= now_us - _GRACE_US)
        late = or_(unused, unfinished)
        with self._database.transaction() as connection:
            for row in connection.execute(select(PROOFS).where(late)).all():
                count += _end(connection, and_(late, PROOFS.c.id == row.id), "expired", now_us, proof_of(row).policy)
        return count

    def _move(self, proof: str, now: datetime, values: Mapping[str, Any], *where: ColumnElement[bool]) -> None:
        here = and_(PROOFS.c.id == proof, PROOFS.c.expires_us > unix_us(now), *where)
        with self._database.transaction() as connection:
            moved = connection.execute(update(PROOFS).where(here).values(values)).rowcount == 1
        if not moved:
            raise self._closed(proof)

    def _closed(self, proof: str) -> ProofClosed:
        state = self._known(proof).state
        return ProofClosed(f"this cannot be done now: the proof is {state}, or its time is over", state)


def _take(connection: Connection, row: Row[Any], key: str, now_us: int) -> bool:
    """Give the proof to whoever holds the right token; False if somebody else has it, or it is too late."""
    policy = proof_of(row).policy
    answer_us = 0 if policy is None else round(policy.answer_s * 1e6)
    taken = {"state": "redeemed", "key_hash": token_hash(key), "token_hash": None, "expires_us": now_us + answer_us}
    here = and_(_waits(row, now_us), PROOFS.c.token_hash == row.token_hash)
    return connection.execute(update(PROOFS).where(here).values(taken)).rowcount == 1


def _count_wrong(connection: Connection, row: Row[Any], now_us: int) -> int:
    """How many wrong tokens there have been, this one included; 0 if the proof does not take tokens any more."""
    counted = {"wrong_tokens": PROOFS.c.wrong_tokens + 1}
    if connection.execute(update(PROOFS).where(_waits(row, now_us)).values(counted)).rowcount != 1:
        return 0
    wrong = int(connection.execute(select(PROOFS.c.wrong_tokens).where(PROOFS.c.id == row.id)).scalar_one())
    if wrong >= WRONG_TOKENS:
        _end(connection, PROOFS.c.id == row.id, "expired", now_us, proof_of(row).policy)
    return wrong


def _waits(row: Row[Any], now_us: int) -> ColumnElement[bool]:
    return and_(PROOFS.c.id == row.id, PROOFS.c.state == "waiting", PROOFS.c.expires_us > now_us)


def _end(
    connection: Connection,
    here: ColumnElement[bool],
    state: str,
    now_us: int,
    policy: ProofPolicy | None,
    result: Mapping[str, Any] | None = None,
) -> int:
    """End the proofs that are `here`, and note when they are to be forgotten; returns how many there were."""
    keep_us = 0 if policy is None else max(round(policy.keep_days * _DAY_US), memory_us(policy))
    ended = {**(result or {}), "state": state, "ended_us": now_us, "erase_us": now_us + keep_us, "token_hash": None}
    return connection.execute(update(PROOFS).where(here).values(ended)).rowcount
