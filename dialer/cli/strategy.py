"""`dialer strategy`: look over a strategy before a campaign uses it."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, err, out, plain_errors, read_settings, words_in_force
from dialer.cli.rows import print_rows, room
from dialer.domain.codes import SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.domain.simulated_replies import Answering
from dialer.domain.simulation import USUAL_ACTIONS, USUAL_MAILS, USUAL_OUTCOMES, USUAL_TEXTS, Report, Scene, simulate
from dialer.domain.strategy import CallHandler, Strategy
from dialer.domain.window import zone_named
from dialer.errors import BadInput, unreadable
from dialer.services.reply_patterns import search
from dialer.services.reply_shares import shares_of
from dialer.services.strategies import CheckedStrategy, check_strategy
from dialer.services.strategy_diagram import as_mermaid, as_text

strategy_app = typer.Typer(help="Strategies: what a campaign does with a contact.", no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="A strategy in YAML.", show_default=False)]


class Format(StrEnum):
    """How a diagram is written."""

    TEXT = "text"
    MERMAID = "mermaid"


@strategy_app.command("check")
@plain_errors
def check(
    file: File,
    code: Annotated[list[str] | None, typer.Option(help="A custom completion code of the campaign; may be repeated.")] = None,
    config: Config = None,
) -> None:
    """Report every mistake of a strategy with its line, and what may not be meant."""
    checked = read_strategy(file, code, config=config)
    for warning in checked.warnings:
        err.print(f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    strategy = checked.strategy
    selects = ", a selector" if strategy.selector is not None else ""
    out.print(f"{strategy.name}: {strategy.status.value}, {len(strategy.handlers)} handler(s){selects}, no mistakes")
    out.print(as_text(strategy, room()), markup=False, highlight=False, soft_wrap=True)


@strategy_app.command("show")
@plain_errors
def show(
    file: File,
    form: Annotated[Format, typer.Option("--format", help="Plain text, or Mermaid for a document.")] = Format.TEXT,
    config: Config = None,
) -> None:
    """Draw the states of a strategy and what leads from one to the other."""
    strategy = read_strategy(file, config=config).strategy
    drawn = as_mermaid(strategy) if form is Format.MERMAID else as_text(strategy, room())
    out.print(drawn, markup=False, highlight=False, soft_wrap=True)


@strategy_app.command("simulate")
@plain_errors
def simulate_file(
    file: File,
    contacts: Annotated[int, typer.Option(min=1, max=100_000, help="How many people.")] = 1000,
    outcome: Annotated[
        list[str] | None,
        typer.Option(help="'Call Busy=0.1': how likely a call ends so; may be repeated, replaces the usual ones."),
    ] = None,
    action_outcome: Annotated[
        list[str] | None, typer.Option(help="'Interested=0.3': how likely a custom action ends so; may be repeated.")
    ] = None,
    sms_outcome: Annotated[
        list[str] | None, typer.Option(help="'SMS Failed=0.1': how likely a text message ends so; may be repeated.")
    ] = None,
    email_outcome: Annotated[
        list[str] | None, typer.Option(help="'Email Bounced=0.1': how likely an email ends so; may be repeated.")
    ] = None,
    reply: Annotated[
        list[str] | None,
        typer.Option(help="'sms: YES=0.2, STOP=0.01': how many of those who get a message answer so; may be repeated."),
    ] = None,
    attribute: Annotated[
        list[str] | None, typer.Option(help="'city=Boston|Austin|': one of these for each contact; may be repeated.")
    ] = None,
    zone: Annotated[list[str] | None, typer.Option(help="Time zones in which the contacts are; may be repeated.")] = None,
    start: Annotated[str, typer.Option(help="When the job starts, ISO 8601; 2026-03-02T09:00+00:00 if not given.")] = "",
    seed: Annotated[int, typer.Option(help="The same seed gives the same table.")] = 1,
    config: Config = None,
) -> None:
    """Walk people who do not exist through a strategy, without a call, and count how they end."""
    strategy = read_strategy(file, config=config).strategy
    shares = shares_of(reply or (), [one.channel for one in strategy.handlers])
    wording = words_in_force(read_settings(config))
    scene = Scene(
        contacts=contacts,
        starts_at=_moment(start),
        outcomes=_outcomes(outcome or (), USUAL_OUTCOMES, "--outcome"),
        actions=_outcomes(action_outcome or (), USUAL_ACTIONS, "--action-outcome"),
        texts=_outcomes(sms_outcome or (), USUAL_TEXTS, "--sms-outcome"),
        mails=_outcomes(email_outcome or (), USUAL_MAILS, "--email-outcome"),
        answering=Answering(shares=shares, wording=wording, search=search) if shares else None,
        zones=_zones(zone or ()),
        attributes=dict(_attribute(one) for one in attribute or ()),
    )
    report = simulate(strategy, scene, random.Random(seed))
    for table in _tables(strategy, report):
        print_rows(table)
    out.print(_told(strategy, report, scene), soft_wrap=True)


def _tables(strategy: Strategy, report: Report) -> list[Table]:
    codes = Table("Code", "Attempts", "Contacts that end with it", "Share")
    names = sorted(report.codes | report.ends, key=lambda name: (-report.codes[name], name))
    for name in names:
        ends = report.ends[name]
        codes.add_row(name or "(not attempted)", str(report.codes[name]), str(ends), f"{100 * ends / report.contacts:.1f} %")
    calls = Table(f"{_attempts(strategy).capitalize()} of a contact", "Contacts")
    for count, people in sorted(report.attempts.items()):
        calls.add_row(str(count), str(people))
    replies = Table("Answer", "What it comes to", "Times")
    for (text, what), times in sorted(report.replies.items(), key=lambda one: (one[0][0], -one[1], one[0][1])):
        replies.add_row(text, what, str(times))
    return [codes, calls, *([replies] if report.replies else [])]


def _attempts(strategy: Strategy) -> str:
    """What its attempts are called: a text message is no call."""
    return "calls" if all(isinstance(one, CallHandler) for one in strategy.handlers) else "attempts"


def _told(strategy: Strategy, report: Report, scene: Scene) -> str:
    hours = 0.0 if report.last_call_at is None else (report.last_call_at - scene.starts_at).total_seconds() / 3600
    return (
        f"{report.contacts} contacts, {report.calls} {_attempts(strategy)}, the last after {hours:.1f} h; "
        f"put off {report.put_off} times, {report.unfinished} not done after 30 days"
    )


def read_strategy(file: Path, codes: Sequence[str] | None = None, *, config: Path | None = None) -> CheckedStrategy:
    """The strategy in a file, checked against the words in force of the settings. Raises BadInput, BadSettings."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"cannot be read: {unreadable(exc)}", where=str(file)) from exc
    return check_strategy(text, str(file), known_codes=codes, wording=words_in_force(read_settings(config)))


