"""`dialer publish`: who is told of results, what waits for them, and why."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, opened, out, plain_errors, read_settings
from dialer.domain.node_status import NodeStatus
from dialer.domain.published import Backlog
from dialer.errors import NotFound
from dialer.services import publishing
from dialer.settings import Publish

publish_app = typer.Typer(help="Results that are told to others.", no_args_is_help=True)


@publish_app.command("status")
@plain_errors
def status(config: Config = None) -> None:
    """Show each target: how many results wait for it, since when, and what stands in the way."""
    settings = read_settings(config)
    with opened(config, settings=settings) as (store, _):
        waiting = asyncio.run(publishing.backlog(store))
        nodes = store.read_now(lambda tx: tx.node_statuses.all())
    out.print(_table(settings.publish, waiting, nodes, datetime.now(UTC)))


@publish_app.command("drop")
@plain_errors
def drop(
    target: Annotated[str, typer.Argument(help="The target's name; 'none' = results that wait for a target to be named.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: Config = None,
) -> None:
    """Give up the results that wait for a target: it never hears of them."""
    named = None if target == "none" else target
    with opened(config) as (store, _):
        found = [one for one in asyncio.run(publishing.backlog(store)) if one.target == named]
        if not found:
            raise NotFound(f"no result waits for {target!r}")
        if not yes:
            typer.confirm(f"Give up {found[0].results:,} results for {target}?", abort=True)
        gone = asyncio.run(publishing.give_up(store, named))
    out.print(f"{target}: {gone:,} results given up")


def _table(targets: tuple[Publish, ...], waiting: list[Backlog], nodes: list[NodeStatus], now: datetime) -> Table:
    by_name = {one.target: one for one in waiting}
    fresh = [node for node in nodes if node.fresh(now)]
    seen = {name: one for node in fresh for name, one in node.targets.items()}
    table = Table("Target", "To", "Waiting", "Oldest", "Told since start", "Because")
    for one in targets:
        known = seen.get(one.name)
        told, because = ("", "no dialer is running") if known is None else (f"{known.told:,}", known.because or "all is well")
        table.add_row(one.name, one.url or str(one.file), *_waiting(by_name.pop(one.name, None), now), told, because)
    for name, left in by_name.items():
        to = "" if name is not None else "(not given out yet)"
        because = "just made" if name is None and targets else "not in the settings: name it there, or drop them"
        table.add_row(name or "none", to, *_waiting(left, now), "", because)
    return table


def _waiting(backlog: Backlog | None, now: datetime) -> tuple[str, str]:
    return ("0", "") if backlog is None else (f"{backlog.results:,}", f"{_age(now - backlog.oldest_at)} ago")


def _age(age: timedelta) -> str:
    return str(age).split(".")[0]
