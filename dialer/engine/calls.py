"""The calls that are up: what happens to each, and its end, recorded exactly once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from dialer import failpoints
from dialer.domain.attempt import Attempt, AttemptState
from dialer.domain.codes import SystemCode
from dialer.domain.hangup import CallFacts, FactKind
from dialer.domain.ids import AttemptId, JobId, OrgId
from dialer.domain.strategy import DIALPLAN
from dialer.engine.call import Call, Said
from dialer.engine.marks import Marks
from dialer.engine.recording import record
from dialer.errors import StoreDown
from dialer.ports import Clock, LiveChannel, VoiceEvent, VoiceEventKind
from dialer.services.completion import Completed, StrategyOf
from dialer.store.store import Store, Tx
from dialer.tasks import Tasks

log = structlog.get_logger()

APP_GRACE_S = 3.0
"""After the hang-up the app gets this long to say its last word: the key was pressed before the line went dead."""

HANG_UP_GRACE_S = 1.0
"""A failed order and its hang-up are told in no fixed order: the hang-up, which has the cause, is waited for this long."""

TALK_MOST = timedelta(hours=4, minutes=5)
"""A contact with an agent, or passed on to somebody else: the dialplan ends it after four hours ([outdial-floor])."""

OVER_KEPT = 20_000  # ended calls that are remembered: more than can end while a sweep reads the ledger


class Calls:
    """All calls of this node. Implements `services.pdc.SessionListener`."""

    def __init__(self, store: Store, strategy_of: StrategyOf, clock: Clock) -> None:
        self._store, self._strategy_of, self._clock = store, strategy_of, clock
        self._live: dict[AttemptId, Call] = {}
        self._over: dict[AttemptId, None] = {}  # the latest that have their code, oldest first
        self._per_job: Counter[JobId] = Counter()
        self._per_trunk: Counter[str] = Counter()
        self._tasks = Tasks()
        self._marks = Marks(store)
        self.on_completed: Callable[[Completed], None] = lambda completed: None
        # Its line is free again, and what the network says of it; who keeps it says its code.
        self.on_over: Callable[[Call, SystemCode], None] = lambda call, code: None
        self.repairs = 0  # attempts that a sweep had to close because their events never came

    # ── what is up ────────────────────────────────────────────────────────────────────────────────────────────────

    def begin(self, attempt: Attempt, *, adopted: bool = False) -> Call:
        """An intent is on disk: from here on the attempt must end with a code. `adopted`: it was written in an earlier life."""
        call = self._live.get(attempt.id)
        if call is None:
            facts = CallFacts(ringing_at=attempt.ringing_at, answered_at=attempt.answered_at)
            call = self._live[attempt.id] = Call(attempt, facts, adopted=adopted)
            if adopted and (attempt.app or "").startswith(DIALPLAN):
                # It goes on in the switch without us, and its dialplan still tells us of its end.
                self.session_opened(attempt.id, attempt.amd_status or "", attempt.amd_cause or "", treated=True)
            self._per_job[attempt.job_id] += 1
            self._per_trunk[attempt.trunk] += 1
        return call

    def get(self, attempt_id: AttemptId) -> Call | None:
        """A call that is up; None when it is over or never was."""
        return self._live.get(attempt_id)

    def is_over(self, attempt_id: AttemptId) -> bool:
        """Whether a call has ended lately: who read the ledger a moment ago may still take it for open."""
        return attempt_id in self._over

    def in_flight(self, job_id: JobId | None = None) -> int:
        """How many calls are up or being placed, of one job or of all."""
        return self._per_job.total() if job_id is None else self._per_job[job_id]

    def on_trunk(self, trunk: str) -> int:
        """How many calls are up or being placed on one trunk."""
        return self._per_trunk[trunk]

    def of_job(self, job_id: JobId) -> list[Attempt]:
        """The attempts of one job that are up."""
        return [call.attempt for call in self._live.values() if call.attempt.job_id == job_id]

    def ringing(self, job_id: JobId) -> int:
        """How many calls of a job have not been answered yet."""
        return sum(call.facts.answered_at is None and not call.off_line for call in self.up(job_id))

    def of_earlier_life(self, org_id: OrgId, login: str) -> list[Call]:
        """The calls that an agent had when the dialer before this one died, of which nobody has seen the end."""
        return [
            call
            for call in self._live.values()
            if call.adopted and call.attempt.joined_at is not None and not (call.kept or call.off_line or call.closing)
            if call.attempt.org_id == org_id and call.attempt.agent.casefold() == login.casefold()
        ]

    def up(self, job_id: JobId) -> Iterator[Call]:
        """The calls of a job that are up or being placed, and those whose code is not written yet."""
        return (call for call in self._live.values() if call.attempt.job_id == job_id)

    # ── what happens ──────────────────────────────────────────────────────────────────────────────────────────────

    def sent(self, call: Call) -> None:
        """The switch took the order."""
        now = self._clock.now()
        self._mark(call.attempt.id, AttemptState.SENT, now)
        if call.attempt.state is AttemptState.INTENT:
            call.attempt = replace(call.attempt, state=AttemptState.SENT, sent_at=now)

    def on_event(self, event: VoiceEvent) -> None:
        """Fold one fact into its call. Facts of calls that are over, and of none of ours, change nothing."""
        call = self._live.get(event.attempt_id)
        if call is None:
            return
        before = call.facts
        call.facts = before.seen(event.kind.value, event.at, cause=event.cause, tech_cause=event.tech_cause)
        if event.kind is VoiceEventKind.RINGING:
            failpoints.hit("K5")
            if call.rings_since_s is None:
                call.rings_since_s = self._clock.monotonic_s()
        if call.facts.answered_at is not None and before.answered_at is None:
            self._mark(call.attempt.id, AttemptState.ANSWERED, call.facts.answered_at)
            failpoints.hit("K6")
        if call.facts.ended_at is not None:
            call.hung_up.set()
        if call.facts.ended and not call.off_line:
            self._over_now(call)

    def _over_now(self, call: Call) -> None:
        self._free_line(call)
        if call.given_up and call.facts.answered_at is not None and not call.facts.amd_status:
            self.person(call, call.facts.answered_at, "")  # who answered in the moment of our hang-up
        self.on_over(call, call.system_code(self._clock.now()))
        if not call.kept:
            self.close(call)

    def _free_line(self, call: Call) -> None:
        if not call.off_line:
            call.off_line = True
            self._per_job[call.attempt.job_id] -= 1
            self._per_trunk[call.attempt.trunk] -= 1

    def person(self, call: Call, at: datetime, amd: str) -> None:
        """A person has answered a call for agents; no app will have it."""
        call.facts = call.facts.seen(FactKind.ANSWERED, at).seen(FactKind.AMD, at, amd_status=amd)
        if call.attempt.person_at is None:
            call.attempt = replace(call.attempt, person_at=at)
            self._start(self._note(lambda tx: tx.attempts.person_answered(call.attempt.id, at, amd)), "note a person")

    def joined(self, call: Call, at: datetime, login: str) -> None:
        """An agent has the contact, and will say the code."""
        call.facts = call.facts.seen(FactKind.SERVED, at)
        call.attempt = replace(call.attempt, joined_at=call.attempt.joined_at or at, agent=login)
        call.kept = True
        self._start(self._note(lambda tx: tx.attempts.agent_joined(call.attempt.id, at, login)), "note an agent")

    def finish(self, call: Call, said: Said) -> None:
        """The agent is through with it. A call that goes on without the agent gets this code when it ends."""
        call.kept, call.said = False, said
        if call.off_line or call.facts.hang_up_asked_at is not None:
            self.close(call)
        elif said.code:  # whatever happens meanwhile, this is the last word
            self._start(
                self._note(lambda tx: tx.attempts.set_app_code(call.attempt.id, said.code, self._clock.now())), "note a code"
            )

    async def _note(self, work: Callable[[Tx], None]) -> None:
        try:
            await self._store.write(work)
        except StoreDown as down:  # the code, which is written for ever until it is on disk, carries the same facts
            log.warning("not noted of a call", reason=str(down))

    def seen_on_switch(self, attempt: Attempt, channel: LiveChannel, *, lately_s: float = 0.0) -> None:
        """A sweep has found the call on the switch: what its channel shows is known, whether or not its events came.

        `lately_s`: it may be so for so long already, while nobody listened.
        """
        call = self.begin(attempt)
        kind, known = {"ringing": FactKind.RINGING, "up": FactKind.ANSWERED}.get(channel.state), call.facts.answered_at
        if kind is not None:
            call.facts = call.facts.seen(kind, max(attempt.intent_at, self._clock.now() - timedelta(seconds=lately_s)))
        if known is None and call.facts.answered_at is not None:  # before anybody notes a person: theirs is the later moment
            self._mark(attempt.id, AttemptState.ANSWERED, call.facts.answered_at)

    def session_opened(self, attempt_id: AttemptId, amd_status: str, amd_cause: str, *, treated: bool) -> None:
        """The IVR side has taken the call over."""
        if (call := self._live.get(attempt_id)) is not None:
            call.session_opened = True
            now = self._clock.now()
            call.facts = call.facts.seen(FactKind.ANSWERED, now)
            call.facts = call.facts.seen(FactKind.AMD, now, amd_status=amd_status, amd_cause=amd_cause)
            if treated:
                call.facts = call.facts.seen(FactKind.SERVED, now)

    def session_ended(self, attempt_id: AttemptId, *, hung_up: bool) -> None:
        """The app, or the switch's dialplan, has said its last word; `hung_up`: and has ended the call."""
        if hung_up:
            self.hang_up_asked(attempt_id)
        if (call := self._live.get(attempt_id)) is not None:
            call.session_ended.set()

    def hang_up_asked(self, attempt_id: AttemptId) -> None:
        """We end this call ourselves."""
        if (call := self._live.get(attempt_id)) is not None:
            call.facts = call.facts.seen(FactKind.HANG_UP_ASKED, self._clock.now())

    # ── how it ends ───────────────────────────────────────────────────────────────────────────────────────────────

    def close(self, call: Call, *, code: SystemCode | None = None, source: str = "network") -> None:
        """The call is over: record its code, now or as soon as the database can. `code` is what reconciliation found."""
        if call.closing:
            return
        if call.kept and source == "reconcile":  # nobody saw its end; its agent still says the code
            if not call.off_line:
                call.facts = call.facts.seen(FactKind.HANGUP, self._clock.now())
                self._over_now(call)
            return
        call.closing = True
        self._start(self._close(call, code, source), f"close {call.attempt.id}")

    async def until_closed(self, attempt_id: AttemptId, within_s: float) -> bool:
        """Wait until a call has its code on disk; False when it has none in time. A call that is not up has one."""
        call = self._live.get(attempt_id)
        return call is None or await _wait(call.closed, within_s)

    async def _close(self, call: Call, code: SystemCode | None, source: str) -> None:
        try:
            await self._record(call, code, source)
        except BaseException:
            call.closing = False  # the next sweep finds it open, and closes it then
            raise

    async def _record(self, call: Call, code: SystemCode | None, source: str) -> None:
        if call.facts.ended_at is None and code is None:
            await _wait(call.hung_up, HANG_UP_GRACE_S)
        ended_at = call.facts.ended_at or self._clock.now()
        if call.session_opened and not await _wait(call.session_ended, APP_GRACE_S):
            log.warning("the app did not end with its call", attempt=call.attempt.id)
        found = code or call.system_code(self._clock.now())
        closing = call.ending(found, ended_at, source)
        completed = await record(self._store, self._clock, call.attempt.id, closing, self._strategy_of)
        call.closed.set()
        if self._live.pop(call.attempt.id, None) is not None:
            if not call.off_line:
                self._free_line(call)
                self.on_over(call, found)
            self._over[call.attempt.id] = None
            if len(self._over) > OVER_KEPT:
                del self._over[next(iter(self._over))]
        if completed is not None:
            self.on_completed(completed)

    def expired(self, older_than: timedelta) -> list[Call]:
        """Calls that have been up longer than any call may be; people may talk with agents for as long as the switch allows."""
        now, talks = self._clock.now(), max(older_than, TALK_MOST)
        up = (call for call in self._live.values() if not (call.closing or call.off_line))
        return [call for call in up if now - call.attempt.intent_at > (talks if call.attempt.person_at else older_than)]

    # ── work beside the router ────────────────────────────────────────────────────────────────────────────────────

    def _mark(self, attempt_id: AttemptId, state: AttemptState, at: datetime) -> None:
        if self._marks.add((attempt_id, state, at)):
            self._start(self._marks.write(), "mark attempts")

    def _start(self, work: Coroutine[None, None, None], name: str) -> None:
        task = self._tasks.start(self._guard(work), name=name)
        task.add_done_callback(lambda _: work.close())  # where it was cancelled before it began

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:  # the outer edge of a call's own task: one call's trouble may not end another's
            log.exception("a call's task failed")

    async def drain(self, within_s: float) -> None:
        """Wait until every pending write is done, at most so long."""
        await self._tasks.wait(within_s)

    async def stop(self) -> None:
        """Give up what is still pending; the ledger and reconciliation take it up at the next start."""
        await self._tasks.stop()


async def _wait(event: asyncio.Event, seconds: float) -> bool:
    """Whether the event came in time."""
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
