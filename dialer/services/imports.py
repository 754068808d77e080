"""Put the people of a CSV file on a contact list, in a process of its own, so that a million rows never hold up a call."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dialer.domain.ids import OrgId
from dialer.domain.imports import RowOptions
from dialer.errors import OutdialError
from dialer.services.import_file import ImportOptions, ImportReport, Progress
from dialer.services.side_process import ask
from dialer.store.store import Store

__all__ = ["ImportOptions", "ImportReport", "ImportRequest", "Progress", "RowOptions", "import_contacts"]

WORKER = "dialer.services.import_worker"
LIMIT_S = 12 * 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What the other process is asked to do."""

    database_url: str
    org_id: OrgId
    source: Path
    list_name: str
    options: ImportOptions = field(default_factory=ImportOptions)


async def import_contacts(
    store: Store,
    org_id: OrgId,
    source: Path,
    list_name: str,
    options: ImportOptions | None = None,
    progress: Progress = lambda report: None,
) -> ImportReport:
    """Import a file (`import_file`) in a process of its own, and tell `progress` after each batch.

    A list of that name is made if there is none. Contacts are known by the user's own id, so after a crash the same import
    simply runs again. Raises BadInput, before anything is written, when the file or its columns cannot be used; NotFound,
    StoreDown. Cancelled, it ends the process; the batches that are on disk stay.
    """
    request = ImportRequest(
        database_url=store.url.render_as_string(hide_password=False),
        org_id=org_id,
        source=source.absolute(),
        list_name=list_name,
        options=options or ImportOptions(),
    )
    report = None
    async with aclosing(ask(WORKER, asdict(request), limit_s=LIMIT_S)) as answers:
        async for answer in answers:
            report = _report(answer["report"])
            progress(report)
    if report is None:
        raise OutdialError("the import's process ended without a report; it can be run again")
    return report


def _report(value: Mapping[str, Any]) -> ImportReport:
    errors_file = value["errors_file"]
    return ImportReport(
        **{
            **value,
            "phones": tuple(value["phones"]),
            "attributes": tuple(value["attributes"]),
            "errors_file": None if errors_file is None else Path(errors_file),
        }
    )
