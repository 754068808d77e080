"""Run an import in a process of its own, so that a million rows never hold up a call."""

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
from dialer.errors import BadInput, OutdialError
from dialer.services.import_rows import RowOptions
from dialer.services.imports import ImportOptions, ImportReport, Progress, import_contacts
from dialer.store.store import Store

_MAX_LINE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """What the other process is asked to do."""

    database_url: str
    org_id: OrgId
    source: Path
    list_name: str
    options: ImportOptions = field(default_factory=ImportOptions)


async def import_in_own_process(request: ImportRequest, progress: Progress = lambda report: None) -> ImportReport:
    """`import_contacts` in a new process, without blocking the event loop. Cancelled, it ends the process.

    Raises what `import_contacts` raises. The request goes by standard input: a database password stands in no process list.
    """
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
            process.stdin.write(json.dumps(asdict(request), default=str).encode() + b"\n")
            await process.stdin.drain()
            process.stdin.close()
        async for line in process.stdout:
            message = json.loads(line)
            if "error" in message:
                raise _error(message)
            report = _report(message["report"])
            if message["final"]:
                return report
            progress(report)
        raise OutdialError(f"the import ended without a report (exit status {await process.wait()}); it can be run again")
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
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


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, default=str) + "\n")
    sys.stdout.flush()


def _run(request: ImportRequest) -> None:
    store = Store(request.database_url)
    try:
        report = import_contacts(
            store,
            request.org_id,
            request.source,
            request.list_name,
            request.options,
            lambda so_far: _say({"report": asdict(so_far), "final": False}),
        )
    finally:
        store.close_now()
    _say({"report": asdict(report), "final": True})


def main() -> None:
    """Read a request from standard input; write reports, or one error, to standard output."""
    try:
        _run(_request(json.loads(sys.stdin.readline())))
    except BadInput as exc:
        _say({"error": "BadInput", "what": exc.what, "where": exc.where, "mend": exc.mend})
    except OutdialError as exc:
        _say({"error": type(exc).__name__, "what": str(exc)})


if __name__ == "__main__":
    main()
