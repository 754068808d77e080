"""When the nightly run of retention is due, and what its process is told."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from dialer.domain.retention import RetentionClass, RetentionPlan
from dialer.services.side_process import Ask, ask
from dialer.store.store import Store

WORKER = "dialer.services.retention_worker"
LIMIT_S = 12 * 3600.0


def night_of(plan: RetentionPlan, now: datetime) -> str | None:
    """The local date for which a run is due at this moment; None: its hour has not come today."""
    local = now.astimezone(ZoneInfo(plan.zone) if plan.zone else None)
    return local.date().isoformat() if local.time() >= plan.at else None


async def nightly(store: Store, plan: RetentionPlan, now: datetime, *, by: str, ask: Ask = ask) -> dict[str, Any] | None:
    """Make tonight's run if it is due and was not made, in a process of its own; returns what became of it.

    One that comes late, for no dialer was running at its hour, is made all the same. Raises OutdialError.
    """
    night = night_of(plan, now)
    if not plan.anything or night is None or not await store.read(lambda tx: tx.retention_runs.wants(night)):
        return None
    request = {
        "database_url": store.url.render_as_string(hide_password=False),
        "plan": plan_to_json(plan),
        "by": by,
        "night": night,
        "now": now.isoformat(),
    }
    async with aclosing(ask(WORKER, request, limit_s=LIMIT_S)) as answers:
        return [answer async for answer in answers][-1]


def plan_to_json(plan: RetentionPlan) -> dict[str, Any]:
    """A plan as a process is told it."""
    return {
        "days": {kind.value: days for kind, days in plan.days.items()},
        "archive": str(plan.archive.absolute()),
        "folders": {kind.value: str(folder.absolute()) for kind, folder in plan.folders.items()},
        "without_archive": sorted(plan.without_archive),
        "at": plan.at.isoformat(),
        "zone": plan.zone,
        "keep_free": plan.keep_free,
    }


def plan_from_json(data: Mapping[str, Any]) -> RetentionPlan:
    """What `plan_to_json` wrote, read again."""
    return RetentionPlan(
        days={RetentionClass(kind): days for kind, days in data["days"].items()},
        archive=Path(data["archive"]),
        folders={RetentionClass(kind): Path(folder) for kind, folder in data["folders"].items()},
        without_archive=frozenset(RetentionClass(kind) for kind in data["without_archive"]),
        at=time.fromisoformat(data["at"]),
        zone=data["zone"],
        keep_free=data["keep_free"],
    )
