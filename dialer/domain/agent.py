"""An agent: somebody who talks to contacts; what this person is doing, and the rules by which a campaign lets them work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dialer.domain.ids import AgentId, OrgId

SKILL_LEAST, SKILL_MOST = 1, 10
PREFERRED_MOST = 20
"""So many campaigns an agent may put before the others."""

STALE_S = 60.0
"""An agent whose desk has been silent for so long is not there any more."""


# Both go to the switch: nothing but plain names and numbers.
PHONE = re.compile(r"\+?[A-Za-z0-9][A-Za-z0-9._-]{0,78}")
NUMBER = re.compile(r"\+?[0-9*#]{2,20}")


class AgentState(StrEnum):
    """What an agent is doing.

    LOGGED_OUT <──> NOT_READY <──> READY ──────────────┐  (a contact waits)
                        ^            │ (a contact is   v
                        │            v    offered)  DIALLING ──> TALKING <──> HELD
                        │         PREVIEW ──────────> ^   │        │  └──> CONSULT ──> CONFERENCE
                        │            │ (passed over)  │   v        v          │            │
                        └─────── READY or NOT_READY <──── WRAP_UP <───────────┴────────────┘
                                                      (and DIALLING again: redial)

    Who asks for NOT_READY or to log out with a contact before them gets it when the contact is wrapped up; who does so while
    a call rings that counts on them, when it is over.
    """

    LOGGED_OUT = "logged_out"  # not at work
    NOT_READY = "not_ready"  # at work, and takes no contact: a break, or the telephone is not up
    READY = "ready"  # waits for a contact
    PREVIEW = "preview"  # reads about a contact that has not been called yet; of a manual campaign: dials it elsewhere
    DIALLING = "dialling"  # the contact is being called, or joined
    TALKING = "talking"  # with the contact
    HELD = "held"  # the contact hears music
    CONSULT = "consult"  # asks a third person; the contact hears music
    CONFERENCE = "conference"  # three talk
    WRAP_UP = "wrap_up"  # the contact is gone; the agent writes down how it ended


@dataclass(frozen=True, slots=True, kw_only=True)
class Agent:
    """Who it is. `login` is unique in the organisation without regard to case."""

    id: AgentId
    org_id: OrgId
    login: str
    name: str = ""
    phone: str = ""  # where the own telephone is rung: a SIP endpoint of the switch; "" = said at log-in, or none at all
    skills: Mapping[str, int] = field(default_factory=dict)  # with levels, SKILL_LEAST to SKILL_MOST
    campaigns: tuple[str, ...] = ()  # whose contacts the agent may get; () = every campaign's
    preferred: tuple[str, ...] = ()  # from these first, in this order
    active: bool = True  # who is not may not log in; what was done stays on record
    supervisor: bool = False  # may see the floor, listen to the talks of others, whisper and barge in

    def may_work(self, campaign: str, wanted: Mapping[str, int]) -> str:
        """Why this agent gets no contacts of a campaign that wants these skills; "" when the agent does."""
        if self.campaigns and campaign.casefold() not in {one.casefold() for one in self.campaigns}:
            return f"{self.login} does not work for {campaign}"
        mine = {name.casefold(): level for name, level in self.skills.items()}
        short = [f"{name} {level}" for name, level in wanted.items() if mine.get(name.casefold(), 0) < level]
        return f"{self.login} has not the skill {', '.join(short)}" if short else ""


class KeysTold(StrEnum):
    """What an agent is told of the keys that a contact presses. They may be the digits of a card."""

    NONE = "none"
    HIDDEN = "hidden"  # that one was pressed, and not which
    SHOWN = "shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRules:
    """How agents work on the contacts of one campaign. A call keeps the rules with which it came to the agent."""

    codes: tuple[str, ...] = ()  # the completion codes from which an agent chooses, as the ledger writes them
    default_code: str = ""  # when the agent chose none in time; "" = what the dialer itself knows of the call
    wrap_up_s: float | None = 60.0  # None = as long as the agent wants
    extension_s: float = 60.0
    extensions_most: int = 2
    preview_s: float | None = None  # then the contact is called by itself; None = only when the agent says so
    can_cancel_preview: bool = True
    script: str = ""  # what agents are to say, as they see it beside the contact
    keys: KeysTold = KeysTold.NONE
