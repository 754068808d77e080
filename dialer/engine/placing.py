"""Order one call of a job from its switch, and draw from the answer what becomes of the attempt."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import structlog

from dialer import failpoints
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job
from dialer.domain.codes import SystemCode
from dialer.domain.live_answer import wait_s
from dialer.domain.strategy import Strategy
from dialer.engine.breaker import Breaker
from dialer.engine.call import UNSERVED_S, Call
from dialer.engine.calls import Calls
from dialer.engine.nuisance import NuisanceMessage
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.ports import CallOrder, Clock, VoicePort

log = structlog.get_logger()

DETECTOR_S = 5.0  # the longest that the answering-machine detector listens
FIRST_WORD_S = 0.15  # from the moment at which the switch begins the message until its first word is heard, at the most


class Placing:
    """Of one job. `nuisance`: what persons hear who find no agent, where the job has agents."""

    def __init__(
        self,
        *,
        voice: VoicePort,
        calls: Calls,
        clock: Clock,
        job: Job,
        strategy: Strategy,
        caller_id: str,
        breaker: Breaker,
        nuisance: NuisanceMessage | None,
    ) -> None:
        self.job = job
        self._voice, self._calls, self._clock, self._strategy = voice, calls, clock, strategy
        self._caller_id, self._breaker, self._nuisance = caller_id, breaker, nuisance

    async def place(self, call: Call, attempt: Attempt, sender: str) -> None:
        """Its intent is on disk: ask the switch for the call. `sender`: the number to be shown; "" = the job's."""
        handler = self._strategy.call_handler(attempt.handler)
        order = CallOrder(
            attempt_id=attempt.id,
            number=attempt.address,
            trunk=attempt.trunk,
            caller_id=sender or self._caller_id,
            ring_timeout_s=handler.ring_timeout_s,
            nonce=attempt.nonce,
            amd=handler.detect_machine,
        )
        if self._nuisance is not None:
            order = self._for_agents(order, self._nuisance.sound)
        call.wait_s = order.wait_s
        call.facts = replace(call.facts, ring_timeout_at=self._clock.now() + timedelta(seconds=handler.ring_timeout_s))
        call.patience_s = UNSERVED_S + (DETECTOR_S if handler.detect_machine else 0.0)
        try:
            await self._voice.place(order)
        except NotSent as reason:
            log.warning("the call never left", attempt=attempt.id, reason=str(reason))
            self._calls.close(call, code=SystemCode.NOT_LAUNCHED, source="network")
        except Rejected as reason:
            # The switch is set up wrongly. That is no fault of the contact: it stays due, and the trunk rests.
            log.error("the switch refused the call", attempt=attempt.id, reason=str(reason))
            self._breaker.trip(f"the switch refused the call: {reason}", self._clock.monotonic_s())
            self._calls.close(call, code=SystemCode.NOT_LAUNCHED, source="network")
        except MaybeSent as reason:
            log.warning("the call may have left; reconciliation will tell", attempt=attempt.id, reason=str(reason))
        except Exception:  # the outer edge of one call: its trouble may not cut off the orders of others
            log.exception("a switch failed in a way that it should not; reconciliation will tell", attempt=attempt.id)
        else:
            failpoints.hit("K4")
            self._calls.sent(call)
        finally:
            call.placing = False

    def _for_agents(self, order: CallOrder, nuisance: str) -> CallOrder:
        """Whoever answers waits for an agent, in silence, until the message's first word is due."""
        silent_s = max(FIRST_WORD_S, wait_s(self.job.definition.pacing.budget, detected=order.amd) - FIRST_WORD_S)
        return replace(order, floor=True, wait_s=silent_s, nuisance=nuisance)
