"""What a supervisor can ask for: to listen to an agent's talk, to whisper to the agent, to barge in, and to stop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenTo:
    """Hear an agent's talk, and be heard by nobody. Your own telephone is rung, and then stays with this agent until you stop."""

    agent: str = ""  # login; "" = to whom you listen already: only how is another
    phone: str = ""  # where the own telephone is rung; "" = as you are defined


@dataclass(frozen=True, slots=True, kw_only=True)
class Whisper:
    """The same, and the agent hears you."""

    agent: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BargeIn:
    """The same, and agent and contact hear you."""

    agent: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopListening:
    """Leave the agent; your telephone is hung up."""


SupervisorCommand: TypeAlias = ListenTo | Whisper | BargeIn | StopListening
