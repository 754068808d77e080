"""`dialer rules`: how often people may be called, across all campaigns."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors
from dialer.cli.rows import print_rows
from dialer.domain.rules import Kind, Per, Rule, Then
from dialer.errors import BadInput
from dialer.services import rules
from dialer.services.organisations import DEFAULT

rules_app = typer.Typer(help="Rules across campaigns.", no_args_is_help=True)

Attempts = Annotated[int | None, typer.Option(min=1, help="At most so many ...")]
Hours = Annotated[float | None, typer.Option(help="... in so many hours.")]
PerWhat = Annotated[Per | None, typer.Option(help="Counted for each person, or for each address.")]
Channel = Annotated[str | None, typer.Option(help="voice, sms or email; all together if not given.")]
Code = Annotated[list[str] | None, typer.Option("--code", help='Count only attempts that ended with this code; "" = any.')]
Last = Annotated[bool | None, typer.Option("--if-last/--count-codes", help="Hold only while the latest attempt ended so.")]
Campaign = Annotated[list[str] | None, typer.Option("--campaign", help='Only for this campaign; "" = for all.')]
Zone = Annotated[list[str] | None, typer.Option("--zone", help='Only for addresses in this time zone; "" = in all.')]
NotIn = Annotated[list[str] | None, typer.Option("--not-in-zone", help='Not for addresses in this time zone; "" = in none.')]
Exempt = Annotated[list[Kind] | None, typer.Option("--exempt", help="Attempts that the rule lets pass.")]
Finish = Annotated[str | None, typer.Option("--finish-with", help='End the contact with this code; "" = let it wait.')]
Position = Annotated[int | None, typer.Option(help="Rules are asked in this order.")]


@rules_app.command("list")
@plain_errors
def list_(config: Config = None, org: Org = DEFAULT) -> None:
    """Show the rules in the order in which they are asked."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(rules.list_rules(store, org_id))
        names = {one.id: one.name for one in store.read_now(lambda tx: tx.campaigns(org_id).all())}
    table = Table("Rule", "On", "At most", "Per", "Codes", "Campaigns", "Zones", "Lets pass", "Then")
    for one in found:
        window = f"{one.max_attempts} in {one.window_s / 3600:g} h"
        codes = ", ".join(one.codes) + (" (last)" if one.only_last else "")
        campaigns = ", ".join(names.get(of, str(of)) for of in one.campaigns) or "all"
        then = one.then.value if one.then is Then.WAIT else f"finish: {one.code}"
        per = f"{one.per.value} {one.channel}".rstrip()
        zones = ", ".join(one.zones) or "all"
        zones += f" but {', '.join(one.except_zones)}" if one.except_zones else ""
        on = "on" if one.active else "off"
        table.add_row(one.name, on, window, per, codes, campaigns, zones, ", ".join(one.exempt), then)
    print_rows(table)


@rules_app.command("add")
@plain_errors
def add(
    name: str,
    attempts: Attempts = 3,
    hours: Hours = 24,
    per: PerWhat = Per.PERSON,
    channel: Channel = "",
    code: Code = None,
    if_last: Last = False,
    campaign: Campaign = None,
    zone: Zone = None,
    not_in_zone: NotIn = None,
    exempt: Exempt = None,
    finish_with: Finish = None,
    position: Position = 100,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Make a rule: at most 3 attempts in 24 hours for each person, if nothing else is said. Running jobs obey at once."""
    plain = Rule(name=name, max_attempts=3, window_s=86400)
    rule = _changed(plain, attempts, hours, per, channel, code, if_last, zone, not_in_zone, exempt, finish_with, position)
    with opened(config, org) as (store, org_id):
        made = asyncio.run(rules.create_rule(store, org_id, rule, campaigns=_several(campaign) or ()))
    out.print(f"{made.name}: in force")


@rules_app.command("edit")
@plain_errors
def edit(
    name: str,
    attempts: Attempts = None,
    hours: Hours = None,
    per: PerWhat = None,
    channel: Channel = None,
    code: Code = None,
    if_last: Last = None,
    campaign: Campaign = None,
    zone: Zone = None,
    not_in_zone: NotIn = None,
    exempt: Exempt = None,
    finish_with: Finish = None,
    position: Position = None,
    exempt_nobody: Annotated[bool, typer.Option("--exempt-nobody", help="It lets no attempt pass any more.")] = False,
    on: Annotated[bool | None, typer.Option("--on/--off", help="Whether it holds.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Change what is named of a rule; running jobs obey at once."""
    if exempt_nobody and exempt:
        raise BadInput("somebody and nobody", where="exempt", mend="one of the two")
    exempt = [] if exempt_nobody else exempt
    with opened(config, org) as (store, org_id):
        before = store.read_now(lambda tx: tx.rules(org_id).by_name(name))
        after = _changed(before, attempts, hours, per, channel, code, if_last, zone, not_in_zone, exempt, finish_with, position)
        after = after if on is None else replace(after, active=on)
        asyncio.run(rules.edit_rule(store, org_id, after, campaigns=_several(campaign)))
    out.print(f"{after.name}: {'in force' if after.active else 'off'}")


@rules_app.command("delete")
@plain_errors
def delete(name: str, config: Config = None, org: Org = DEFAULT) -> None:
    """Remove a rule; those that come with the system can be switched off instead."""
    with opened(config, org) as (store, org_id):
        asyncio.run(rules.delete_rule(store, org_id, name))
    out.print(f"{name}: removed")


def _several(given: list[str] | None) -> list[str] | None:
    """The values that were given; one "" stands for none."""
    return None if given is None else [one for one in given if one]


def _changed(
    rule: Rule,
    attempts: int | None,
    hours: float | None,
    per: Per | None,
    channel: str | None,
    codes: list[str] | None,
    if_last: bool | None,
    zones: list[str] | None,
    except_zones: list[str] | None,
    exempt: list[Kind] | None,
    finish_with: str | None,
    position: int | None,
) -> Rule:
    return replace(
        rule,
        max_attempts=rule.max_attempts if attempts is None else attempts,
        window_s=rule.window_s if hours is None else hours * 3600,
        per=per or rule.per,
        channel=rule.channel if channel is None else channel,
        codes=rule.codes if codes is None else tuple(_several(codes) or ()),
        only_last=rule.only_last if if_last is None else if_last,
        zones=rule.zones if zones is None else tuple(one for one in zones if one),
        except_zones=rule.except_zones if except_zones is None else tuple(one for one in except_zones if one),
        exempt=rule.exempt if exempt is None else tuple(exempt),
        then=rule.then if finish_with is None else Then.FINISH if finish_with else Then.WAIT,
        code=finish_with or rule.code,
        position=rule.position if position is None else position,
    )
