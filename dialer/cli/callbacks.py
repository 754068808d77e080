"""`dialer callbacks`: promise contacts a call at a time, and see, change and take back such promises."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors, who
from dialer.cli.rows import print_rows
from dialer.domain.callback import Callback, CallbackType
from dialer.domain.ids import CallbackId, JobId
from dialer.errors import BadInput
from dialer.services import callbacks
from dialer.services.callback_promise import Wanted
from dialer.services.organisations import DEFAULT
from dialer.services.strategy_shelf import StrategyShelf

callbacks_app = typer.Typer(help="Contacts that were promised a call.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="CALLBACK", help="Its number; see `dialer callbacks list`.")]
Zone = Annotated[str, typer.Option(help="The time zone of the times: Europe/Istanbul.")]
Kind = Annotated[
    CallbackType | None,
    typer.Option("--type", help="Who keeps it: agent (preferred) or strict_agent with --agent, campaign, standard."),
]
Agent = Annotated[str | None, typer.Option(help="The agent who promised it.")]
Expires = Annotated[str, typer.Option(help="From then on the promise is of no use: 2026-03-28T20:00.")]


@callbacks_app.command("add")
@plain_errors
def add(
    contact: Annotated[str, typer.Argument(metavar="CONTACT", help="The contact's id.")],
    at: Annotated[str, typer.Option(help="When, by the clocks of the zone: 2026-03-28T18:00.")],
    zone: Zone = "UTC",
    expires: Expires = "",
    number: Annotated[str, typer.Option(help="One of the contact's numbers; as the strategy says if not given.")] = "",
    note: Annotated[str, typer.Option(help="A remark.")] = "",
    kind: Kind = None,
    agent: Agent = None,
    asked: Annotated[bool, typer.Option("--asked", help="The contact itself asked for it.")] = False,
    job: Annotated[int | None, typer.Option(help="The job, where several have the contact.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Promise a contact of a running job a call; it replaces what was promised before."""
    wanted = Wanted(
        at=_time(at, "at"),
        zone=zone,
        expires_at=_time(expires, "expires") if expires else None,
        number=number,
        note=note,
        type=kind,
        agent=agent or "",
        on_request=asked,
    )
    with opened(config, org) as (store, org_id):
        made = asyncio.run(
            callbacks.add_callback(
                store,
                org_id,
                contact,
                wanted,
                strategy_of=StrategyShelf(),
                now=datetime.now(UTC),
                by=who(),
                job_id=None if job is None else JobId(job),
            )
        )
    _say(made)


@callbacks_app.command("list")
@plain_errors
def list_callbacks(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="Of one campaign only.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that are not pending any more, too.")] = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show what contacts were promised, in the order of time."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(callbacks.list_callbacks(store, org_id, campaign=campaign, pending_only=not every))
    table = Table("Callback", "Contact", "Campaign", "Job", "When", "Expires", "Kept by", "State", "Because", "By", "Note")
    for one, contact, name in found:
        until = "" if one.expires_at is None else _local(one.expires_at, one.zone)
        told = (_local(one.at, one.zone), until, _keeper(one), one.state.value, one.because, one.created_by, one.note)
        table.add_row(str(one.id), contact, name, str(one.job_id), *told)
    print_rows(table, "no callbacks: `dialer callbacks list --all` shows those that are over, too")


