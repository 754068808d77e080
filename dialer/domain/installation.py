"""What an installation is for: the telephone network, agents who call by other means, or both; and which campaigns it runs."""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum

from dialer.domain.channel import Channel
from dialer.domain.pacing_plan import Pacing, PacingKind


class InstallationMode(StrEnum):
    """Which campaigns an installation runs."""

    TELEPHONY = "telephony"  # calls go through our switches: every campaign, also manual ones
    MIXED = "mixed"  # the same, but agents call by other means, too: no preview is called by a timer
    NON_TELEPHONY = "non_telephony"  # no telephone network at all: manual campaigns, and email


def forbidden(mode: InstallationMode, pacing: Pacing, channels: Collection[Channel]) -> str:
    """Why a campaign with this pacing and handlers on these channels cannot be run in a mode, and what to do; "" = it can.

    Of a manual campaign the handlers that call say whom its agents call, by other means.
    """
    if mode is InstallationMode.TELEPHONY:
        return ""
    if mode is InstallationMode.MIXED:
        timed = pacing.kind is PacingKind.PREVIEW and pacing.preview_s is not None
        return "this installation is in mixed mode: no preview is called by a timer (set its knob preview=none)" if timed else ""
    because = ""
    if Channel.SMS in channels:
        because = "no text message is sent"
    elif pacing.has_agents and pacing.dials:
        because = f"there is no {pacing.kind.value} pacing"
    elif Channel.VOICE in channels and pacing.dials:
        because = "no call is placed"
    return f"this installation has no telephony: {because} (manual campaigns and emails only)" if because else ""
