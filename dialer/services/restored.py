"""Notice that the database is older than this node has known it: it was restored, and nobody is called before somebody looks."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dialer.domain.campaign import JobState
from dialer.domain.ids import JobId
from dialer.store.store import Store, Tx

RESTORED = "restored"  # who paused the jobs


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What a node keeps beside the database: how far it has seen it come. Noted only when the database has the same on disk."""

    beat: int  # counts the node's own notes, whatever its clock says
    at: datetime

    @classmethod
    def recall(cls, path: Path, store: Store) -> Memory | None:
        """What was noted of this database; None when nothing was, or what is there cannot be read."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found["database"] != _identity(store):
                return None
            return cls(beat=int(found["beat"]), at=datetime.fromisoformat(found["at"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, path: Path, store: Store) -> None:
        """Note it. Raises OSError."""
        path.parent.mkdir(parents=True, exist_ok=True)
        half = path.with_name(f".{path.name}.{os.getpid()}.part")
        noted = {"database": _identity(store), "beat": self.beat, "at": self.at.isoformat()}
        half.write_text(json.dumps(noted), encoding="utf-8")
        half.replace(path)


async def last_beat(store: Store, node: str) -> tuple[int, datetime | None]:
    """How far the database says that the node has come, and when that was."""
    for status in await store.read(lambda tx: tx.node_statuses.all()):
        if status.node == node:
            return status.beat, status.at
    return 0, None


async def pause_all(store: Store, *, since: datetime | None, until: datetime) -> list[JobId]:
    """Pause every job that is not over: who was called between `since` and `until` is not in this database any more.

    An operator resumes them, when the DNC entries of that time are in again and those who were called are known.
    """
    missing = "all calls" if since is None else f"the calls from {since:%Y-%m-%d %H:%M:%S}"
    because = f"the database was restored: {missing} to {until:%Y-%m-%d %H:%M:%S} UTC are missing (see docs/backup.md)"

    def work(tx: Tx) -> list[JobId]:
        paused = []
        for job in tx.jobs(None).not_completed():
            if job.state is JobState.QUEUED:
                tx.jobs(None).set_state(job.id, JobState.RUNNING, because="started", by=RESTORED)
            if job.state in (JobState.QUEUED, JobState.RUNNING):
                tx.jobs(None).set_state(job.id, JobState.PAUSED, because=because, by=RESTORED)
                paused.append(job.id)
        return paused

    return await store.write(work)


def _identity(store: Store) -> str:
    return hashlib.sha256(store.url.render_as_string(hide_password=True).encode()).hexdigest()[:16]
