"""People who do not exist answer messages: how many of them say what, how soon, and what a strategy makes of it."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from dialer.domain.channel import Channel
from dialer.domain.codes import SystemCode
from dialer.domain.reply import Search, match
from dialer.domain.strategy import Handler
from dialer.domain.wording import Wish, Wording

# Only who has got a message can answer it.
ARRIVED = (SystemCode.SMS_DELIVERED, SystemCode.SMS_SENT, SystemCode.EMAIL_SENT)
# The mean time until somebody answers who does, of an exponential distribution.
USUAL_AFTER_S: Mapping[Channel, float] = {Channel.SMS: 600.0, Channel.EMAIL: 4 * 3600.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Meant:
    """What an answer comes to: a code, attributes, or nothing and why."""

    code: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    because: str = ""  # there is no code


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What people answer. `shares`: of the messages that arrive on a channel, how many get this text; the rest gets none."""

    shares: Mapping[Channel, Mapping[str, float]]
    wording: Wording
    search: Search
    after_s: Mapping[Channel, float] = field(default_factory=lambda: dict(USUAL_AFTER_S))

    def drawn(self, channel: Channel, rng: random.Random) -> tuple[str, float] | None:
        """What one message is answered with, and after how many seconds; None: nobody says anything."""
        shares = self.shares.get(channel, {})
        if not shares:
            return None
        at = rng.random()
        for text, share in shares.items():
            at -= share
            if at < 0:
                return text, rng.expovariate(1 / self.after_s[channel])
        return None

    def meaning(self, handler: Handler, text: str, *, waited_s: float) -> Meant:
        """As the dialer understands it: the words that stop messages first, then the handler's table.

        A message app is taken to give the code that its parameters name.
        """
        wish = self.wording.wish_in(text)
        if wish is not None:
            stops = wish[0] is Wish.STOP
            return Meant(code=SystemCode.OPTED_OUT.value) if stops else Meant(because=f"it means {wish[0].value.upper()}")
        if handler.replies is None:
            return Meant(because="the handler has no table `replies`")
        if handler.channel is Channel.SMS and waited_s > handler.replies.within_s:
            return Meant(because="it came when the time for answers was over")
        found = match(handler.replies, text, self.search, self.wording.polite)
        code = found.row.code or found.row.parameters.get("code", "")
        because = f"the app {found.row.app} has it" if found.row.app else "only attributes" if found.values else "no row fits"
        return Meant(code=code, values=found.values, because="" if code else because)
