"""Fold what is known of one call into its facts, and the facts into the code that the system gives it.

Facts come late, twice and in any order: a switch tells a hang-up before the answer, a link repeats, a sweep repairs. So every
fact is kept by a rule under which order and repetition cannot matter: the earliest time, and the most telling cause.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from dialer.domain.causes import Cause, verdict
from dialer.domain.codes import SystemCode

TIMER_SLACK = timedelta(seconds=1)  # the switch's ring timer and ours do not start at the same moment


class FactKind(StrEnum):
    """What can become known of a call. The first five have the names of the voice channel's events."""

    STARTED = "started"
    RINGING = "ringing"
    ANSWERED = "answered"
    ORIGINATE_FAILED = "originate_failed"
    HANGUP = "hangup"  # with cause and tech_cause
    AMD = "amd"  # the answering-machine detector has decided; with amd_status and amd_cause
    SERVED = "served"  # an IVR app, an agent or a message took the call
    HANG_UP_ASKED = "hang_up_asked"  # we ended it: the app, the operator, a limit


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFacts:
    """All that is known of one call; times are the earliest that were told, aware UTC."""

    ring_timeout_at: datetime | None = None  # when our own ring timeout strikes; None where it is not known
    started_at: datetime | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    failed_at: datetime | None = None  # the order ended without an answer
    ended_at: datetime | None = None  # the channel is gone
    hang_up_asked_at: datetime | None = None
    served: bool = False
    cause: int | None = None  # Q.850
    tech_cause: int | None = None  # SIP status
    amd_status: str = ""  # HUMAN, MACHINE, NOTSURE, HANGUP, FAX
    amd_cause: str = ""  # TOOLONG-5000, LONGGREETING-1500-1500, ...

    @property
    def ended(self) -> bool:
        """The call is over: the channel is gone, or the order failed and no answer is known of."""
        return self.ended_at is not None or (self.failed_at is not None and self.answered_at is None)

    @property
    def ended_by_us(self) -> bool:
        """We asked for the hang-up, and not only after the far end had gone by itself."""
        asked = self.hang_up_asked_at
        return asked is not None and (self.ended_at is None or asked <= self.ended_at)

    @property
    def timed_out(self) -> bool:
        """Our own ring timeout had passed when the call ended."""
        ended, limit = self.ended_at or self.failed_at, self.ring_timeout_at
        return ended is not None and limit is not None and ended >= limit - TIMER_SLACK

    def seen(
        self,
        kind: str,
        at: datetime,
        *,
        cause: int | None = None,
        tech_cause: int | None = None,
        amd_status: str = "",
        amd_cause: str = "",
    ) -> CallFacts:
        """The facts with one more, of a `FactKind`. Any order, with any repetition, of the same facts gives the same."""
        match FactKind(kind):
            case FactKind.STARTED:
                return replace(self, started_at=earliest(self.started_at, at))
            case FactKind.RINGING:
                return replace(self, ringing_at=earliest(self.ringing_at, at))
            case FactKind.ANSWERED:
                return replace(self, answered_at=earliest(self.answered_at, at))
            case FactKind.ORIGINATE_FAILED:
                return replace(self, failed_at=earliest(self.failed_at, at))
            case FactKind.HANGUP:
                best = max((self.cause, self.tech_cause), (cause, tech_cause), key=telling)
                return replace(self, ended_at=earliest(self.ended_at, at), cause=best[0], tech_cause=best[1])
            case FactKind.AMD:
                heard = max((self.amd_status, self.amd_cause), (amd_status, amd_cause))
                return replace(self, amd_status=heard[0], amd_cause=heard[1])
            case FactKind.SERVED:
                return replace(self, served=True)
            case FactKind.HANG_UP_ASKED:
                return replace(self, hang_up_asked_at=earliest(self.hang_up_asked_at, at))


def earliest(known: datetime | None, at: datetime) -> datetime:
    """The first of two moments, of which one may be unknown."""
    return at if known is None else min(known, at)


def telling(causes: tuple[int | None, int | None]) -> tuple[int, int, int, int]:
    """How much a pair of causes says: a SIP status before a bare cause before nothing; then any fixed order will do."""
    cause, tech_cause = causes
    return (tech_cause or 0, cause or 0, -1 if tech_cause is None else 0, -1 if cause is None else 0)


def network_verdict(facts: CallFacts) -> Cause:
    """The row of the table for the call's end: its code, and whether the contact, the trunk or the switch is to blame."""
    return verdict(
        facts.cause,
        facts.tech_cause,
        answered=facts.answered_at is not None,
        rang=facts.ringing_at is not None,
        timed_out=facts.timed_out,
        cancelled=facts.ended_by_us,
    )


def system_code(facts: CallFacts) -> SystemCode:
    """The code that the system gives the call; ATTEMPT_IN_PROGRESS until it is over.

    What an IVR app or an agent said goes before it, and is kept apart.
    """
    if not facts.ended:
        return SystemCode.ATTEMPT_IN_PROGRESS
    if facts.answered_at is None:
        return network_verdict(facts).code
    heard = amd_code(facts.amd_status, facts.amd_cause)
    if heard is not None and heard is not SystemCode.ANSWER_HUMAN:
        return heard  # machine, fax and silence stay what they are, also when an app played them a message
    if facts.served or facts.amd_status.upper() == "HANGUP":
        # An app or an agent had the call and left no result. Hang-ups of ours are known by our asking for them.
        return SystemCode.DISCONNECTED_BY_SYSTEM if facts.ended_by_us else SystemCode.DISCONNECTED_BY_USER
    return heard or SystemCode.CALL_ANSWERED


def unserved_code(facts: CallFacts, *, patience_s: float) -> SystemCode:
    """The code of an answered call that no app, agent or message ever had.

    Who hangs up within `patience_s` of answering left by choice; who stayed longer was called for nothing.
    """
    if facts.amd_status or facts.answered_at is None or facts.ended_at is None:
        return system_code(facts)
    stayed_s = (facts.ended_at - facts.answered_at).total_seconds()
    return SystemCode.DISCONNECTED_BY_USER if stayed_s < patience_s else SystemCode.NUISANCE_CALL


def amd_code(status: str, cause: str) -> SystemCode | None:
    """What the answering-machine detector heard; None when it did not run or cannot tell.

    A line without a voice ends as INITIALSILENCE (which AMD calls a machine) or, when no verdict came in time, as TOOLONG.
    """
    reason = cause.partition("-")[0].upper()
    match status.upper():
        case "FAX":
            return SystemCode.FAX
        case "MACHINE":
            return SystemCode.SILENCE_DETECTED if reason == "INITIALSILENCE" else SystemCode.ANSWER_MACHINE
        case "NOTSURE":
            return SystemCode.SILENCE_DETECTED if reason == "TOOLONG" else None
        case "HUMAN":
            return SystemCode.ANSWER_HUMAN
    return None


def silence_as_person(status: str, cause: str) -> tuple[str, str]:
    """The detector's word where silence is not told apart: a quiet line is taken for a person; its cause stays on record."""
    return ("HUMAN", cause) if amd_code(status, cause) is SystemCode.SILENCE_DETECTED else (status, cause)