@callbacks_app.command("edit")
@plain_errors
def edit(
    number: Number,
    at: Annotated[str, typer.Option(help="Another time.")] = "",
    zone: Annotated[str, typer.Option(help="The time zone of the times; as before if not given.")] = "",
    expires: Expires = "",
    to: Annotated[str | None, typer.Option("--number", help='Another number of the contact; "" as the strategy says.')] = None,
    note: Annotated[str | None, typer.Option(help="Another remark.")] = None,
    kind: Kind = None,
    agent: Agent = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Change what is given of a callback that is pending."""
    when, until = (_time(at, "at") if at else None), (_time(expires, "expires") if expires else None)
    with opened(config, org) as (store, org_id):
        changes = callbacks.edit_callback(
            store,
            org_id,
            CallbackId(number),
            now=datetime.now(UTC),
            at=when,
            zone=zone,
            expires_at=until,
            number=to,
            note=note,
            type=kind,
            agent=agent,
        )
        _say(asyncio.run(changes))


@callbacks_app.command("now")
@plain_errors
def call_now(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Keep a pending callback at once, as far as calling hours and DNC lists let it."""
    with opened(config, org) as (store, org_id):
        _say(asyncio.run(callbacks.call_back_now(store, org_id, CallbackId(number), now=datetime.now(UTC))))


@callbacks_app.command("cancel")
@plain_errors
def cancel(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Take a pending callback back; the contact goes on as without it."""
    with opened(config, org) as (store, org_id):
        asyncio.run(
            callbacks.cancel_callback(
                store, org_id, CallbackId(number), strategy_of=StrategyShelf(), now=datetime.now(UTC), by=who()
            )
        )
    out.print(f"callback {number}: cancelled")


@callbacks_app.command("limits")
@plain_errors
def limits(
    campaign: Annotated[str | None, typer.Argument(metavar="[CAMPAIGN]", help="A campaign's own; they go before.")] = None,
    most: Annotated[int | None, typer.Option(help="Callbacks that a contact is given in a job.")] = None,
    minutes: Annotated[float | None, typer.Option(help="How far two callbacks of a contact lie apart at least.")] = None,
    at_once: Annotated[
        int | None, typer.Option(help="Callbacks of all contacts in any --within minutes; 0 = any number.")
    ] = None,
    within: Annotated[float | None, typer.Option(help="Those minutes.")] = None,
    queue: Annotated[int | None, typer.Option(help="Callbacks that wait in one agent's queue.")] = None,
    retry: Annotated[float | None, typer.Option(help="Minutes until an agent who was not there is looked for again.")] = None,
    tries: Annotated[int | None, typer.Option(help="How often a strict agent is looked for.")] = None,
    hours: Annotated[
        bool | None,
        typer.Option("--hours/--any-hour", help="Whether what a contact asked for keeps the strategy's hours, or the law's."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Take the limits away.")] = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the limits of callbacks; with options, change what is given."""
    given: dict[str, Any] = {"most": most, "span_most": at_once, "queue_most": queue, "tries_most": tries, "hours": hours}
    given |= {"min_interval_s": _seconds(minutes), "span_s": _seconds(within), "retry_s": _seconds(retry)}
    changes = {name: value for name, value in given.items() if value is not None}
    if at_once == 0:
        changes |= {"span_most": None, "span_s": 0.0}
    with opened(config, org) as (store, org_id):
        if clear:
            asyncio.run(callbacks.set_callback_limits(store, org_id, None, campaign=campaign))
        elif changes:
            asyncio.run(callbacks.change_callback_limits(store, org_id, campaign=campaign, **changes))
        found = asyncio.run(callbacks.callback_limits(store, org_id, campaign=campaign))
    if found is None:
        out.print("no limits of its own" if campaign else "no limits")
        return
    count = "any number of" if found.most is None else f"at most {found.most}"
    out.print(f"{count} callbacks for a contact in a job, at least {found.min_interval_s / 60:g} minutes apart")
    out.print(f"{found.crowd or 'any number of callbacks at a time'}; {found.queue_most} in an agent's queue")
    out.print(f"an agent who is not there is looked for after {found.retry_s / 60:g} minutes, {found.tries_most} times if strict")
    out.print(f"what a contact asked for keeps {'the hours of the strategy' if found.hours else 'the hours of the law'}")


def _seconds(minutes: float | None) -> float | None:
    return None if minutes is None else minutes * 60


def _keeper(one: Callback) -> str:
    if one.reassigned_at is not None:
        return f"{one.type.value}, not {one.agent}"
    return f"{one.type.value} {one.agent}".rstrip()


def _time(text: str, where: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadInput(f"{text!r} is no time", where=where, mend="2026-03-28T18:00") from exc


def _local(at: datetime, zone: str) -> str:
    return f"{at.astimezone(ZoneInfo(zone)):%a %Y-%m-%d %H:%M} in {zone}"


def _say(one: Callback) -> None:
    asked = "" if one.asked_at is None else f" (put off from {_local(one.asked_at, one.zone)}: too many at that time)"
    out.print(f"callback {one.id}: {_local(one.at, one.zone)}{asked}", soft_wrap=True)
