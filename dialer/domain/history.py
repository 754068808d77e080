"""What was done about a contact so far, in all campaigns: kept by the dialer itself, for everybody to read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """The sum of a contact's attempts. Times are aware UTC: when an attempt began. Only attempts that left are counted."""

    last_code: str = ""  # the final completion code of the last attempt, also of one that was restricted
    last_attempt_at: datetime | None = None
    last_success_at: datetime | None = None  # the last one that reached the contact (dialer.domain.codes.reached)
    last_address: str = ""  # the name of the address of the last attempt: "mobile"
    attempts: int = 0
    successes: int = 0

    def attributes(self) -> dict[str, str]:
        """As attributes of the contact; "" where there is nothing yet."""
        values = (
            self.last_code,
            _text(self.last_attempt_at),
            _text(self.last_success_at),
            self.last_address,
            str(self.attempts),
            str(self.successes),
        )
        return dict(zip(HISTORY_ATTRIBUTES, values, strict=True))


HISTORY_ATTRIBUTES = (
    "last_completion_code",
    "last_attempt_time",
    "last_successful_attempt_time",
    "last_address",
    "total_attempts",
    "successful_attempts",
)
"""Their names. No list can have attributes of these names, and nobody but the dialer writes them."""

NO_HISTORY = History()


def _text(at: datetime | None) -> str:
    return "" if at is None else at.isoformat(timespec="seconds")
