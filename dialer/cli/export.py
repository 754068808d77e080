"""`dialer export`: attempts, contacts, codes and DNC entries as CSV, for other programs."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dialer.cli.context import Config, Org, err, opened, plain_errors, read_settings
from dialer.cli.export_schedule import schedule_app
from dialer.cli.export_words import Attributes, Bom, Columns, Days, Delimiter, OfList, OnlyThose, content_of
from dialer.cli.unmask import Unmask, unmask_for
from dialer.domain.export import ExportContent, ExportOf, ExportScope, Only, Per
from dialer.domain.ids import JobId
from dialer.services.export import export_file, export_to
from dialer.services.organisations import DEFAULT


class AttemptsByDefault(TyperGroup):
    """`dialer export FILE.csv --campaign NAME` stands for `dialer export attempts FILE.csv --campaign NAME`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else "-"
        is_option = first.startswith("-") and first not in ctx.help_option_names
        if is_option or "." in first or "/" in first:  # a word alone is a command, or a mistake in one
            args = ["attempts", *args]
        return super().parse_args(ctx, args)


export_app = typer.Typer(help="Attempts, contacts, codes and DNC entries as CSV.", cls=AttemptsByDefault)
export_app.add_typer(schedule_app, name="schedule")

File = Annotated[Path | None, typer.Argument(help="Where to; standard output if not given, or for a dash.", show_default=False)]
OfCampaign = Annotated[str | None, typer.Option("--campaign", help="Only those of this campaign.", show_default=False)]
OfJob = Annotated[int | None, typer.Option("--job", help="Only those of this job.", show_default=False)]


@export_app.command("attempts")
@plain_errors
def attempts(
    file: File = None,
    campaign: OfCampaign = None,
    job: OfJob = None,
    contact_list: OfList = "",
    only: OnlyThose = Only.ALL,
    days: Days = 0,
    columns: Columns = "",
    attributes: Attributes = False,
    delimiter: Delimiter = "comma",
    bom: Bom = False,
    unmask: Unmask = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Every attempt with all details of its result, with whole numbers: keep the file as safe as the list itself."""
    content = content_of(
        ExportOf.ATTEMPTS,
        columns=columns,
        attributes=attributes,
        only=only,
        contact_list=contact_list,
        days=days,
        delimiter=delimiter,
        bom=bom,
    )
    _export(content, file, campaign, job, config, org, unmask=unmask)


@export_app.command("contacts")
@plain_errors
def contacts(
    file: File = None,
    campaign: OfCampaign = None,
    job: OfJob = None,
    contact_list: OfList = "",
    only: OnlyThose = Only.ALL,
    columns: Columns = "",
    delimiter: Delimiter = "comma",
    bom: Bom = False,
    unmask: Unmask = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """The contacts with their attributes, and how the last attempt to each of them ended."""
    content = content_of(ExportOf.CONTACTS, columns=columns, only=only, contact_list=contact_list, delimiter=delimiter, bom=bom)
    _export(content, file, campaign, job, config, org, unmask=unmask)


@export_app.command("codes")
@plain_errors
def codes(
    file: File = None,
    campaign: OfCampaign = None,
    job: OfJob = None,
    per: Annotated[Per, typer.Option(help="Count each run by itself, or all runs of a campaign together.")] = Per.JOB,
    columns: Columns = "",
    delimiter: Delimiter = "comma",
    bom: Bom = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """How often each completion code was reached."""
    content = content_of(ExportOf.CODES, columns=columns, per=per, delimiter=delimiter, bom=bom)
    _export(content, file, campaign, job, config, org)


@export_app.command("dnc")
@plain_errors
def dnc(
    file: File = None,
    columns: Columns = "",
    delimiter: Delimiter = "comma",
    bom: Bom = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """The entries of all DNC lists, fit for `dialer dnc import`."""
    _export(content_of(ExportOf.DNC, columns=columns, delimiter=delimiter, bom=bom), file, None, None, config, org)


@export_app.command("inbox")
@plain_errors
def inbox(
    file: File = None,
    columns: Columns = "",
    delimiter: Delimiter = "comma",
    bom: Bom = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Every message that came, what was made of it, and who looks after it; see `dialer inbox`."""
    _export(content_of(ExportOf.INBOX, columns=columns, delimiter=delimiter, bom=bom), file, None, None, config, org)


def _export(
    content: ExportContent,
    file: Path | None,
    campaign: str | None,
    job: int | None,
    config: Path | None,
    org: str,
    *,
    unmask: bool = False,
) -> None:
    settings = read_settings(config)
    with opened(settings=settings, org=org) as (store, org_id):
        unmask_for(store, org_id, settings, unmask, f"an export of {content.of.value} to {file or 'standard output'}")
        campaign_id = None if campaign is None else store.read_now(lambda tx: tx.campaigns(org_id).by_name(campaign).id)
        scope = ExportScope(campaign_id=campaign_id, job_id=None if job is None else JobId(job), at=datetime.now(UTC))
        if file is None or str(file) == "-":
            count = export_to(store, org_id, content, scope, sys.stdout.buffer, unmask=unmask)
            sys.stdout.buffer.flush()
        else:
            count = export_file(store, org_id, content, scope, file, unmask=unmask)
    words = {ExportOf.CODES: "lines of codes", ExportOf.DNC: "DNC entries", ExportOf.INBOX: "messages"}
    what = words.get(content.of, content.of.value)
    err.print(f"{count:,} {what} exported")
