"""`dialer agent`: who talks to contacts, what they can do, and what they did."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.agent_floor import floor, listened
from dialer.cli.agent_play import play
from dialer.cli.context import Config, Org, opened, out, plain_errors
from dialer.cli.rows import print_rows
from dialer.domain.agent import AgentState
from dialer.services import agent_times, agents
from dialer.services.organisations import DEFAULT

agent_app = typer.Typer(help="Agents: the people who talk to contacts.", no_args_is_help=True)
reason_app = typer.Typer(help="Why agents may be not ready; while there are none, any word will do.", no_args_is_help=True)
agent_app.add_typer(reason_app, name="reason")
agent_app.command()(play)
agent_app.command()(floor)
agent_app.command()(listened)

Login = Annotated[str, typer.Argument(metavar="LOGIN", help="The agent's login.", show_default=False)]
Skills = Annotated[list[str] | None, typer.Option("--skill", help='What the agent can do, 1 to 10: "Turkish=8".')]
Campaigns = Annotated[list[str] | None, typer.Option("--campaign", help="Works for this campaign; all, if none is given.")]
Supervisor = typer.Option(
    "--supervisor/--no-supervisor", help="May see the floor, listen to the talks of others, whisper and barge in."
)
Phone = typer.Option(help="Where the agent's telephone is rung: a SIP endpoint of the switch.")


@agent_app.command("add")
@plain_errors
def add(
    login: Login,
    name: Annotated[str, typer.Option(help="As people are called.")] = "",
    phone: Annotated[str, Phone] = "",
    skill: Skills = None,
    campaign: Campaigns = None,
    supervisor: Annotated[bool, Supervisor] = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Let somebody work. For a desk the agent needs a token, too."""
    skills = agents.parse_skills(skill or ())
    with opened(config, org) as (store, org_id):
        made = asyncio.run(
            agents.add_agent(
                store,
                org_id,
                login,
                name=name,
                phone=phone,
                skills=skills,
                campaigns=campaign or (),
                supervisor=supervisor,
            )
        )
    what = "supervisor" if made.supervisor else "agent"
    _say(f"{what} added: {made.login} (a token for the desk: dialer agent token {made.login})")


@agent_app.command("list")
@plain_errors
def list_agents(config: Config = None, org: Org = DEFAULT) -> None:
    """Show the agents, and what each is doing."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(agent_times.present_agents(store, org_id))
        tokens = asyncio.run(agents.agents_with_token(store, org_id))
    table = Table("Login", "Name", "Telephone", "Skills", "Campaigns", "Supervisor", "Token", "State", "Since")
    for one, last in found:
        state = AgentState.LOGGED_OUT.value if last is None else last.state.value
        table.add_row(
            one.login,
            one.name,
            one.phone,
            ", ".join(f"{skill} {level}" for skill, level in one.skills.items()),
            _campaigns(one.campaigns, one.preferred),
            "yes" if one.supervisor else "",
            "yes" if one.id in tokens else "",
            (state + (f" ({last.reason})" if last and last.reason else "")) if one.active else "passive",
            "" if last is None else f"{last.at:%Y-%m-%d %H:%M:%S} UTC",
        )
    print_rows(table, "no agents yet: `dialer agent add LOGIN`")


@agent_app.command("change")
@plain_errors
def change(
    login: Login,
    name: Annotated[str | None, typer.Option(help="As people are called.")] = None,
    phone: Annotated[str | None, Phone] = None,
    active: Annotated[bool | None, typer.Option("--active/--passive", help="Whether the agent may work.")] = None,
    campaign: Annotated[list[str] | None, typer.Option("--campaign", help='All campaigns of the agent; "" = every one.')] = None,
    prefer: Annotated[list[str] | None, typer.Option("--prefer", help='These come first, in this order; "" = none.')] = None,
    supervisor: Annotated[bool | None, Supervisor] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Change what is given, and leave the rest."""
    with opened(config, org) as (store, org_id):
        changed = asyncio.run(
            agents.change_agent(
                store,
                org_id,
                login,
                name=name,
                phone=phone,
                active=active,
                campaigns=None if campaign is None else [one for one in campaign if one],
                preferred=None if prefer is None else [one for one in prefer if one],
                supervisor=supervisor,
            )
        )
    also = "; supervisor" if changed.supervisor else ""
    _say(f"agent changed: {changed.login}; works for {_campaigns(changed.campaigns, changed.preferred)}{also}")


