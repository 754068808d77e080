"""What the operator says about a switch and its trunks: where they are, and how much they may be asked to carry."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dialer.errors import BadInput

# The names become part of an AMI header, of a channel name and of a channel id: nothing that any of them could read as syntax.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}\Z")
NODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}\Z")
ADDRESS = re.compile(r"(?:[A-Za-z0-9.-]{1,200}|\[[0-9A-Fa-f:.]{2,60}\]):[0-9]{1,5}\Z")


def checked(pattern: re.Pattern[str], what: str, value: str) -> str:
    """`value`, if it has the shape of `pattern`. Raises BadInput."""
    if not pattern.match(value):
        raise BadInput(f"{value!r} cannot be {what}", where=what, mend="letters, digits, dot, dash and underscore only")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class SwitchConfig:
    """One Asterisk: its manager interface (AMI), and the caps that hold for all its trunks together."""

    name: str
    host: str
    port: int = 5038
    username: str
    secret: str
    max_cps: float = 10.0  # call set-ups a second: in no sliding second more
    max_channels: int = 250
    connect_timeout_s: float = 5.0  # for the TCP connection, and again for the login
    ping_interval_s: float = 2.0
    ping_deadline_s: float = 6.0  # a ping unanswered for so long: hung. With the interval: noticed within 8 s
    action_timeout_s: float = 8.0  # after that an order is MaybeSent
    list_timeout_s: float = 10.0  # the channel list must be whole within this
    boot_wait_s: float = 2.0  # how long FullyBooted is waited for; a login without the right to see it never gets it
    backoff_first_s: float = 0.25
    backoff_max_s: float = 5.0
    refused_retry_s: float = 60.0  # a refused login is repeated no oftener: fail2ban and the log of the switch

    def __post_init__(self) -> None:
        checked(NAME, "the name of a switch", self.name)
        if self.max_cps <= 0 or self.max_channels <= 0:
            raise BadInput("the caps of a switch must be positive", where=self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrunkConfig:
    """One way out of a switch: a PJSIP endpoint, and the caps that its carrier gave us."""

    name: str
    switch: str
    endpoint: str  # the PJSIP endpoint's name on the switch
    max_cps: float = 10.0
    max_channels: int = 250
    tag_calls: bool = False  # show the attempt id as the caller's name: for a laboratory's truth log, never for a real carrier

    def __post_init__(self) -> None:
        checked(NAME, "the name of a trunk", self.name)
        checked(NAME, "the PJSIP endpoint of a trunk", self.endpoint)
        if self.max_cps <= 0 or self.max_channels <= 0:
            raise BadInput("the caps of a trunk must be positive", where=self.name)
