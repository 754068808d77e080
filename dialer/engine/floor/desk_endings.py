"""How a contact leaves a desk: with its code on record, over to another agent, or back to its job uncalled."""

from __future__ import annotations

import structlog

from dialer.domain.attempt import AGENT, DEFAULT
from dialer.domain.codes import SystemCode
from dialer.domain.desk_call import DeskCall
from dialer.domain.desk_tasks import CloseAttempt, CodeFrom
from dialer.engine.call import Call, Said
from dialer.engine.calls import Calls
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.matching import Matching
from dialer.engine.floor.seat import Seat
from dialer.engine.recording import record
from dialer.errors import StoreDown
from dialer.pacing.floor import AgentFound
from dialer.services import agent_calls
from dialer.services.completion import Completed
from dialer.store.attempts import Closing

log = structlog.get_logger()

RETRY_S = 0.5


class DeskEndings:
    """Of all desks of a floor."""

    def __init__(self, ground: Ground, matching: Matching) -> None:
        self._ground, self._matching = ground, matching

    async def close(self, seat: Seat, task: CloseAttempt) -> None:
        """Record the code that the agent, the campaign or the network gives."""
        ground, call, login = self._ground, task.call, seat.desk.agent.login
        source = {CodeFrom.AGENT: AGENT, CodeFrom.DEFAULT: DEFAULT, CodeFrom.NETWORK: "network"}[task.source]
        said = Said(code=task.code, source=source, agent=login, note=task.note, next_at=task.next_at)
        if call.attempt_id is not None and (live := ground.calls.get(call.attempt_id)) is not None:
            ground.seats.lose_contact(seat, call.attempt_id)  # also of a redial
            self._found(live, task.code)
            ground.calls.finish(live, said)
            return
        if call.attempt_id is None and task.source is CodeFrom.NETWORK:
            return  # it was not placed, and why is on record
        now = ground.clock.now()
        closing = Closing(
            code=task.code or call.fallback or SystemCode.UNKNOWN.value,
            source=source,
            system_code=call.fallback or SystemCode.PREVIEW_CANCELLED.value,
            ended_at=call.ended_at or now,
            answered_at=call.joined_at,
            agent=login,
            next_at=task.next_at,
            app_note=task.note,
        )
        if call.attempt_id is not None:  # a manual call: no switch knows it
            completed = await record(ground.store, ground.clock, call.attempt_id, closing, ground.strategy_of)
        else:
            completed = await self._uncalled(call, closing)
        if completed is not None:
            ground.calls.on_completed(completed)

    def _found(self, live: Call, code: str) -> None:
        """What an agent found on the line teaches the pacer which answers are persons."""
        job, answered = self._ground.jobs.get(live.attempt.job_id), live.facts.answered_at
        if job is not None and answered is not None and live.attempt.joined_at is not None:
            rang = answered - (live.attempt.sent_at or live.attempt.intent_at)
            machine = code in (SystemCode.ANSWER_MACHINE, SystemCode.FAX)
            job.learn(AgentFound(rang_s=max(0.0, rang.total_seconds()), person=not machine))

    async def _uncalled(self, call: DeskCall, closing: Closing) -> Completed | None:
        ground = self._ground
        while True:
            now = ground.clock.now()
            try:
                job = await ground.store.read(lambda tx: tx.jobs(None).get(call.job_id))
                return await agent_calls.record_uncalled(
                    ground.store, job, ground.strategy_of, call.contact_id, closing, node=ground.options.node, now=now
                )
            except StoreDown as down:
                log.error("a contact that was passed over waits for the database", reason=str(down))
                await ground.clock.sleep(RETRY_S)

    def hand_over(self, seat: Seat, call: DeskCall, code: str) -> None:
        """The agent's line was lost: another agent has the contact, or the call ends with the code."""
        ground, live = self._ground, live_call(self._ground.calls, call)
        if live is None:
            return
        live.kept = False
        if live.attempt.joined_at is not None:
            found = call.rules.default_code or code
            live.said = Said(code=found, source=DEFAULT, agent=seat.desk.agent.login)
        if live.off_line:
            ground.calls.close(live)
        else:
            self._matching.wait_again(live)

    async def give_back(self, call: DeskCall) -> None:
        """The contact was not called."""
        ground, now = self._ground, self._ground.clock.now()
        if call.attempt_id is not None:  # a manual one: its intent was on disk, and nobody called
            code = SystemCode.NOT_LAUNCHED.value
            closing = Closing(code=code, source="network", system_code=code, ended_at=now)
            completed = await record(ground.store, ground.clock, call.attempt_id, closing, ground.strategy_of)
            if completed is not None:
                ground.calls.on_completed(completed)
            return
        try:
            await agent_calls.give_back(ground.store, call.job_id, call.contact_id, now=now)
        except StoreDown as down:  # the lease ends by itself
            log.warning("a contact that was offered is not given back", reason=str(down))


def live_call(calls: Calls, call: DeskCall) -> Call | None:
    """The call as it is up, or waits for its code; None where it is over, or was never placed."""
    return None if call.attempt_id is None else calls.get(call.attempt_id)
