"""Put the parts of a long message that somebody wrote to us together again."""

from __future__ import annotations

from dataclasses import dataclass, field

from dialer.channels.smpp_codes import part_of, text_of
from dialer.ports import Clock
from dialer.smpp_pdu import ShortMessage

WAIT_S = 600.0  # for the missing parts; what came of it is then forgotten
KEPT = 1000  # messages that miss a part


@dataclass(slots=True)
class _Open:
    began_s: float
    texts: dict[int, str] = field(default_factory=dict)


class Parts:
    """Parts are in memory only: a centre that hands out one message after another would never send the next one if the first were
    not answered. A crash between two parts of one message loses it.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open: dict[tuple[str, str, int, int], _Open] = {}

    def whole(self, message: ShortMessage) -> str | None:
        """The whole text, or None while parts are missing. Until `done`, its last part gives the whole text again."""
        part = part_of(message)
        text = text_of(message)
        if part is None:
            return text
        now = self._clock.monotonic_s()
        for old in [key for key, one in self._open.items() if now - one.began_s > WAIT_S]:
            del self._open[old]
        while len(self._open) >= KEPT:
            del self._open[next(iter(self._open))]
        found = self._open.setdefault(_key(message, part), _Open(now))
        found.texts[part[2]] = text
        return "".join(found.texts[place] for place in sorted(found.texts)) if len(found.texts) == part[1] else None

    def done(self, message: ShortMessage) -> None:
        """It is kept: the next message may use its reference again."""
        if (part := part_of(message)) is not None:
            self._open.pop(_key(message, part), None)


def _key(message: ShortMessage, part: tuple[int, int, int]) -> tuple[str, str, int, int]:
    return message.source.number, message.destination.number, part[0], part[1]
