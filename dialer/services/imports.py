"""Put the people of a CSV file on a contact list, in a process of its own, so that a million rows never hold up a call."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dialer import errors
from dialer.domain.ids import OrgId
from dialer.domain.imports import RowOptions
from dialer.errors import BadInput, OutdialError
from dialer.services.import_file import ImportOptions, ImportReport, Progress
from dialer.store.store import Store

__all__ = ["ImportOptions", "ImportReport", "ImportRequest", "Progress", "RowOptions", "import_contacts"]

_MAX_LINE = 1 << 20
_END_S = 10.0


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
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "dialer.services.import_worker",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=_MAX_LINE,
    )
    assert process.stdin is not None  # noqa: S101  both are pipes by the arguments above
    assert process.stdout is not None  # noqa: S101
    try:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it died at once: told below
            # By standard input: a database's password must stand in no list of processes.
            process.stdin.write(json.dumps(asdict(request), default=str).encode() + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        async for line in process.stdout:
            message = json.loads(line)
            if "error" in message:
                raise _error(message)
            report = _report(message["report"])
            progress(report)
            if message["final"]:
                await asyncio.wait_for(process.wait(), _END_S)
                return report
        status = await process.wait()
        raise OutdialError(f"the import's process ended without a report (exit status {status}); it can be run again")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        try:
            await asyncio.wait_for(process.wait(), _END_S)
        except TimeoutError:
            process.kill()
            await process.wait()


def _error(message: Mapping[str, Any]) -> OutdialError:
    kind = getattr(errors, str(message["error"]), OutdialError)
    if not (isinstance(kind, type) and issubclass(kind, OutdialError)):
        kind = OutdialError
    if issubclass(kind, BadInput):
        return BadInput(message["what"], where=message.get("where", ""), mend=message.get("mend", ""))
    return kind(message["what"])


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
