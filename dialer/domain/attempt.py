"""One attempt to reach one contact at one address, and how its facts become a completion code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from dialer.domain.channel import Channel
from dialer.domain.ids import AttemptId, ContactId, JobId, OrgId


class AttemptState(StrEnum):
    """Where an attempt stands.

    INTENT ──> SENT ──> RINGING ──> ANSWERED ──> FINAL
       │         └─────────┴───────────┤           ^
       └────────────> UNKNOWN ─────────┴───────────┘   (after a crash or a lost link, until reconciled)

    CLAIMED is a state of the job contact, not of the attempt: no attempt exists before INTENT is on disk.
    What goes out without a switch is never RINGING or ANSWERED: it is SENT while its end is yet to be told.
    """

    INTENT = "intent"  # committed to disk; nothing written to the switch yet, as far as we know
    SENT = "sent"  # the switch accepted the order to dial, or a gateway what is to be delivered
    RINGING = "ringing"  # the far end rings
    ANSWERED = "answered"  # picked up
    UNKNOWN = "unknown"  # we lost sight of it; reconciliation decides
    FINAL = "final"  # ended, with exactly one completion code


COMPLIANCE = "compliance"  # the source of a code that was given without an attempt: nobody was to be reached

AGENT = "agent"  # the source of a code that an agent chose; DEFAULT: that the dialer set because the agent chose none
DEFAULT = "default"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One row of the ledger. Times are aware UTC; `address` is E.164 with its plus sign where it is a telephone."""

    id: AttemptId
    org_id: OrgId
    job_id: JobId
    contact_id: ContactId
    handler: str  # the strategy handler (its state's name) that made the attempt
    address_name: str  # which of the contact's addresses: "mobile", "home", ...
    address: str  # "" for a custom action that needs none, and where compliance ended the attempt
    trunk: str  # "" where no switch is needed
    switch: str
    node: str
    nonce: str  # what the call must show to the IVR side; one time
    state: AttemptState
    intent_at: datetime
    channel: Channel = Channel.VOICE
    sent_at: datetime | None = None
    ringing_at: datetime | None = None
    answered_at: datetime | None = None
    person_at: datetime | None = None  # of a call for agents: it was known that a person had answered
    joined_at: datetime | None = None  # ... and an agent had them
    ended_at: datetime | None = None
    cause: int | None = None  # Q.850 hang-up cause
    tech_cause: int | None = None  # SIP status code
    amd_status: str | None = None  # HUMAN, MACHINE, NOTSURE, HANGUP, FAX
    amd_cause: str | None = None
    app: str | None = None  # the IVR app that treated it
    app_code: str | None = None  # what the app (or an agent) said so far; the last one before the end wins
    app_note: str | None = None
    next_at: datetime | None = None  # when the contact wants to be called again: for codes whose next action is "schedule"
    system_code: str = "Attempt In Progress"
    code: str | None = None  # the one final completion code; None until FINAL
    code_source: str | None = (
        None  # "app", "network", "amd", "action", "gateway", "reconcile", "operator", "reply", AGENT, COMPLIANCE
    )
    agent: str = ""  # the login of the agent who had the contact; "" = nobody
    again_after: AttemptId | None = None  # the attempt that the agent redialled
