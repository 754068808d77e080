"""`dialer codes`: define the completion codes that a campaign is run for."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors
from dialer.cli.rows import print_rows
from dialer.domain.codes import DAY_S, BlockScope, CustomCode, NextAction, SystemCode
from dialer.domain.ids import JobId
from dialer.services import codes as service
from dialer.services.late_codes import record_late_code
from dialer.services.organisations import DEFAULT
from dialer.services.strategies import load_strategy

codes_app = typer.Typer(help="Completion codes: how an attempt to reach a contact ended.", no_args_is_help=True)


@codes_app.command("list")
@plain_errors
def list_codes(
    config: Config = None,
    org: Org = DEFAULT,
    system: Annotated[bool, typer.Option("--system", help="Show the codes that Outdial itself sets, too.")] = False,
    all_orgs: Annotated[bool, typer.Option("--all-orgs", help="Show the codes of every organisation.")] = False,
) -> None:
    """Show the organisation's own codes."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(service.codes_with_owners(store, None if all_orgs else org_id))
    table = Table("Code", "Kind", "Organisation", "Properties", "Description")
    for owner, code in found:
        kind = "custom" if code.active else "passive"
        table.add_row(code.name, kind, owner, ", ".join(_properties(code)), code.description)
    if system:
        for one in SystemCode:
            table.add_row(one.value, "system", "", "", one.meaning)
    print_rows(table, "no codes of your own yet: `dialer codes add NAME`; --system shows those of Outdial")


@codes_app.command("add")
@plain_errors
def add_code(
    name: str,
    config: Config = None,
    org: Org = DEFAULT,
    description: Annotated[str, typer.Option(help="What it means.")] = "",
    rpc: Annotated[bool, typer.Option("--rpc", help="The person that we wanted spoke (right-party contact).")] = False,
    success: Annotated[bool, typer.Option("--success", help="What the campaign is run for.")] = False,
    closure: Annotated[bool, typer.Option("--closure", help="No further attempt makes sense.")] = False,
    answer_machine: Annotated[bool, typer.Option("--answer-machine", help="A machine took the call.")] = False,
    add_to_dnc: Annotated[bool, typer.Option("--add-to-dnc", help="The number goes to the do-not-call list.")] = False,
    next_action: Annotated[NextAction, typer.Option(help="What it makes of the contact.")] = NextAction.NONE,
    schedule_after_s: Annotated[int, typer.Option(help="With schedule: the delay when no date was given.")] = DAY_S,
    block_scope: Annotated[BlockScope, typer.Option(help="Whose DNC list a number goes to.")] = BlockScope.ORGANISATION,
) -> None:
    """Define a code; CODE1 and code1 are one name."""
    wanted = CustomCode(
        name=name,
        description=description,
        is_rpc=rpc,
        is_success=success,
        is_closure=closure,
        is_answer_machine=answer_machine,
        add_to_dnc=add_to_dnc,
        next_action=next_action,
        schedule_after_s=schedule_after_s,
        block_scope=block_scope,
    )
    with opened(config, org) as (store, org_id):
        created = asyncio.run(service.create_code(store, org_id, wanted))
    out.print(f"code added: {created.name}")


@codes_app.command("edit")
@plain_errors
def edit_code(
    name: str,
    config: Config = None,
    org: Org = DEFAULT,
    new_name: Annotated[str | None, typer.Option("--name", help="A new name, while no campaign uses the code.")] = None,
    description: Annotated[str | None, typer.Option(help="What it means.")] = None,
    rpc: Annotated[bool | None, typer.Option("--rpc/--no-rpc")] = None,
    success: Annotated[bool | None, typer.Option("--success/--no-success")] = None,
    closure: Annotated[bool | None, typer.Option("--closure/--no-closure")] = None,
    answer_machine: Annotated[bool | None, typer.Option("--answer-machine/--no-answer-machine")] = None,
    add_to_dnc: Annotated[bool | None, typer.Option("--add-to-dnc/--no-add-to-dnc")] = None,
    next_action: Annotated[NextAction | None, typer.Option(help="What it makes of the contact.")] = None,
    schedule_after_s: Annotated[int | None, typer.Option(help="With schedule: the delay when no date was given.")] = None,
    block_scope: Annotated[BlockScope | None, typer.Option(help="Whose DNC list a number goes to.")] = None,
    active: Annotated[bool | None, typer.Option("--active/--passive", help="Whether it can be chosen.")] = None,
) -> None:
    """Change what is given, and leave the rest."""
    wanted: dict[str, Any] = {
        "name": new_name,
        "description": description,
        "is_rpc": rpc,
        "is_success": success,
        "is_closure": closure,
        "is_answer_machine": answer_machine,
        "add_to_dnc": add_to_dnc,
        "next_action": next_action,
        "schedule_after_s": schedule_after_s,
        "block_scope": block_scope,
        "active": active,
    }
    changes = {key: value for key, value in wanted.items() if value is not None}
    with opened(config, org) as (store, org_id):
        changed = asyncio.run(service.edit_code(store, org_id, name, **changes))
    out.print(f"code changed: {changed.name}")


@codes_app.command("delete")
@plain_errors
def delete_code(name: str, config: Config = None, org: Org = DEFAULT) -> None:
    """Remove a code that was never used; one that was can be set passive."""
    with opened(config, org) as (store, org_id):
        asyncio.run(service.delete_code(store, org_id, name))
    out.print(f"code deleted: {name}")


@codes_app.command("passivate")
@plain_errors
def passivate_code(name: str, config: Config = None, org: Org = DEFAULT) -> None:
    """Let a code be chosen no more; its history stays."""
    with opened(config, org) as (store, org_id):
        changed = asyncio.run(service.passivate_code(store, org_id, name))
    out.print(f"code is passive now: {changed.name}")


@codes_app.command("record")
@plain_errors
def record_code(
    contact: Annotated[str, typer.Argument(help="The contact's id, as in your list.", show_default=False)],
    code: Annotated[str, typer.Argument(help="The completion code that has become known.", show_default=False)],
    config: Config = None,
    org: Org = DEFAULT,
    job: Annotated[int | None, typer.Option(help="In which job; without it the one in which the contact waits.")] = None,
) -> None:
    """Give a contact that waits (next state "wait") the code for which it waits."""
    with opened(config, org) as (store, org_id):
        step = asyncio.run(
            record_late_code(
                store,
                org_id,
                contact,
                code,
                strategy_of=lambda job_id, text: load_strategy(text, f"strategy of job {job_id}"),
                now=datetime.now(UTC),
                job_id=None if job is None else JobId(job),
            )
        )
    out.print(step.because)


def _properties(code: CustomCode) -> list[str]:
    flags = {
        "right party": code.is_rpc,
        "success": code.is_success,
        "closure": code.is_closure,
        "answer machine": code.is_answer_machine,
        "to DNC": code.add_to_dnc,
        "common DNC": code.block_scope is BlockScope.COMMON,
        _ACTIONS.get(code.next_action, "").format(code.schedule_after_s): code.next_action is not NextAction.NONE,
    }
    return [name for name, there in flags.items() if there]


_ACTIONS = {
    NextAction.STOP: "stop",
    NextAction.SCHEDULE: "schedule ({} s when no date is given)",
    NextAction.REMOVE_NUMBER: "remove the number, on with the next",
    NextAction.BLOCK_NUMBER: "block the number, on with the next",
}
