"""How rows are read and written: the options that an import and a data source have in common."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from dialer.domain.imports import ImportOptions, RowOptions
from dialer.settings import Settings

Region = Annotated[str | None, typer.Option(help="Country of numbers without a country code, such as US.")]
TimeZone = Annotated[str | None, typer.Option(help="Zone of numbers that tell none, such as America/Chicago.")]
Strict = Annotated[bool | None, typer.Option(help="Refuse numbers that no carrier has given out.")]
Phone = Annotated[list[str] | None, typer.Option(help="A column with telephone numbers; may be repeated.")]
IdColumn = Annotated[str, typer.Option(help="The column with your own id of a contact.")]
OnDuplicate = Annotated[Literal["update", "ignore"], typer.Option(help="What to do with ids on the list.")]
Encoding = Annotated[str | None, typer.Option(help="Found out if not given.")]
Delimiter = Annotated[str | None, typer.Option(help="Found out if not given.")]
NewAttributes = Annotated[Literal["add", "refuse"], typer.Option(help="Columns that the list does not have yet.")]
CheckPatterns = Annotated[bool, typer.Option("--check-patterns", help="Leave out numbers by reject pattern.")]
CheckFormats = Annotated[bool, typer.Option("--check-formats", help="Leave out numbers of a wrong length.")]
CheckDnc = Annotated[bool, typer.Option("--check-dnc", help="Leave out numbers on a DNC list.")]
DeleteFirst = Annotated[bool, typer.Option("--delete-first", help="Empty the list before.")]


def row_options(
    settings: Settings,
    *,
    region: str | None,
    time_zone: str | None,
    strict: bool | None,
    phone: list[str] | None,
    id_column: str,
) -> RowOptions:
    """How cells are read, with the settings' word for what was not said."""
    numbers = settings.numbers
    return RowOptions(
        region=(region or numbers.region).upper(),
        strict=numbers.strict if strict is None else strict,
        time_zone=numbers.default_time_zone if time_zone is None else time_zone,
        language=settings.ivr.language,
        id_column=id_column,
        phone_columns=tuple(phone or ()),
    )


def import_options(
    rows: RowOptions,
    *,
    on_duplicate: Literal["update", "ignore"],
    encoding: str | None,
    delimiter: str | None,
    new_attributes: Literal["add", "refuse"],
    check_patterns: bool,
    check_formats: bool,
    check_dnc: bool,
    delete_first: bool,
) -> ImportOptions:
    """How a source is read and written."""
    return ImportOptions(
        rows=rows,
        on_duplicate=on_duplicate,
        encoding=encoding,
        delimiter=delimiter_sign(delimiter),
        new_attributes=new_attributes,
        check_patterns=check_patterns,
        check_formats=check_formats,
        check_dnc=check_dnc,
        delete_first=delete_first,
    )


def delimiter_sign(written: str | None) -> str | None:
    """The sign that was meant: a tab is hard to type."""
    return "\t" if written in ("\\t", "tab") else written
