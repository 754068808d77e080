"""The program of an import's own process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dialer.domain.ids import OrgId
from dialer.domain.imports import RowOptions
from dialer.services.import_file import ImportOptions, ImportReport, import_file
from dialer.services.imports import ImportRequest
from dialer.services.side_process import Say, serve
from dialer.store.store import Store


def _request(value: Mapping[str, Any]) -> ImportRequest:
    options = dict(value["options"])
    rows = dict(options.pop("rows"))
    rows["phone_columns"] = tuple(rows["phone_columns"])
    errors_to = options.pop("errors_to")
    return ImportRequest(
        database_url=value["database_url"],
        org_id=OrgId(value["org_id"]),
        source=Path(value["source"]),
        list_name=value["list_name"],
        options=ImportOptions(**options, rows=RowOptions(**rows), errors_to=None if errors_to is None else Path(errors_to)),
    )


def work(value: Mapping[str, Any], say: Say) -> None:
    """Import the file; tell after each batch how far it is."""
    request = _request(value)

    def tell(report: ImportReport, *, final: bool = False) -> None:
        say({"report": asdict(report), "final": final})

    store = Store(request.database_url)
    try:
        report = import_file(store, request.org_id, request.source, request.list_name, request.options, tell)
    finally:
        store.close_now()
    tell(report, final=True)


if __name__ == "__main__":
    serve(work)
