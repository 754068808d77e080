"""`dialer export`: the attempts as CSV, for other programs."""

from __future__ import annotations

import asyncio
import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from dialer.cli.context import Config, Org, err, opened, plain_errors
from dialer.domain.ids import JobId
from dialer.errors import BadInput
from dialer.services.export import export_attempts
from dialer.services.organisations import DEFAULT

export_app = typer.Typer(help="Attempts as CSV.")


@export_app.command("export")
@plain_errors
def export(
    file: Annotated[Path | None, typer.Argument(help="Where to; standard output if not given, or for a dash.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only the attempts of this campaign.")] = None,
    job: Annotated[int | None, typer.Option(help="Only the attempts of this job.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Write the attempts with their codes as CSV, with whole numbers: keep the file as safe as the list itself."""
    job_id = None if job is None else JobId(job)
    with opened(config, org) as (store, org_id):
        if file is None or str(file) == "-":
            with _standard_output() as standard_output:
                count = asyncio.run(export_attempts(store, org_id, standard_output, campaign=campaign, job_id=job_id))
        else:
            with _new_file(file) as opened_file:
                count = asyncio.run(export_attempts(store, org_id, opened_file, campaign=campaign, job_id=job_id))
    err.print(f"{count:,} attempts exported")


@contextmanager
def _standard_output() -> Iterator[TextIO]:
    """Standard output as UTF-8 whose line ends are left as they are written."""
    out = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", newline="")
    try:
        yield out
        out.flush()
    finally:
        out.detach()  # the stream itself is not ours to close


@contextmanager
def _new_file(file: Path) -> Iterator[TextIO]:
    """A file that appears under its name only when it is whole, for the eyes of its owner alone."""
    part = file.with_name(f".{file.name}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="") as out:
            yield out
        part.replace(file)
    except OSError as exc:
        raise BadInput(f"cannot be written: {exc.strerror or exc}", where=str(file)) from exc
    finally:
        part.unlink(missing_ok=True)
