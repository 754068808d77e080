"""`dialer campaign create | change | show | delete`: write campaigns down, and read them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, err, opened, out, plain_errors, read_settings, who, words_in_force
from dialer.domain.campaign import Campaign, Pace
from dialer.domain.ids import OrgId
from dialer.domain.wording import Wording
from dialer.errors import BadInput, unreadable
from dialer.services import campaigns, dnc_groups, knobs, schedules
from dialer.services.campaign_edits import in_words
from dialer.services.campaigns import NewCampaign
from dialer.services.filter_attributes import unknown_attributes
from dialer.services.message_attributes import unknown_in_messages
from dialer.services.organisations import DEFAULT
from dialer.services.pacing_words import parse_pacing
from dialer.services.recurrence_words import in_words as when
from dialer.store.store import Store

Name = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="The campaign's name.")]
# One set of options for both commands: to `create` a default is what the campaign gets, to `change` None leaves it as it is.
Lists = typer.Option("--list", help="A contact list; several are dialled in this order.")
Codes = typer.Option("--code", help="A custom completion code that its attempts may end with.")
Rate = typer.Option("--pace", help="How fast: 60/minute, 5/second, 1200/hour.")
MaxPorts = typer.Option(help="Never more calls at once.")
MinPorts = typer.Option(help="Dial faster than the pace while fewer calls are up.")
Finish = typer.Option("--finish", help='End when a code was reached so often: "Interested=50".')
Goal = typer.Option(help="End after so many responses: codes flagged as a success, or those of --goal-code.")
GoalCode = typer.Option("--goal-code", help="A code that counts as a response.")
Hours = typer.Option(help="End after so many hours.")
EndAt = typer.Option(help='End at a time: "20:00 Europe/Istanbul", also with a day before it.')
Infinite = typer.Option("--infinite/--finite", help="Never end; call contacts that are added later.")
Where = typer.Option("--where", help='Only those who fit: "city like Ank*", "age # >= 18"; | is or.')
Order = typer.Option("--sort", help='The order: "city", "age # desc".')
Priority = typer.Option(help="1 to 10: each step doubles its share of a trunk without room for all.")
Holds = typer.Option(
    "--hold", help='Hold calls while: "share 30 Network Error", "time 12:00-13:30 UTC"; or some: "contacts city = Bursa".'
)
Then = typer.Option(help="The campaign that starts when this one has ended.")
Pacing = typer.Option(help="Who decides when a contact is called: agentless, progressive, predictive, preview or manual.")
Knob = typer.Option("--knob", help='Of the pacing: "lines-per-agent=1.5", "wrap-up=30", "abandon=2.5"; docs/agents.md has all.')
Trunk = typer.Option(help="The way out; the first of the settings if not given.")
CallerId = typer.Option(help="The number that the contact sees, E.164; the trunk's if not given.")


@plain_errors
def create(
    name: Name,
    strategy: Annotated[str, typer.Option(help="A strategy's name, or a YAML file, which is kept as its newest version.")],
    contact_list: Annotated[list[str], Lists],
    code: Annotated[list[str] | None, Codes] = None,
    pace: Annotated[str, Rate] = "60/minute",
    max_ports: Annotated[int, MaxPorts] = 50,
    min_ports: Annotated[int, MinPorts] = 0,
    finish: Annotated[list[str] | None, Finish] = None,
    goal: Annotated[int, Goal] = 0,
    goal_code: Annotated[list[str] | None, GoalCode] = None,
    hours: Annotated[float, Hours] = 0.0,
    end_at: Annotated[str, EndAt] = "",
    infinite: Annotated[bool, Infinite] = False,
    where: Annotated[list[str] | None, Where] = None,
    sort: Annotated[str, Order] = "",
    priority: Annotated[int, Priority] = 5,
    hold: Annotated[list[str] | None, Holds] = None,
    then: Annotated[str, Then] = "",
    pacing: Annotated[str, Pacing] = "agentless",
    knob: Annotated[list[str] | None, Knob] = None,
    trunk: Annotated[str, Trunk] = "",
    caller_id: Annotated[str, CallerId] = "",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Define a campaign. It does not call anybody until it is started."""
    settings = read_settings(config)
    wording = words_in_force(settings)
    with opened(org=org, settings=settings) as (store, org_id):

        async def work() -> Campaign:
            new = NewCampaign(
                name=name,
                contact_lists=tuple(contact_list),
                codes=tuple(code or ()),
                trunk=trunk,
                caller_id=caller_id,
                pace=campaigns.parse_pace(pace, min_ports=min_ports, max_ports=max_ports),
                finish_after=campaigns.parse_finish(finish or ()),
                responses=goal,
                response_codes=tuple(goal_code or ()),
                after_hours=hours,
                end_at=knobs.parse_end(end_at),
                infinite=infinite,
                filter=knobs.parse_filter(where or ()),
                sort=knobs.parse_sort(sort),
                priority=priority,
                holds=tuple(knobs.parse_hold(one) for one in hold or ()),
                then=then,
                pacing=parse_pacing(pacing, knob or ()),
                # Last: a file is kept, and nothing that was typed may be wrong after that.
                strategy=await _strategy_name(store, org_id, strategy, wording),
            )
            trunks = [one.name for one in settings.trunk]
            return await campaigns.create_campaign(
                store, org_id, new, trunks=trunks or None, mode=settings.agents.mode, wording=wording
            )

        created = asyncio.run(work())
        _warn_of_unknown(store, org_id, created)
        _warn_of_messages(store, org_id, created)
    out.print(f"campaign created: {created.name} (start it with: dialer campaign start {created.name!r})", soft_wrap=True)


