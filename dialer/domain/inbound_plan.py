"""What a campaign gives way to: callers who wait in the switch's own queues, from when on, and whether agents go over to them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Blend(StrEnum):
    """Who sends an agent over to the callers of a queue, and back."""

    BY_HAND = "by_hand"  # the agent, by the commands blend_in and blend_out
    AUTOMATIC = "automatic"  # the dialer besides, while a queue stands above its threshold


@dataclass(frozen=True, slots=True, kw_only=True)
class InboundPlan:
    """The queues, and three thresholds each by number and by wait: from them on fewer calls are placed, and at the third none."""

    queues: tuple[str, ...] = ()  # of the switch that carries the campaign's trunk; () = it gives way to nobody
    levels: tuple[int, ...] = (1, 3, 6)  # callers who wait; () = their number does not matter
    waits_s: tuple[float, ...] = ()  # how long the first of them has waited; () = it does not matter
    blend: Blend = Blend.BY_HAND
    blend_after_s: float = 5.0  # a queue stands above its first threshold for so long before agents go over
    blend_back_s: float = 30.0  # and is empty for so long before they come back

    def is_above(self, waiting: int, longest_s: float) -> bool:
        """Whether the first threshold is reached."""
        return waiting > 0 and (
            any(waiting >= one for one in self.levels[:1]) or any(longest_s >= one for one in self.waits_s[:1])
        )

    def __str__(self) -> str:
        numbers = [f"{', '.join(map(str, self.levels))} callers"] if self.levels else []
        waits = [f"{', '.join(f'{one:g}' for one in self.waits_s)} s of wait"] if self.waits_s else []
        blends = ", agents go over by themselves" if self.blend is Blend.AUTOMATIC else ""
        return f"gives way to {', '.join(self.queues)} from {' and '.join(numbers + waits)}{blends}"
