"""How a data source and what came of a run are written as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from datetime import datetime
from pathlib import Path
from typing import Any

from dialer.domain.data_source import (
    Checkpoint,
    CustomPlace,
    DatabasePlace,
    DataSource,
    FilePlace,
    Place,
    SftpPlace,
    SourceKind,
)
from dialer.domain.ids import OrgId, SourceId
from dialer.domain.imports import ImportOptions, ImportReport, RowOptions
from dialer.store.campaign_json import filter_from_json, filter_to_json

_PLACES: Mapping[SourceKind, type[Place]] = {
    SourceKind.FILE: FilePlace,
    SourceKind.SFTP: SftpPlace,
    SourceKind.DATABASE: DatabasePlace,
    SourceKind.CUSTOM: CustomPlace,
}


def source_to_json(source: DataSource) -> dict[str, Any]:
    """A definition as JSON, all but its name and ids."""
    options = asdict(source.options)
    del options["errors_to"]  # each run has a file of its own
    options["rows"]["phone_columns"] = list(source.options.rows.phone_columns)
    return {
        "place": {"kind": source.place.kind.value, **asdict(source.place)},
        "list_name": source.list_name,
        "options": options,
        "exclude_days": source.exclude_days,
        "exclude_zone": source.exclude_zone,
        "delete_where": None if source.delete_where is None else filter_to_json(source.delete_where),
        "limit_s": source.limit_s,
    }


def source_from_json(
    data: Mapping[str, Any], *, source_id: SourceId, org_id: OrgId, name: str, created_by: str, created_at: datetime
) -> DataSource:
    """The definition that was written."""
    place = dict(data["place"])
    options = dict(data["options"])
    rows = dict(options.pop("rows"))
    rows["phone_columns"] = tuple(rows["phone_columns"])
    return DataSource(
        id=source_id,
        org_id=org_id,
        name=name,
        place=_PLACES[SourceKind(place.pop("kind"))](**place),
        list_name=data["list_name"],
        options=ImportOptions(**options, rows=RowOptions(**rows)),
        exclude_days=data["exclude_days"],
        exclude_zone=data["exclude_zone"],
        delete_where=None if data["delete_where"] is None else filter_from_json(data["delete_where"]),
        limit_s=data["limit_s"],
        created_by=created_by,
        created_at=created_at,
    )


def report_to_json(report: ImportReport) -> dict[str, Any]:
    """Counters and position as JSON."""
    data = {one.name: getattr(report, one.name) for one in fields(report)}
    path = report.errors_file
    return {
        **data,
        "phones": list(report.phones),
        "attributes": list(report.attributes),
        "errors_file": None if path is None else str(path),
    }


def report_from_json(data: Mapping[str, Any]) -> ImportReport:
    """The report that was written."""
    path = data["errors_file"]
    lists = {name: tuple(data[name]) for name in ("phones", "attributes")}
    return ImportReport(**{**data, **lists, "errors_file": None if path is None else Path(path)})


def checkpoint_to_json(checkpoint: Checkpoint) -> dict[str, Any]:
    """A checkpoint as JSON."""
    return asdict(checkpoint)


def checkpoint_from_json(data: Mapping[str, Any]) -> Checkpoint:
    """The checkpoint that was written."""
    return Checkpoint(**data)