def _outcomes(texts: Sequence[str], usual: Mapping[str, float], option: str) -> dict[str, float]:
    if not texts:
        return dict(usual)
    system = {name_key(code): code.value for code in SystemCode}
    found: dict[str, float] = {}
    for text in texts:
        name, _, share = text.rpartition("=")
        try:
            weight = float(share)
        except ValueError:
            weight = -1
        if not name.strip() or not 0 <= weight < float("inf"):
            raise BadInput(f"{text!r} is no outcome", where=option, mend="for example 'Call Busy=0.1'")
        key = name_key(name)
        found[system[key] if key in SYSTEM_NAME_KEYS else name.strip()] = weight
    if not sum(found.values()):
        raise BadInput("no outcome is possible", where=option, mend="give at least one a share above 0")
    return found


def _attribute(text: str) -> tuple[str, tuple[str, ...]]:
    name, sign, values = text.partition("=")
    if not sign or not name.strip():
        raise BadInput(f"{text!r} is no attribute", where="--attribute", mend="for example 'city=Boston|Austin|'")
    return name.strip(), tuple(one.strip() for one in values.split("|"))


def _zones(names: Sequence[str]) -> tuple[str, ...]:
    wrong = [name for name in names if zone_named(name) is None]
    if wrong:
        raise BadInput(f"no such time zone {wrong[0]!r}", where="--zone", mend="for example Europe/Berlin")
    return tuple(names) or ("UTC",)


def _moment(text: str) -> datetime:
    if not text:
        return datetime(2026, 3, 2, 9, 0, tzinfo=UTC)  # a fixed one, so that the same command gives the same table
    try:
        at = datetime.fromisoformat(text)
    except ValueError as exc:
        raise BadInput(f"{text!r} is no time", where="--start", mend="for example 2026-03-02T09:00+01:00") from exc
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
