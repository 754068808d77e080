"""One call that is up, or being placed: what is known of it, what its agent says of it, and the code that its end gives."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime

from dialer.domain.attempt import Attempt
from dialer.domain.codes import SystemCode
from dialer.domain.hangup import CallFacts, system_code, unserved_code
from dialer.store.attempts import Closing

UNSERVED_S = 2.0
"""A person who answers hears the app within this time, or has been called for nothing (47 CFR 64.1200(a)(7))."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What an agent, or the rules for agents, say of the end of a call."""

    code: str  # "" = as the network says
    source: str
    agent: str = ""  # the login
    note: str = ""
    next_at: datetime | None = None


class Call:
    """Written by `Calls`, and by the floor where an agent has it."""

    __slots__ = (
        "adopted",
        "attempt",
        "closed",
        "closing",
        "facts",
        "given_up",
        "hung_up",
        "kept",
        "off_line",
        "patience_s",
        "placing",
        "rings_since_s",
        "said",
        "session_ended",
        "session_opened",
        "wait_s",
    )

    def __init__(self, attempt: Attempt, facts: CallFacts, *, adopted: bool = False) -> None:
        self.attempt = attempt
        self.adopted = adopted
        self.facts = facts
        self.patience_s = UNSERVED_S  # how long the switch itself may keep an answered call before its app has it
        self.rings_since_s: float | None = None  # by the clock that never jumps: the network has said in this life that it rings
        self.given_up = False  # we end it while it rings (`late_rings`)
        self.hung_up = asyncio.Event()
        self.placing = False  # the order is being written right now: absence from the switch means nothing yet
        self.closing = False
        self.closed = asyncio.Event()  # its code is on disk
        self.kept = False  # an agent has it: after its hang-up it waits for the agent's code
        self.off_line = False  # its line is free again, and only its code is wanted
        self.said: Said | None = None  # the agent's code, where the call goes on without the agent
        self.session_opened = False
        self.session_ended = asyncio.Event()
        self.wait_s = UNSERVED_S  # of a call for agents: a person may be without one for so long

    def system_code(self, now: datetime) -> SystemCode:
        """What the network, and what we did, say of its end; `now`: where nobody has seen it."""
        if self.attempt.joined_at is not None:
            return SystemCode.ANSWER_HUMAN
        if self.given_up and self.facts.answered_at is not None:
            return SystemCode.NUISANCE_CALL  # called for nothing
        if self.attempt.person_at is not None:
            return self._unmet(self.attempt.person_at, now)
        if self.adopted and self.facts.answered_at is not None and not self.session_opened:
            # Answered, or already with its app, when the last dialer died: the dialplan has apologised.
            return SystemCode.NUISANCE_CALL if self.attempt.app is None else SystemCode.INTERRUPTED
        facts = self.facts
        existed = facts.started_at is not None or facts.ringing_at is not None
        if facts.ended_at is None and existed and not (facts.ended_by_us or facts.timed_out):
            return SystemCode.UNKNOWN  # a channel that was there has ended, and its hang-up, which alone has the cause, was lost
        if self.facts.answered_at is not None and not self.session_opened and not self.facts.ended_by_us:
            return unserved_code(self.facts, patience_s=self.patience_s)
        return system_code(self.facts)

    def _unmet(self, person_at: datetime, now: datetime) -> SystemCode:
        """A person, and no agent: one who left before somebody had to be there was not called for nothing."""
        stayed_s = ((self.facts.ended_at or now) - person_at).total_seconds()
        return SystemCode.DISCONNECTED_BY_USER if stayed_s < self.wait_s else SystemCode.NUISANCE_CALL

    def ending(self, found: SystemCode, ended_at: datetime, source: str) -> Closing:
        """What goes on record of its end. `found`: as the network says; its agent's word goes before."""
        facts, said = self.facts, self.said or Said(code="", source=source)
        return Closing(
            code=said.code or found.value,
            source=said.source if said.code else source,
            system_code=found.value,
            ended_at=max(ended_at, self.attempt.intent_at),
            ringing_at=facts.ringing_at,
            answered_at=facts.answered_at,
            cause=facts.cause,
            tech_cause=facts.tech_cause,
            # Whom the switch had to apologise to while nobody of us was there counts in the law's ledger as well.
            person_at=self.attempt.person_at or (facts.answered_at if found is SystemCode.NUISANCE_CALL else None),
            joined_at=self.attempt.joined_at,
            agent=said.agent or self.attempt.agent,
            next_at=said.next_at,
            app_note=said.note,
        )
