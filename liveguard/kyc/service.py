"""All proofs of one server, from the link to the signed report. Belongs to the event loop's thread."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from liveguard import utc
from liveguard.challenge.checks import challenge_checks
from liveguard.challenge.policy import ProofPolicy
from liveguard.challenge.script import draw, new_nonce
from liveguard.errors import ConfigError, LiveguardError
from liveguard.guard import Guard
from liveguard.kyc.decision import Decision, decide
from liveguard.kyc.entries import policy_dict
from liveguard.kyc.errors import ProofClosed, UnknownProof
from liveguard.kyc.flow import Attempt
from liveguard.kyc.keys import fingerprint, load_or_create, public_pem
from liveguard.kyc.messages import OpenProof
from liveguard.kyc.page import Gone, Page, Stopped
from liveguard.kyc.record import Record
from liveguard.kyc.store import NewProof, ProofStore
from liveguard.kyc.tables import Proof
from liveguard.kyc.webhook import forget, tell
from liveguard.server.database import Database
from liveguard.server.hub import PRUNE_EVERY_S, Hub, Refused
from liveguard.server.metrics import Metrics
from liveguard.server.store import Store

if TYPE_CHECKING:
    from liveguard.server.guarded import Guarded
    from liveguard.server.settings import ServerSettings

log = logging.getLogger(__name__)
GOING_ON: Final = ("redeemed", "running")
MOST_ATTEMPTS: Final = 3
LOOK_EVERY_S: Final = 5.0
AGAIN_WITHIN_S: Final = 60.0
RETURN_WITHIN_S: Final = 30.0
"""How long a page whose connection has broken may take to come back; as long as its camera's feed is kept."""
NO_TIME = "the time for this session is over"
LEFT = "the session was not finished: it was stopped, the page was left, or its connection broke"


@dataclass(slots=True, eq=False)
class _Running:
    """A proof that is led, over one connection of its page after the other: what came of it so far.

    `trouble`: why it cannot go on, for the page.
    """

    page: Page
    record: Record | None = None
    decision: Decision | None = None
    trouble: LiveguardError | None = None
    _came: asyncio.Event = field(default_factory=asyncio.Event)

    def go_on_with(self, page: Page) -> None:
        """The page has come back; the connection that it had before may not have been missed yet."""
        before, self.page = self.page, page
        before.take(None)
        self._came.set()

    async def ready(self) -> Page:
        """The page, once it is ready for an attempt. Raises Stopped, and Gone if it does not come back in time."""
        while True:
            page = self.page
            try:
                await page.ready()
            except Gone:
                if self.page is page:
                    await self._another()
            else:
                return page

    async def _another(self) -> None:
        self._came.clear()
        try:
            await asyncio.wait_for(self._came.wait(), RETURN_WITHIN_S)
        except asyncio.TimeoutError:
            raise Gone("the page has not come back") from None


