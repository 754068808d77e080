"""What kind of installation this is, and which campaigns it can carry out."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from dialer.domain.channel import Channel
from dialer.domain.pacing_plan import Pacing, PacingKind


class Mode(StrEnum):
    """How this installation has to do with telephones."""

    TELEPHONY = "telephony"  # calls go through our switches; everything can be done
    MIXED = "mixed"  # the same, and agents have a telephone of their own that they handle from elsewhere: no preview dials itself
    NON_TELEPHONY = "non_telephony"  # no switch at all: agents call by hand (manual campaigns), and emails are sent


def forbidden(mode: Mode, pacing: Pacing, channels: Collection[Channel]) -> str:
    """Why a campaign with this pacing and handlers on these channels cannot be carried out in a mode; "" = it can."""
    match mode:
        case Mode.TELEPHONY:
            return ""
        case Mode.MIXED:
            timed = pacing.kind is PacingKind.PREVIEW and pacing.preview_s is not None
            return "in mixed mode no preview is called by itself: set the knob preview=none" if timed else ""
        case Mode.NON_TELEPHONY:
            if Channel.SMS in channels:
                return "this installation has no telephony ([agents] mode = non_telephony): it sends no text messages"
            if pacing.has_agents and pacing.dials:
                return f"this installation has no telephony ([agents] mode = non_telephony): no {pacing.kind.value} campaign"
            if Channel.VOICE in channels and pacing.dials:
                return "this installation has no telephony ([agents] mode = non_telephony): it places no calls"
            return ""
