"""The options by which a user says what an export holds."""

from __future__ import annotations

from typing import Annotated

import typer

from dialer.domain.export import DELIMITERS, ExportContent, ExportOf, Only, Per

OfList = Annotated[str, typer.Option("--list", help="Only the contacts of this list.", show_default=False)]
Columns = Annotated[str, typer.Option(help="Which columns, in this order, joined by commas.", show_default=False)]
Delimiter = Annotated[str, typer.Option(help="comma, semicolon, tab or pipe.")]
Bom = Annotated[bool, typer.Option("--bom", help="Begin with a byte order mark, so that spreadsheets see UTF-8.")]
OnlyThose = Annotated[
    Only, typer.Option("--only", help="Which attempts count: those that left; reached the contact; were a success.")
]
Attributes = Annotated[bool, typer.Option("--attributes", help="Attempts: with the attributes of the contacts.")]
Days = Annotated[int, typer.Option(min=0, help="Attempts: only those begun in the last so many days; 0 = all.")]


def content_of(
    what: ExportOf,
    *,
    columns: str = "",
    attributes: bool = False,
    only: Only = Only.ALL,
    contact_list: str = "",
    days: int = 0,
    per: Per = Per.JOB,
    delimiter: str = "comma",
    bom: bool = False,
) -> ExportContent:
    """The options as one value."""
    return ExportContent(
        of=what,
        columns=tuple(name.strip() for name in columns.split(",") if name.strip()),
        attributes=attributes,
        only=only,
        contact_list=contact_list,
        days=days,
        per=per,
        delimiter=DELIMITERS.get(delimiter, delimiter),
        bom=bom,
    )
