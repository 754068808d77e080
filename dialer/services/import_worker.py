"""The program of an import's own process: a request on standard input, reports on standard output, one JSON object a line."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dialer.domain.ids import OrgId
from dialer.domain.imports import RowOptions
from dialer.errors import BadInput, OutdialError
from dialer.services.import_file import ImportOptions, import_file
from dialer.services.imports import ImportRequest
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


def _say(message: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(message, default=str) + "\n")
    sys.stdout.flush()


def _run(request: ImportRequest) -> None:
    store = Store(request.database_url)
    try:
        report = import_file(
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
