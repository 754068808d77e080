"""How the floor of a node is set up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorOptions:
    """What a node knows of its agents' surroundings."""

    node: str
    leg_trunk: str  # agents' telephones are on its switch, and those that are numbers are rung over it
    caller_ids: Mapping[str, str] = field(default_factory=dict)  # by trunk: the number that is shown; "" = none
    region: str = "US"  # of numbers that agents write without a country code
    unmask: frozenset[str] = frozenset()  # logins, in small letters, of agents who see masked attributes
    tell_of_listening: bool = False  # agents are told of who only listens, too