@plain_errors
def change(
    name: Name,
    rename: Annotated[str | None, typer.Option(help="Its name from now on.")] = None,
    strategy: Annotated[str | None, typer.Option(help="A strategy's name, or a YAML file.")] = None,
    contact_list: Annotated[list[str] | None, Lists] = None,
    code: Annotated[list[str] | None, Codes] = None,
    pace: Annotated[str | None, Rate] = None,
    max_ports: Annotated[int | None, MaxPorts] = None,
    min_ports: Annotated[int | None, MinPorts] = None,
    finish: Annotated[list[str] | None, Finish] = None,
    goal: Annotated[int | None, Goal] = None,
    goal_code: Annotated[list[str] | None, GoalCode] = None,
    hours: Annotated[float | None, Hours] = None,
    end_at: Annotated[str | None, EndAt] = None,
    infinite: Annotated[bool | None, Infinite] = None,
    where: Annotated[list[str] | None, Where] = None,
    sort: Annotated[str | None, Order] = None,
    priority: Annotated[int | None, Priority] = None,
    hold: Annotated[list[str] | None, Holds] = None,
    then: Annotated[str | None, Then] = None,
    pacing: Annotated[str | None, Pacing] = None,
    knob: Annotated[list[str] | None, Knob] = None,
    trunk: Annotated[str | None, Trunk] = None,
    caller_id: Annotated[str | None, CallerId] = None,
    version: Annotated[int | None, typer.Option(help="Refuse if somebody has changed it since this version.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Define a campaign anew; what is not given stays, and "" empties. A run that is not over keeps what it began with."""
    settings = read_settings(config)
    wording = words_in_force(settings)
    with opened(org=org, settings=settings) as (store, org_id):

        async def work() -> Campaign:
            before = await campaigns.campaign_named(store, org_id, name)
            now = campaigns.as_new(before)
            given: dict[str, Any] = {
                "name": rename,
                "contact_lists": _several(contact_list),
                "codes": _several(code),
                "trunk": trunk,
                "caller_id": caller_id,
                "pace": _pace_after(before.pace, pace, min_ports=min_ports, max_ports=max_ports),
                "finish_after": None if finish is None else campaigns.parse_finish(_several(finish) or ()),
                "responses": goal,
                "response_codes": _several(goal_code),
                "after_hours": hours,
                "infinite": infinite,
                "filter": None if where is None else knobs.parse_filter(_several(where) or ()),
                "priority": priority,
                "holds": None if hold is None else tuple(knobs.parse_hold(one) for one in _several(hold) or ()),
                "then": then,
                "pacing": parse_pacing(pacing, knob or (), now.pacing),
            }
            given = {field: value for field, value in given.items() if value is not None}
            if sort is not None:  # here and below, nothing is a value, too
                given["sort"] = knobs.parse_sort(sort)
            if end_at is not None:
                given["end_at"] = knobs.parse_end(end_at)
            if strategy is not None:  # last: a file is kept, and nothing that was typed may be wrong after that
                given["strategy"] = await _strategy_name(store, org_id, strategy, wording)
            trunks = [one.name for one in settings.trunk]
            seen = before.version if version is None else version
            return await campaigns.edit_campaign(
                store,
                org_id,
                name,
                replace(now, **given),
                by=who(),
                version=seen,
                trunks=trunks or None,
                mode=settings.agents.mode,
                wording=None if strategy is None else wording,  # who changes the pace is not asked about the strategy
            )

        changed = asyncio.run(work())
        if where is not None or sort is not None:
            _warn_of_unknown(store, org_id, changed)
        if strategy is not None or contact_list is not None:
            _warn_of_messages(store, org_id, changed)
    out.print(f"{changed.name} is at version {changed.version}", soft_wrap=True)


@plain_errors
def show(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Show a campaign as it is defined."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(campaigns.campaign_named(store, org_id, name))
        groups = [one.name for one in asyncio.run(dnc_groups.dnc_groups(store, org_id)) if found.name in one.campaigns]
        planned = asyncio.run(schedules.list_schedules(store, org_id, found.name))
    table = Table(title=found.name, show_header=False)
    for key, value in in_words(found).items():
        table.add_row(key, value)
    table.add_row("DNC groups", ", ".join(groups) or "none: the lists that always apply")
    table.add_row("schedules", "\n".join(f"{when(one)}{'' if one.active else ' (off)'}" for one in planned) or "none")
    out.print(table)


@plain_errors
def delete(name: Name, config: Config = None, org: Org = DEFAULT) -> None:
    """Take a campaign away; its schedules go with it, its jobs and attempts stay on record."""
    with opened(config, org) as (store, org_id):
        gone = asyncio.run(campaigns.delete_campaign(store, org_id, name, by=who()))
    out.print(f"deleted: {gone.name}; what its jobs did stays on record", soft_wrap=True)


def _warn_of_unknown(store: Store, org_id: OrgId, campaign: Campaign) -> None:
    for name in asyncio.run(unknown_attributes(store, org_id, campaign)):
        err.print(f"warning: no list of it has an attribute {name!r} (yet): nobody fits but by `is null`", style="yellow")


def _warn_of_messages(store: Store, org_id: OrgId, campaign: Campaign) -> None:
    unknown = asyncio.run(unknown_in_messages(store, org_id, campaign))
    for name in unknown.blanks:
        err.print(f"warning: no list of it has an attribute {name!r} (yet): ${{{name}}} is empty in its messages", style="yellow")
    for name in unknown.kept:
        err.print(f"warning: no list of it has an attribute {name!r} (yet): answers cannot be kept in it", style="yellow")


def _several(given: list[str] | None) -> tuple[str, ...] | None:
    """The values that were given; one "" stands for none."""
    return None if given is None else tuple(one for one in given if one)


def _pace_after(before: Pace, pace: str | None, *, min_ports: int | None, max_ports: int | None) -> Pace | None:
    """The pace that was asked for, in which what is not given stays; None where nothing is."""
    if pace is None and min_ports is None and max_ports is None:
        return None
    return campaigns.parse_pace(
        pace or f"{before.calls}/{before.per.value}",
        min_ports=before.min_ports if min_ports is None else min_ports,
        max_ports=before.max_ports if max_ports is None else max_ports,
    )


async def _strategy_name(store: Store, org_id: OrgId, given: str, wording: Wording) -> str:
    """The name of the strategy that was given; a file is kept as its newest version first."""
    path = Path(given)
    if path.suffix not in (".yaml", ".yml") and not path.is_file():
        return given
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"cannot be read: {unreadable(exc)}", where=given) from exc
    return (await campaigns.save_strategy(store, org_id, text, given, wording=wording)).name
