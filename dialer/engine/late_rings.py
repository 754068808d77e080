"""Hang up on telephones that have rung for long when agents ran short, and never on a person who has answered."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import replace

import structlog

from dialer.domain.ids import AttemptId
from dialer.domain.pacing_plan import GIVEN_UP_NOTE
from dialer.engine.call import Call, Said
from dialer.engine.calls import Calls
from dialer.errors import WireError
from dialer.ports import Clock, VoicePort

log = structlog.get_logger()

WIRE_S = 10.0


class LateRings:
    """Of one job. Which calls, and why, its pacer says (`pacing.late_rings`)."""

    def __init__(self, calls: Calls, voice: VoicePort, clock: Clock) -> None:
        self._calls, self._voice, self._clock = calls, voice, clock

    def give_up(self, late: Iterable[AttemptId], group: asyncio.TaskGroup) -> None:
        """Ask the switch to end these calls, each beside the dialling."""
        for attempt_id in late:
            call = self._calls.get(attempt_id)
            if call is not None and call.facts.answered_at is None and not (call.off_line or call.given_up or call.kept):
                # They end as any ring does that nobody answered: it has rung for as long as we let it, which is until now.
                call.facts = replace(call.facts, ring_timeout_at=self._clock.now())
                call.given_up, call.said = True, Said(code="", source="network", note=GIVEN_UP_NOTE)
                group.create_task(self._ask(call), name=f"give up {attempt_id}")

    async def _ask(self, call: Call) -> None:
        attempt, over = call.attempt, False
        try:
            async with asyncio.timeout(WIRE_S):
                over = await self._voice.give_up(attempt.id, attempt.switch)
        except (WireError, TimeoutError) as trouble:
            log.warning("a late ring goes on", attempt=attempt.id, reason=str(trouble))
        except Exception:  # the outer edge of one call: its trouble may not end the job
            log.exception("a switch failed in a way that it should not; the call rings on", attempt=attempt.id)
        finally:
            if not over:  # somebody was quicker: an answered call like any other
                call.given_up = False
                if call.said is not None and call.said.note == GIVEN_UP_NOTE:
                    call.said = None
