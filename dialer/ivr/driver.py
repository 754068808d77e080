"""What a call can be made to do, whoever carries it: an Asterisk by AGI, or the player of tests."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dialer.errors import BadInput, OutdialError

ALL_KEYS = "0123456789*#"


class CallEnded(OutdialError):
    """The contact has hung up. Apps do not catch it."""


class CallLost(CallEnded):
    """The call was given up by us: the switch did not do in time what it was asked. The contact may still be there."""


class PlaybackFailed(OutdialError):
    """The switch could not play a sound that we named: the file is missing, or unreadable to it."""


class PromptFailed(OutdialError):
    """A prompt cannot be had: no recording, no text, or no speech. An app may catch it and go on without the prompt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """Something to play: an absolute path without its extension, and what is said in it."""

    path: str
    text: str = ""
    key: str = ""
    language: str = "en"


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """The keys that were pressed. `hashed`: the contact ended them with #."""

    keys: str = ""
    hashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A recording that was made: where, and how long."""

    path: str
    duration_s: float
    ended_by: str  # "key", "silence", "limit" or "hangup"


class Transfer(StrEnum):
    """How a transfer ended."""

    CONNECTED = "connected"  # they talked
    BUSY = "busy"
    NO_ANSWER = "no answer"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where to transfer a call: a number on a trunk, or a queue of the switch. Refuses any other shape on creation."""

    number: str = ""
    trunk: str = ""
    queue: str = ""

    def __post_init__(self) -> None:
        if self.queue:
            good = bool(NAME.fullmatch(self.queue)) and not self.number
        else:
            good = bool(NUMBER.fullmatch(self.number)) and bool(NAME.fullmatch(self.trunk))
        if not good:
            raise BadInput("a transfer goes to +<digits> on a trunk, or to queue:<name>", where="transfer")

    @classmethod
    def parse(cls, text: str, trunk: str) -> Target:
        """Read "+15551234567" or "queue:donors". Raises BadInput."""
        if text.startswith("queue:"):
            return cls(queue=text.removeprefix("queue:"))
        return cls(number=text, trunk=trunk)


NUMBER = re.compile(r"\+?[0-9]{3,15}", re.ASCII)  # nothing that a dialplan could take for a second leg
NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}", re.ASCII)


class NoSuchDialplan(Exception):
    """The switch has no such place in its dialplan; the text says what is missing."""


class CallDriver(Protocol):
    """One call. Every verb raises CallEnded when the contact is gone, and PlaybackFailed where a sound cannot be played."""

    async def answer(self) -> None:
        """Pick up; quiet when the call is up already."""

    async def stream(self, sound: Sound, *, stop_keys: str = "") -> str:
        """Play to the end, or to one of the keys that stop it. Returns that key or ""."""

    async def get_data(self, sound: Sound | None, *, timeout_s: float, max_digits: int) -> Typed:
        """Play (a key interrupts it) and collect keys: until `max_digits`, #, or `timeout_s` without one."""

    async def wait_for_key(self, timeout_s: float) -> str:
        """Wait in silence. Returns the key that was pressed, or ""."""

    async def say_digits(self, digits: str) -> None:
        """Speak digits one by one with the switch's own sounds."""

    async def say_number(self, number: int) -> None:
        """Speak a number with the switch's own sounds."""

    async def record(self, path: str, *, max_s: float, silence_s: float, beep: bool, stop_keys: str) -> Recording:
        """Record the contact into `path` (absolute, without its extension)."""

    async def transfer(self, target: Target, *, ring_timeout_s: float, max_talk_s: float) -> Transfer:
        """Connect the contact with somebody else; returns when they have parted, also where the contact hung up first."""

    async def wait_for_beep(self, max_s: float) -> bool:
        """Wait until a greeting is over. False: it still spoke after `max_s`."""

    async def set_language(self, language: str) -> None:
        """Choose the language of the switch's own sounds."""

    async def hand_over(self, place: str) -> None:
        """Let the call go on in the switch's own dialplan ("context,extension") as soon as we let go of it.

        Raises NoSuchDialplan.
        """

    async def hangup(self) -> None:
        """End the call; quiet when it has ended."""
