"""What an installation is for: the telephone network, agents who call by other means, or both."""

from __future__ import annotations

from enum import StrEnum


class InstallationMode(StrEnum):
    """Which campaigns an installation runs."""

    TELEPHONY = "telephony"  # all calls go through our switches: every campaign but manual ones
    MIXED = "mixed"  # agents call by other means, too: also manual campaigns, and no preview that is called by a timer
    NON_TELEPHONY = "non_telephony"  # no telephone network at all: manual campaigns, and email
