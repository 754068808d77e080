"""Read how many people answer messages with what: "sms: YES=0.2, STOP=0.01"."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from dialer.domain.channel import Channel
from dialer.errors import BadInput

WRITTEN = (Channel.SMS, Channel.EMAIL)
_ONE = re.compile(r"\s*(?P<text>.+?)\s*=\s*(?P<share>[0-9]*\.?[0-9]+)\s*(?:,|$)")
_FOR_EXAMPLE = "for example 'sms: YES=0.2, STOP=0.01'"


def shares_of(said: Iterable[str], channels: Collection[Channel]) -> dict[Channel, dict[str, float]]:
    """The share of each text among the messages that arrive, by channel; several for one channel are taken together.

    `channels`: those on which the strategy writes. Raises BadInput.
    """
    found: dict[Channel, dict[str, float]] = {}
    for one in said:
        name, colon, texts = one.partition(":")
        channel = next((each for each in WRITTEN if each.value == name.strip().casefold()), None)
        if not colon or channel is None:
            raise BadInput(f"{one!r} does not begin with a channel", where="--reply", mend=f"sms or email; {_FOR_EXAMPLE}")
        if channel not in channels:
            raise BadInput(f"the strategy writes nothing by {channel.value}", where="--reply")
        found.setdefault(channel, {}).update(_shares(texts))
    for channel, shares in found.items():
        if sum(shares.values()) > 1 + 1e-9:
            raise BadInput(f"the shares of {channel.value} are above 1 together", where="--reply", mend="the rest says nothing")
    return found


def _shares(texts: str) -> dict[str, float]:
    shares: dict[str, float] = {}
    at = 0
    while at < len(texts):
        one = _ONE.match(texts, at)
        if one is None:
            raise BadInput(f"{texts[at:].strip()!r} is no share of answers", where="--reply", mend=_FOR_EXAMPLE)
        shares[one["text"]] = float(one["share"])
        at = one.end()
    if not shares:
        raise BadInput("there is no answer", where="--reply", mend=_FOR_EXAMPLE)
    return shares
