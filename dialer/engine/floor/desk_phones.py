"""Agents' telephones: rung at log-in as soon as their switch is there, kept up, and hung up when the agent goes home."""

from __future__ import annotations

import asyncio

import structlog

from dialer.domain.agent import AgentState
from dialer.domain.agent_events import Notice
from dialer.domain.ids import new_leg_id
from dialer.engine.floor.callers import Callers
from dialer.engine.floor.desks import Desks
from dialer.engine.floor.ground import Ground
from dialer.engine.floor.old_talks import OldTalks
from dialer.engine.floor.seat import Seat
from dialer.errors import MaybeSent, NotSent
from dialer.ports import SwitchState
from dialer.ports_agents import LegOrder

log = structlog.get_logger()

ORDER_S = 30.0  # an order waits so long for its turn and its answer
AGAIN_S = 0.5
RING_WAIT_S = 60.0  # a telephone is rung as soon as its switch can, within this time


class DeskPhones:
    """Of all desks of a floor."""

    def __init__(self, ground: Ground, desks: Desks, old_talks: OldTalks, callers: Callers) -> None:
        self._ground, self._desks, self._old_talks, self._callers = ground, desks, old_talks, callers

    async def ring(self, seat: Seat, phone: str) -> None:
        """Ring it when its switch is there, and again when the link broke over it. The agent is told why it takes longer.

        Raises WireError when it could not be rung in time, or never can.
        """
        ground, trunk = self._ground, self._ground.options.leg_trunk
        switch, until = ground.voice.switch_for(trunk), ground.clock.monotonic_s() + RING_WAIT_S
        told, doubtful = set[str](), None  # a leg of which nobody knows whether it was ordered
        while True:
            while (state := ground.voice.state_of(switch)) is not SwitchState.READY and ground.clock.monotonic_s() < until:
                self._tell(seat, f"the switch {switch} is {state.value}", told)
                await ground.clock.sleep(AGAIN_S)
            if seat.desk.state is AgentState.LOGGED_OUT or await self._old_talks.give_back(seat) or self._callers.give_back(seat):
                return
            leg = new_leg_id()
            over = trunk if phone.startswith("+") else ""
            shown = ground.options.caller_ids.get(over, "")
            order = LegOrder(leg_id=leg, phone=phone, switch=switch, trunk=over, caller_id=shown)
            try:
                async with asyncio.timeout(ORDER_S):
                    if doubtful is not None:
                        await ground.agents.drop(doubtful)  # or the same telephone would ring twice
                        doubtful = None
                    ground.seats.take_leg(seat, leg, switch)
                    await ground.agents.ring(order)
                return
            except (NotSent, MaybeSent, TimeoutError) as trouble:
                ground.seats.forget_leg(leg)
                if ground.clock.monotonic_s() >= until:
                    raise
                log.warning("a telephone is rung again", agent=seat.desk.agent.login, switch=switch, reason=str(trouble))
                self._tell(seat, str(trouble) or "the switch did not answer in time", told)
                doubtful = doubtful or (None if isinstance(trouble, NotSent) else leg)
                await ground.clock.sleep(AGAIN_S)

    async def drop(self, seat: Seat) -> None:
        """Hang it up. Raises WireError."""
        if (leg := seat.leg_id) is not None:
            self._ground.seats.forget_leg(leg)
            await self._ground.agents.drop(leg)

    def _tell(self, seat: Seat, because: str, told: set[str]) -> None:
        if because not in told:
            told.add(because)
            text = f"your telephone is rung as soon as it can be: {because}"
            self._desks.tell(seat, Notice(at=self._ground.clock.now(), text=text))
