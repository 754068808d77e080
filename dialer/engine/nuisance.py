"""A job's message for persons who find no agent: it is a sound on the switch before anybody is called."""

from __future__ import annotations

import asyncio

from dialer.errors import BadInput
from dialer.ports import Clock
from dialer.ports_agents import SoundOf

AGAIN_S = 10.0  # what could not be made is tried again so much later
MOST_S = 30.0  # no speech engine needs longer


class NuisanceMessage:
    """`sound` is the one to order, once `missing` has said that nothing is."""

    def __init__(self, sound_of: SoundOf, clock: Clock) -> None:
        self._sound_of, self._clock = sound_of, clock
        self._said: str | None = None  # what `sound` says
        self._because, self._again_s = "", 0.0
        self.sound = ""

    async def missing(self, wanted: str) -> str:
        """Why nobody may be called yet: the message that the campaign wants is no sound. "" = it is one."""
        if wanted == self._said:
            return ""
        now_s = self._clock.monotonic_s()
        if self._because and now_s < self._again_s:
            return self._because
        try:
            async with asyncio.timeout(MOST_S):
                self.sound = await self._sound_of(wanted)
        except (BadInput, TimeoutError) as trouble:
            self._because = f"the nuisance message cannot be made: {trouble or 'the speech engine does not answer'}"
            self._again_s = now_s + AGAIN_S
            return self._because
        self._said, self._because = wanted, ""
        return ""
