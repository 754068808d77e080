"""What a wall clock shows, as an instant: in the two nights of the year when the clocks change, too."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def instant_of(local: datetime, zone: str) -> datetime:
    """The instant, in UTC, at which the clocks of `zone` show the naive `local`.

    A time that the clocks leave out is taken as long after midnight as on any other day (02:30 in spring is 03:30 on the new
    clock: RFC 5545, 3.3.5). A time that they show twice is its first one, so that nothing happens twice.
    """
    return local.replace(tzinfo=ZoneInfo(zone), fold=0).astimezone(UTC)
