"""`dialer inbox`: what people wrote that no program could deal with, and who looks after it."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors, who
from dialer.cli.rows import print_rows
from dialer.domain.ids import ReceivedId
from dialer.domain.received import AnswerState, InboxState, Received
from dialer.services import inbox
from dialer.services.inbox import InboxItem
from dialer.services.inbox_opt_outs import opt_out_sender
from dialer.services.organisations import DEFAULT
from dialer.services.strategy_shelf import StrategyShelf

inbox_app = typer.Typer(help="Messages from contacts that wait for a person.", no_args_is_help=True)

Number = Annotated[int, typer.Argument(metavar="MESSAGE", help="Its number; see `dialer inbox list`.")]
SHOWN = 60  # characters of a text in a list


@inbox_app.command("list")
@plain_errors
def list_inbox(
    every: Annotated[bool, typer.Option("--all", help="Everything that came, also what was dealt with.")] = False,
    assigned: Annotated[str | None, typer.Option(help='Only what this person looks after; "" = what nobody does.')] = None,
    before: Annotated[int | None, typer.Option(help="Only messages with a smaller number: the next page.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many, the latest first.")] = 50,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the messages that wait, the latest first."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(inbox.list_inbox(store, org_id, every=every, assigned_to=assigned, before=before, limit=limit))
    table = Table("Message", "Came", "From", "Contact", "Text", "Taken for", "State", "Note")
    for item in found:
        one = item.received
        text = " ".join((one.text or one.subject).split())
        cut = text if len(text) <= SHOWN else text[: SHOWN - 1] + "…"
        came = f"{one.at:%Y-%m-%d %H:%M}"
        of = f"{item.contact} ({item.campaign})" if item.contact else ""
        taken = f"{one.taken_for.value}: {one.code}" if one.code else one.taken_for.value
        table.add_row(str(one.id), came, one.sender, of, cut, taken, _state(one), one.note)
    print_rows(table, "nothing waits for a person")


@inbox_app.command("show")
@plain_errors
def show(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Show one message, and what it answers."""
    with opened(config, org) as (store, org_id):
        item = asyncio.run(inbox.show_message(store, org_id, ReceivedId(number)))
    for name, value in _facts(item).items():
        if value:
            out.print(f"{name + ':':14}{value}", soft_wrap=True)


@inbox_app.command("assign")
@plain_errors
def assign(
    number: Number,
    to: Annotated[str, typer.Argument(metavar="PERSON", help='Who looks after it; "" = nobody any more.')],
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Say who looks after a message."""
    with opened(config, org) as (store, org_id):
        one = asyncio.run(inbox.assign_message(store, org_id, ReceivedId(number), to))
    out.print(f"message {one.id}: {f'{one.assigned_to} looks after it' if one.assigned_to else 'nobody looks after it'}")


@inbox_app.command("opt-out")
@plain_errors
def opt_out(number: Number, config: Config = None, org: Org = DEFAULT) -> None:
    """Whoever wrote it wants no more messages: what a STOP would have done is done, and the message is closed."""
    with opened(config, org) as (store, org_id):
        one = asyncio.run(opt_out_sender(store, org_id, ReceivedId(number), StrategyShelf(), by=who()))
    out.print(f"message {one.id}: {one.sender} is on the DNC list; closed by {one.closed_by}")


@inbox_app.command("close")
@plain_errors
def close(
    number: Number,
    note: Annotated[str, typer.Option(help="What was done about it.")] = "",
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """A message was dealt with."""
    with opened(config, org) as (store, org_id):
        one = asyncio.run(inbox.close_message(store, org_id, ReceivedId(number), by=who(), note=note))
    out.print(f"message {one.id}: closed by {one.closed_by}")


def _state(one: Received) -> str:
    if one.inbox is InboxState.CLOSED:
        return f"closed by {one.closed_by}"
    if one.inbox is InboxState.OPEN:
        return f"with {one.assigned_to}" if one.assigned_to else "open"
    return ""


def _facts(item: InboxItem) -> dict[str, str]:
    one = item.received
    answer = "" if one.answer_state is AnswerState.NONE else f"{one.answer} ({one.answer_state.value})"
    return {
        "message": f"{one.id} ({one.channel.value} by {one.gateway})",
        "came": f"{one.at:%Y-%m-%d %H:%M:%S} UTC",
        "from": one.sender,
        "to": one.recipient,
        "subject": one.subject,
        "text": one.text,
        "taken for": one.taken_for.value,
        "contact": item.contact,
        "campaign": item.campaign,
        "answers": "" if item.ours is None else item.ours.body or item.ours.subject,
        "attempt": one.attempt_id or "",
        "code": one.code,
        "our answer": answer,
        "state": _state(one),
        "note": one.note,
    }
