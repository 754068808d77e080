"""The voice channel of an installation without a telephone network: it has no switch, and nothing is ever dialled."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

from dialer.domain.ids import AttemptId
from dialer.errors import NotSent
from dialer.ports import CallOrder, LiveChannel, SwitchEvent, SwitchState, VoiceEvent

NOWHERE = ""  # the name of the trunk that there is not


class NoVoice:
    """Stands where the engine expects switches. Implements `VoicePort`."""

    async def start(self) -> None:
        """There is nothing to connect to."""

    async def stop(self) -> None:
        """There is nothing to close."""

    async def events(self) -> AsyncIterator[VoiceEvent | SwitchEvent]:
        """Nothing happens, for ever."""
        await asyncio.Event().wait()
        yield SwitchEvent(switch=NOWHERE, state=SwitchState.DOWN, at=datetime.now(UTC))  # never reached: makes this a generator

    def state_of(self, switch: str) -> SwitchState:
        """No switch is up."""
        return SwitchState.DOWN

    def switches(self) -> Sequence[str]:
        """There are none."""
        return ()

    def switch_for(self, trunk: str) -> str:
        """No switch carries a trunk."""
        return NOWHERE

    def room(self, trunk: str) -> int:
        """Nothing can be dialled."""
        return 0

    async def place(self, order: CallOrder) -> None:
        """Raises NotSent."""
        raise NotSent("this installation has no telephone network ([agents] mode = non_telephony)")

    async def hang_up(self, attempt_id: AttemptId, switch: str) -> None:
        """There is no call to end."""

    async def give_up(self, attempt_id: AttemptId, switch: str) -> bool:
        """There is no call to end."""
        return True

    async def live_channels(self, switch: str) -> Sequence[LiveChannel]:
        """There are none."""
        return ()

    def ready(self, switch: str) -> None:
        """There is nothing to make ready."""