@agent_app.command("skills")
@plain_errors
def skills(
    login: Login,
    skill: Annotated[list[str] | None, typer.Argument(help='All the agent can do: "Turkish=8" "Sales=3".')] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Say all that an agent can do; nothing = no skills."""
    wanted = agents.parse_skills(skill or ())
    with opened(config, org) as (store, org_id):
        changed = asyncio.run(agents.set_skills(store, org_id, login, wanted))
    _say(f"{changed.login}: {', '.join(f'{name} {level}' for name, level in changed.skills.items()) or 'no skills'}")


@agent_app.command("remove")
@plain_errors
def remove(login: Login, config: Config = None, org: Org = DEFAULT) -> None:
    """Take away an agent who never worked; one who did can be made passive."""
    with opened(config, org) as (store, org_id):
        asyncio.run(agents.remove_agent(store, org_id, login))
    _say(f"agent removed: {login}")


@agent_app.command("token")
@plain_errors
def token(
    login: Login,
    revoke: Annotated[bool, typer.Option("--revoke", help="Take the token away, and give none.")] = False,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Give an agent a new token for the desk, shown this once; the old one is of no use any more."""
    with opened(config, org) as (store, org_id):
        if revoke:
            asyncio.run(agents.revoke_token(store, org_id, login))
            _say(f"{login} can use no desk until there is a new token")
        else:
            _say(asyncio.run(agents.new_token(store, org_id, login)))


@agent_app.command("states")
@plain_errors
def states(
    login: Annotated[str | None, typer.Argument(metavar="[LOGIN]", help="Each change of this agent's state.")] = None,
    hours: Annotated[float, typer.Option(help="How far to look back.")] = 24.0,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show how long agents were in each state, with how many contacts and how busy; of one agent each change."""
    until = datetime.now(UTC)
    since = until - timedelta(hours=max(0.0, min(hours, 24.0 * 366)))
    with opened(config, org) as (store, org_id):
        if login is None:
            table = _times_table(asyncio.run(agent_times.agent_times(store, org_id, since=since, until=until)))
        else:
            found = asyncio.run(agent_times.agent_history(store, org_id, login, since=since, until=until))
            table = Table("At (UTC)", "State", "Reason", "Job", "Attempt")
            for one in found:
                why = one.reason + (" (walked away)" if one.walked_away else "")
                job = "" if one.job_id is None else str(one.job_id)
                table.add_row(f"{one.at:%Y-%m-%d %H:%M:%S}", one.state.value, why, job, one.attempt_id or "")
    print_rows(table)


@reason_app.command("add")
@plain_errors
def add_reason(reason: str, config: Config = None, org: Org = DEFAULT) -> None:
    """Define a reason; from the first on agents must give one of them."""
    with opened(config, org) as (store, org_id):
        made = asyncio.run(agents.add_reason(store, org_id, reason))
    _say(f"reason added: {made}")


@reason_app.command("list")
@plain_errors
def list_reasons(config: Config = None, org: Org = DEFAULT) -> None:
    """Show the reasons."""
    with opened(config, org) as (store, org_id):
        found = asyncio.run(agents.list_reasons(store, org_id))
    _say("\n".join(found) or "none: any word will do")


@reason_app.command("remove")
@plain_errors
def remove_reason(reason: str, config: Config = None, org: Org = DEFAULT) -> None:
    """Take a reason away; what was done under it stays on record."""
    with opened(config, org) as (store, org_id):
        asyncio.run(agents.remove_reason(store, org_id, reason))
    _say(f"reason removed: {reason}")


def _times_table(found: list[agent_times.AgentTimes]) -> Table:
    shown = [one for one in AgentState if one is not AgentState.LOGGED_OUT and any(each.seconds.get(one) for each in found)]
    table = Table("Login", *(state.value.replace("_", " ") for state in shown), "contacts", "busy", "codes")
    for one in found:
        busy = "" if one.occupancy is None else f"{one.occupancy:.0%}"
        codes = ", ".join(f"{count} × {code}" for code, count in sorted(one.codes.items(), key=lambda each: -each[1]))
        times = [_clock(one.seconds.get(state, 0.0)) for state in shown]
        table.add_row(one.login, *times, str(one.contacts), busy, codes)
    return table


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if seconds >= 0.5 else ""


def _campaigns(allowed: tuple[str, ...], preferred: tuple[str, ...]) -> str:
    first = f" (first: {', '.join(preferred)})" if preferred else ""
    return (", ".join(allowed) or "all") + first


def _say(text: str) -> None:
    out.print(text, soft_wrap=True)
