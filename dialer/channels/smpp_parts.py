"""Put the parts of a long message that somebody wrote to us together again."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from dialer.channels.smpp_codes import octets_of, part_of, read_text, text_of
from dialer.domain.sms_text import CentreAlphabet
from dialer.ports import Clock
from dialer.smpp_pdu import ShortMessage

WAIT_S = 600.0  # for the missing parts
KEPT = 1000  # messages that miss a part
MISSING = "[...]"  # stands, in a line of its own, for parts that never came

_Key = tuple[str, str, int, int]  # from, to, reference, number of parts


@dataclass(slots=True)
class _Open:
    began_s: float
    first: ShortMessage  # the part that came first
    parts: dict[int, tuple[int, bytes]] = field(default_factory=dict)  # by its place: data coding and octets


class Parts:
    """Parts are in memory only: a centre that hands out one message after another would never send the next one if the first were
    not answered. A crash between two parts of one message loses it; a part that never comes does not lose the others.
    """

    def __init__(self, clock: Clock, centre: CentreAlphabet = CentreAlphabet.GSM) -> None:
        self._clock, self._centre = clock, centre
        self._open: dict[_Key, _Open] = {}

    def whole(self, message: ShortMessage) -> str | None:
        """The whole text, or None while parts are missing. Until `done`, its last part gives the whole text again."""
        part = part_of(message)
        if part is None:
            return text_of(message, self._centre)
        found = self._open.setdefault(_key(message, part), _Open(self._clock.monotonic_s(), message))
        found.parts[part[2]] = (message.data_coding, octets_of(message))
        return self._joined(found, part[1]) if len(found.parts) == part[1] else None

    @property
    def too_many(self) -> bool:
        """Whether more messages miss a part than are kept."""
        return len(self._open) > KEPT

    def given_up(self, *, all_of_them: bool = False) -> list[tuple[ShortMessage, str]]:
        """Messages whose missing parts are not waited for any longer, each with its text so far. They are forgotten here."""
        until, spare = self._clock.monotonic_s() - WAIT_S, len(self._open) - KEPT
        late = [key for place, (key, one) in enumerate(self._open.items()) if all_of_them or one.began_s < until or place < spare]
        return [(one.first, self._joined(one, key[3])) for key in late if (one := self._open.pop(key))]

    def done(self, message: ShortMessage) -> None:
        """It is kept: the next message may use its reference again."""
        if (part := part_of(message)) is not None:
            self._open.pop(_key(message, part), None)

    def _joined(self, one: _Open, total: int) -> str:
        """The octets of neighbours are joined before they are read: some telephones cut in the middle of a character."""
        here = [(place in one.parts, one.parts.get(place, (0, b""))) for place in range(1, total + 1)]
        pieces = list[str]()
        for (is_here, coding), group in groupby(here, key=lambda part: (part[0], part[1][0])):
            octets = b"".join(octets for _, (_, octets) in group)
            pieces.append(read_text(octets, coding, self._centre) if is_here else f"\n{MISSING}\n")
        return "".join(pieces).strip("\n") if len(one.parts) < total else "".join(pieces)


def _key(message: ShortMessage, part: tuple[int, int, int]) -> _Key:
    """With the number of parts: a reference is used again soon, and mostly by a message of another length."""
    return message.source.number, message.destination.number, part[0], part[1]
