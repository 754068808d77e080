"""What the files of recurring exports are called."""

from __future__ import annotations

import re
from datetime import datetime
from string import Formatter

from dialer.domain.export_definition import ExportDefinition
from dialer.domain.ids import JobId, OrgId
from dialer.errors import BadInput

FIELDS = ("what", "campaign", "job", "date", "time")
LONGEST = 200  # bytes; file systems take 255
_NAME_BYTES = 80  # of a campaign or organisation inside a file's name
_MEND = "for example {what}-{campaign}-{date}.csv, with some of " + ", ".join(f"{{{name}}}" for name in FIELDS)


def check_pattern(pattern: str, *, after_jobs: bool) -> None:
    """Raises BadInput for a pattern that would not make file names, or names something that there is not."""
    try:
        parts = list(Formatter().parse(pattern))
    except ValueError as exc:
        raise BadInput(f"{pattern!r}: {exc}", where="file", mend=_MEND) from exc
    fields = [field for _, field, _, _ in parts if field is not None]
    if any(field not in FIELDS for field in fields) or any(spec or conversion for _, _, spec, conversion in parts):
        raise BadInput(f"{pattern!r} holds a field that there is not", where="file", mend=_MEND)
    if "job" in fields and not after_jobs:
        raise BadInput("an export by the calendar has no job", where="file", mend="{date} and {time}")
    text = "".join(literal for literal, _, _, _ in parts)
    if not pattern or pattern.startswith(".") or not text.isprintable() or any(sign in text for sign in "/\\"):
        raise BadInput(f"{pattern!r} makes no file name", where="file", mend="a plain name: the folder is the settings'")
    if len(pattern.encode()) > LONGEST:
        raise BadInput("the name is too long", where="file", mend=f"at most {LONGEST} bytes")


def file_name(export: ExportDefinition, *, campaign: str, job_id: JobId | None, local: datetime) -> str:
    """The name of one run's file: always the same for the same run. `local`: its time by the clocks of the export's zone."""
    name = export.file.format(
        what=export.content.of.value,
        campaign=in_file_name(campaign or "all"),
        job=job_id,
        date=f"{local:%Y-%m-%d}",
        time=f"{local:%H%M}",
    )
    return name.encode()[:LONGEST].decode(errors="ignore")


def folder_name(org_id: OrgId, organisation: str) -> str:
    """The folder of an organisation's exports: no two organisations share one, whatever they are called."""
    return f"{org_id}-{in_file_name(organisation)}"


def in_file_name(text: str) -> str:
    """A name as a part of a file's name."""
    tidy = re.sub(r"[^\w.-]+", "-", text).strip("-.")
    return tidy.encode()[:_NAME_BYTES].decode(errors="ignore") or "unnamed"
