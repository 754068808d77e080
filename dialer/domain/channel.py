"""The ways to reach a contact, and what may be an address of each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

from dialer.domain.contact import Address


class Channel(StrEnum):
    """On which way an attempt is made."""

    VOICE = "voice"  # a call through a switch
    SMS = "sms"  # a text message
    EMAIL = "email"
    CUSTOM = "custom"  # whatever a custom action does


# The kinds of address (`Address.channel`) that a channel can use: a telephone is called, and written to.
_USES: Mapping[Channel, frozenset[str]] = {
    Channel.VOICE: frozenset({"voice"}),
    Channel.SMS: frozenset({"voice"}),
    Channel.EMAIL: frozenset({"email"}),
    Channel.CUSTOM: frozenset({"voice", "email"}),
}
_TELEPHONE = re.compile(r"\+[0-9]{3,15}")
_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,189}")
_SHAPES: Mapping[str, re.Pattern[str]] = {"voice": _TELEPHONE, "email": _EMAIL}
_WORDS: Mapping[str, str] = {"voice": "a telephone number", "email": "an email address"}


def by_name(addresses: Sequence[Address], channel: Channel) -> dict[str, Address]:
    """A contact's addresses that a channel can use, by their names without regard to case."""
    return {one.name.casefold(): one for one in addresses if one.channel in _USES[channel]}


def misshapen(address: Address) -> str:
    """What an address should be and is not; "" when it is. An import has checked it, and it is checked again before use."""
    return "" if _SHAPES[address.channel].fullmatch(address.value) else f"not {_WORDS[address.channel]}"
