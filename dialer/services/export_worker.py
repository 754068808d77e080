"""The program of an export's own process."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from dialer.domain.export import ExportScope
from dialer.domain.ids import CampaignId, JobId, OrgId
from dialer.services.export import export_file
from dialer.services.side_process import Say, serve
from dialer.services.whole_file import remove_stale_parts
from dialer.store.exports import content_from_json
from dialer.store.store import Store


def work(request: Mapping[str, Any], say: Say) -> None:
    """Write the file; tell its rows and bytes."""
    path, scope = Path(request["path"]), request["scope"]
    remove_stale_parts(path.parent)
    store = Store(request["database_url"])
    try:
        rows = export_file(
            store,
            OrgId(request["org_id"]),
            content_from_json(request["content"]),
            ExportScope(
                campaign_id=None if scope["campaign_id"] is None else CampaignId(scope["campaign_id"]),
                job_id=None if scope["job_id"] is None else JobId(scope["job_id"]),
                at=datetime.fromisoformat(scope["at"]),
            ),
            path,
            keep_free=request["keep_free"],
        )
    finally:
        store.close_now()
    say({"rows": rows, "size": path.stat().st_size, "final": True})


if __name__ == "__main__":
    serve(work)
