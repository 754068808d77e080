"""What can go wrong with the telephone laboratory."""

from __future__ import annotations

from dialer.errors import OutdialError


class LabFailed(OutdialError):
    """The lab could not be had, started or used; the text says what happened and what to do."""