class Proofs:
    """`start` within a running loop, `close` at the end. The database and `guard` remain the caller's.

    Proofs have a hub of their own, so that they are not seen among the calls, reach no sink, and leave nothing in the store
    of sessions and alerts: what remains of one is its report.
    """

    def __init__(self, settings: ServerSettings, guard: Guard, database: Database) -> None:
        """Raises ConfigError where the key that signs reports, or the webhook, cannot be used."""
        self.store = ProofStore(database)
        # Without a file the key lives as long as the server: reports verify, but by a key that nobody can pin.
        self._key = Ed25519PrivateKey.generate() if settings.proof_key is None else load_or_create(settings.proof_key)
        self._policy = settings.config.proof
        config = replace(settings.config, sinks=(), max_faces=max(settings.config.max_faces, 2))
        checks = challenge_checks(settings.config.proof.lag_most_ms)
        self._guard = Guard(config, detectors=[*guard.detectors, *checks])
        self._passing = Store("sqlite://")
        self.hub = Hub(replace(settings, config=config), self._guard, self._passing, Metrics(self._guard.detectors))
        self._running: dict[str, tuple[_Running, asyncio.Task[None]]] = {}
        self._closing = False
        self._housekeeping: asyncio.Task[None]
        self._webhook, self._outbox = settings.open_proof_webhook(), settings.proof_outbox

    async def start(self) -> None:
        await self.hub.start()
        self._housekeeping = asyncio.create_task(self._look_after())

    async def close(self) -> None:
        self._closing = True
        tasks = [self._housekeeping, *(leading for _, leading in self._running.values())]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.hub.close()
        await asyncio.to_thread(self._guard.close)
        self._passing.close()
        if self._webhook is not None:
            await asyncio.to_thread(self._webhook.close)

    # --- for the caller ---------------------------------------------------------------------------------------------

    @property
    def key(self) -> tuple[str, str]:
        """What reports are signed with, to check them by: the public key (PEM) and its fingerprint."""
        return public_pem(self._key).decode(), fingerprint(self._key.public_key())

    async def open(self, wanted: OpenProof) -> NewProof:
        """A new proof. Raises ConfigError for a policy or needs that cannot be, LockedOut."""
        if "lag_most_ms" in wanted.policy:  # the checks are made once, for all sessions
            raise ConfigError("proof.lag_most_ms is the server's own setting: it cannot be asked for")
        policy = ProofPolicy.of({**policy_dict(self._policy), **wanted.policy})
        create = partial(self.store.create, locale=wanted.locale, needs=wanted.cannot, notify=self._webhook is not None)
        return await asyncio.to_thread(create, wanted.subject, policy, utc.now())

    async def erase(self, proof_id: str) -> None:
        """Forget it; a page that is at it has nothing to finish any more. Raises UnknownProof."""
        await asyncio.to_thread(self.store.erase, proof_id, utc.now())
        await self._end_feed(proof_id)
        await asyncio.to_thread(forget, self._outbox, [proof_id])

    async def known(self, proof_id: str) -> Proof:
        """Raises UnknownProof."""
        proof = await asyncio.to_thread(self.store.proof, proof_id)
        if proof is None:
            raise UnknownProof("there is no proof with this id")
        return proof

    # --- for the person's page --------------------------------------------------------------------------------------

    async def redeem(self, proof_id: str, token: str) -> tuple[Proof, str]:
        """The proof, and the key that steers it from now on. Raises UnknownProof, WrongToken, ProofClosed."""
        key = await asyncio.to_thread(self.store.redeem, proof_id, token, utc.now())
        return await self.known(proof_id), key

    async def check_key(self, proof_id: str, key: str) -> None:
        """Raises Refused for who may not steer this proof."""
        if not await asyncio.to_thread(self.store.knows, proof_id, key):
            raise Refused(401, "this page may not steer this session, or its time is over")

    async def consent(self, proof_id: str, cannot: Sequence[str]) -> None:
        await asyncio.to_thread(self.store.consent, proof_id, utc.now(), cannot)

    async def offer(self, proof_id: str, sdp: str, camera: Mapping[str, Any] | None) -> str:
        """The answer to the page's offer, after consent; a connection that broke may be made anew."""
        await self._check_open(proof_id)
        opened = await self.hub.open(proof_id, "proof", sdp, camera)
        try:
            await self._check_open(proof_id)  # it may have ended meanwhile
        except LiveguardError:
            await self.hub.end(opened.guarded)
            raise
        return opened.sdp

    async def _check_open(self, proof_id: str) -> None:
        proof = await self.known(proof_id)
        if proof.consent_at is None or proof.state not in GOING_ON:
            raise ProofClosed("no picture is taken before the person has agreed, or after the end", proof.state)

    async def run(self, proof_id: str, page: Page) -> None:
        """Lead a page through the proof; returns when it is over, or the page has gone. Raises Refused, ProofClosed.

        The key is known to one page only, so one that comes while another is there is the same, over a new connection.
        """
        if proof_id in self._running:
            running, leading = self._running[proof_id]
            running.go_on_with(page)
        else:
            running = _Running(page)
            leading = asyncio.create_task(self._lead(proof_id, running))
            self._running[proof_id] = running, leading
        pinging, leaving = asyncio.create_task(page.ping()), asyncio.create_task(page.gone.wait())
        try:
            await asyncio.wait((leading, leaving), return_when=asyncio.FIRST_COMPLETED)
        finally:
            pinging.cancel()
            leaving.cancel()
            await asyncio.gather(pinging, leaving, return_exceptions=True)
        if running.trouble is not None:
            raise running.trouble

    # --- one proof --------------------------------------------------------------------------------------------------

    async def _lead(self, proof_id: str, running: _Running) -> None:
        try:
            await self._run(await self.known(proof_id), running)
        except LiveguardError as error:
            running.trouble = error
        finally:
            try:
                await self._end_feed(proof_id)
            finally:
                del self._running[proof_id]

    async def _run(self, proof: Proof, running: _Running) -> None:
        left_s = (proof.expires_at - utc.now()).total_seconds()
        reason = LEFT
        try:
            await asyncio.wait_for(self._attempts(proof.id, running), left_s)
        except asyncio.TimeoutError:
            reason = NO_TIME
            await running.page.say({"type": "trouble", "why": "late"})
        except Stopped:
            pass
        finally:  # whatever has happened, what was begun comes to an end that is signed
            await self._finish(running, running.decision or Decision("cannot_judge", 0.0, (reason,)))

    async def _attempts(self, proof_id: str, running: _Running) -> None:
        """Until one is decided, or there are no more tries or no more will to."""
        page = await running.ready()
        await asyncio.to_thread(self.store.begin, proof_id, utc.now())
        proof = await self.known(proof_id)  # with what the person has agreed to
        running.record = Record(proof)
        for number in range(1, MOST_ATTEMPTS + 1):
            try:
                decision = await self._attempt(proof, running.record, page, number)
            except Gone:  # whoever comes back gets another script: this one was seen
                decision = Decision("cannot_judge", 0.0, (LEFT,))
                running.record.broke_off(decision)
            running.decision = decision
            again = decision.verdict == "cannot_judge" and not decision.final and number < MOST_ATTEMPTS
            if not again:
                await self._finish(running, decision)
            said = {"type": "done", "verdict": decision.verdict, "hints": list(decision.hints), "retry": again}
            await page.say(said)
            if not again:
                return
            try:
                page = await asyncio.wait_for(running.ready(), AGAIN_WITHIN_S)
            except asyncio.TimeoutError:
                return

    async def _attempt(self, proof: Proof, record: Record, page: Page, number: int) -> Decision:
        assert proof.policy is not None  # of one that is not erased
        nonce = proof.nonce if number == 1 else new_nonce()
        steps = draw(nonce, proof.policy, [*proof.needs, *proof.own_needs])
        guarded = self._feed(proof.id)
        attempt = Attempt(guarded, steps, page)
        record.begin(utc.now(), nonce, steps)
        guarded.on_event = attempt.heard
        try:
            results = await attempt.run()
        finally:
            guarded.on_event = None
        record.passive = self._passive(guarded)
        decision = decide(proof.policy, results, record.passive, proof.needs, proof.own_needs)
        record.result(utc.now(), results, [asked.cue_us for asked in attempt.asked], guarded.tap.facts, decision)
        return decision

    def _feed(self, proof_id: str) -> Guarded:
        for guarded in self.hub.live():
            if guarded.participant == proof_id:
                return guarded
        raise Refused(409, "there is no picture: the camera is not connected")

    def _passive(self, guarded: Guarded) -> dict[str, float]:
        """What the checks that run all the time hold against the feed at the end, in nats."""
        policy = self._guard.config.policy
        prior = math.log(policy.prior / (1 - policy.prior))
        risks = [status.risk for status in (guarded.tick.statuses if guarded.tick else ()) if status.risk is not None]
        worst = min(max([*risks, 0.0]), 1 - 1e-9)
        return {} if worst <= policy.prior else {"watched": math.log(worst / (1 - worst)) - prior}

    async def _finish(self, running: _Running, decision: Decision) -> None:
        """Once, where it was begun; a proof that was erased meanwhile keeps nothing."""
        record = running.record
        if record is None or record.closed:
            return
        report = record.close(utc.now(), decision, self._key)
        try:
            await asyncio.to_thread(self.store.finish, record.proof.id, decision.verdict, report, utc.now())
        except LiveguardError as error:
            log.error("proof %s: its result is not kept: %s", record.proof.id, error)
            return
        await self._tell()

    async def _tell(self) -> None:
        """Hand results to the webhook; what cannot be handed over now is tried again."""
        if self._webhook is not None:
            try:
                await asyncio.to_thread(tell, self.store, self._webhook, utc.now())
            except LiveguardError as error:
                log.error("%s", error)

    async def _end_feed(self, proof_id: str) -> None:
        for guarded in self.hub.live():
            if guarded.participant == proof_id:
                await self.hub.end(guarded)

    async def _end_feeds(self) -> None:
        """Whose proof has ended by itself: a page that has a camera connected need never have asked to be led."""
        for guarded in self.hub.live():
            if (await self.known(guarded.participant)).state not in GOING_ON:
                await self.hub.end(guarded)

    async def _look_after(self) -> None:
        pruned_s = float("-inf")
        while not self._closing:  # a cancellation that comes while a feed ends may get lost in wait_for
            try:
                await asyncio.to_thread(self.store.expire, utc.now())
                await self._end_feeds()
                if time.monotonic() - pruned_s > PRUNE_EVERY_S:
                    pruned_s = time.monotonic()
                    pruned = await asyncio.to_thread(self.store.prune, utc.now())
                    await asyncio.to_thread(forget, self._outbox, pruned)
            except LiveguardError as error:
                log.error("%s", error)
            await self._tell()
            await asyncio.sleep(LOOK_EVERY_S)
