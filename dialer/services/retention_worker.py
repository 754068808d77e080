"""The program of the nightly run's own process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dialer.services.retention import run_retention
from dialer.services.retention_plan import plan_from_json
from dialer.services.side_process import Say, serve
from dialer.store.store import Store


def work(request: Mapping[str, Any], say: Say) -> None:
    """Archive and purge; tell what became of it."""
    store = Store(request["database_url"])
    try:
        run = run_retention(
            store,
            plan_from_json(request["plan"]),
            by=request["by"],
            night=request["night"],
            now=datetime.fromisoformat(request["now"]),
        )
    finally:
        store.close_now()
    if run is None:
        say({"state": "done before", "final": True})
        return
    purged = {one.of.value: one.purged for one in run.report if one.found}
    kept = {one.of.value: one.found - one.purged for one in run.report if one.found > one.purged}
    say({"state": run.state.value, "because": run.because, "purged": purged, "kept": kept, "final": True})


if __name__ == "__main__":
    serve(work)
