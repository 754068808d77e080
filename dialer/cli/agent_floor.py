"""`dialer agent floor | listened`: what supervisors see of a running dialer's agents, and who listened to whom."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from aiohttp import ClientError, ClientSession, ClientTimeout
from rich.live import Live
from rich.table import Table
from rich.text import Text

from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings
from dialer.cli.rows import print_rows
from dialer.errors import BadInput, Forbidden, OutdialError
from dialer.services.listenings import Listened, list_listenings
from dialer.services.organisations import DEFAULT

ANSWER_S = 5.0
STYLES = {"talking": "green", "conference": "green", "not_ready": "dim", "held": "magenta"}  # read on dark and on light
LOST_MOST = 10  # looks in a row that fail: then it is told, and not tried any longer


class NoFloor(OutdialError):
    """The dialer does not answer, or not as one does."""


@plain_errors
def floor(
    url: Annotated[
        str, typer.Argument(metavar="[URL]", help="Where the agents' desk is served; as the settings say if not given.")
    ] = "",
    token: Annotated[
        str,
        typer.Option(
            envvar="OUTDIAL_SUPERVISOR_TOKEN",
            prompt="The supervisor's token",
            hide_input=True,
            show_default=False,
            help="A supervisor's token (dialer agent token LOGIN); better in the environment than on the command line.",
        ),
    ] = "",
    once: Annotated[bool, typer.Option("--once", help="Show it once; else until Ctrl-C.")] = False,
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.2, max=60)] = 1.0,
    config: Config = None,
) -> None:
    """Show a supervisor who is at work now: state, since when, campaign, the contact's number (masked), and who listens."""
    where = url or read_settings(config).agents.listen
    if not where or where.endswith(":0"):
        raise BadInput("the settings do not say where the desk is served", where="url", mend="http://127.0.0.1:8090")
    address = f"{where if '://' in where else f'http://{where}'}".rstrip("/") + "/agent/v1/floor"
    try:
        asyncio.run(_watch(address, token, once=once, every=every))
    except KeyboardInterrupt:
        return


@plain_errors
def listened(
    login: Annotated[str, typer.Argument(metavar="[LOGIN]", help="Only what this supervisor or agent had part in.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="How many, the latest first.")] = 100,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show which supervisor listened to whom, when and how."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(list_listenings(store, org_id, login=login, limit=limit))
    print_rows(_listened_table(found), "nobody has listened to anybody")


async def _watch(address: str, token: str, *, once: bool, every: float) -> None:
    async with ClientSession(timeout=ClientTimeout(total=ANSWER_S), headers={"Authorization": f"Bearer {token}"}) as http:
        agents = await _look(http, address)
        if once:
            out.print(_floor_table(agents))
            return
        lost, seen = 0, datetime.now(UTC)
        with Live(_floor_table(agents), console=out, auto_refresh=False) as shown:
            while True:
                await asyncio.sleep(every)
                try:
                    agents, seen, lost = await _look(http, address), datetime.now(UTC), 0
                    table = _floor_table(agents)
                except NoFloor:  # such as while the dialer begins anew
                    lost += 1
                    if lost >= LOST_MOST:
                        raise
                    table = _floor_table(agents, seen)
                    table.caption = f"the dialer does not answer: this is how it was ({lost} of {LOST_MOST} looks)"
                shown.update(table, refresh=True)


async def _look(http: ClientSession, address: str) -> list[dict[str, Any]]:
    """Who is at work. Raises NoFloor, and Forbidden for a token that is no supervisor's."""
    try:
        async with http.get(address) as answer:
            said = await answer.json()
    except (ClientError, TimeoutError, json.JSONDecodeError) as exc:
        raise NoFloor(f"no dialer answers at {address}: is `dialer serve` running, and does [agents] listen name it?") from exc
    if answer.status in (401, 409):
        raise Forbidden(f"{said.get('because', 'it is refused')} ({said.get('mend', '')})")
    if answer.status != 200:
        raise NoFloor(f"the dialer at {address} says {answer.status}: {said.get('because', '')}")
    agents: list[dict[str, Any]] = said["said"]["agents"]
    return agents


def _floor_table(agents: Sequence[dict[str, Any]], at: datetime | None = None) -> Table:
    now = at or datetime.now(UTC)
    table = Table("Agent", "State", "For", "Campaign or queue", "With", "Line", "Heard by", title=f"{now:%H:%M:%S} UTC")
    for column in table.columns[:3]:
        column.no_wrap = True
    for one in agents:
        seconds = max(0, round((now - datetime.fromisoformat(one["since"])).total_seconds()))
        reason = f" ({one['reason']})" if one["state"] == "not_ready" and one["reason"] else ""
        heard_by = ", ".join(f"{login} ({how})" for login, how in one["heard_by"].items())
        line = one["line"] + (", desktop silent" if one["silent"] else "")
        clock = f"{seconds // 60}:{seconds % 60:02}"
        state = Text(one["state"].replace("_", " ") + reason, style=STYLES.get(one["state"], ""))
        gone = "red" if one["silent"] or one["line"] == "down" else ""
        campaign = one["queue"] or one["campaign"]
        table.add_row(one["agent"], state, clock, campaign, one["number"], Text(line, style=gone), heard_by)
    if not agents:
        table.caption = "nobody is at work"
    return table


def _listened_table(found: Sequence[Listened]) -> Table:
    table = Table("From (UTC)", "Until", "Supervisor", "Agent", "How", "Attempt", "Ended because")
    for one in found:
        until = "goes on" if one.ended_at is None else f"{one.ended_at:%H:%M:%S}"
        table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", until, one.supervisor, one.agent, one.how, one.attempt_id or "", one.because)
    return table
