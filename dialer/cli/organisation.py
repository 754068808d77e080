"""`dialer organisation`: whose lists, campaigns and codes are whose; `--org` of the other commands names one."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, opened, out, plain_errors
from dialer.cli.rows import print_rows
from dialer.services import organisations

organisation_app = typer.Typer(help="Organisations: none of them sees the data of another.", no_args_is_help=True)


@organisation_app.command("add")
@plain_errors
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As `--org` of the other commands will name it.")],
    config: Config = None,
) -> None:
    """Make room for another organisation, with lists, campaigns, codes and agents of its own."""
    with opened(config) as (store, _):
        asyncio.run(organisations.create_organisation(store, name))
    out.print(f"organisation added: {name} (other commands take it by --org {name!r})", soft_wrap=True)


@organisation_app.command("list")
@plain_errors
def list_(config: Config = None) -> None:
    """Show the organisations; commands without `--org` are about the one called "default"."""
    with opened(config) as (store, _):
        found = asyncio.run(organisations.list_organisations(store))
    table = Table("Number", "Organisation")
    for name, org_id in found.items():
        table.add_row(str(org_id), name)
    print_rows(table, "no organisations yet")
