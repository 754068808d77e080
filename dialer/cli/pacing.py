"""`dialer pacing explain | evidence | replay`: why so many calls were placed, how the law's count stands, what else could be."""

from __future__ import annotations

import asyncio
import csv
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, opened, out, plain_errors
from dialer.cli.pacing_figures import figures_of, figures_table, last_of
from dialer.cli.rows import print_rows
from dialer.domain.ids import JobId
from dialer.domain.live_answer import LiveAnswer, Verdict
from dialer.domain.pacing_plan import AbandonBudget
from dialer.errors import BadInput
from dialer.services.budgets import evidence
from dialer.services.organisations import DEFAULT

pacing_app = typer.Typer(help="How calls for agents are paced: reasons, the law's count, replays.", no_args_is_help=True)

JobNumber = Annotated[int, typer.Argument(metavar="JOB", help="The number of a run: see dialer campaign status.", min=1)]
COLUMNS = (
    "attempt_id",
    "ordered_at",
    "ringing_at",
    "answered_at",
    "greeting_ended_at",
    "person_at",
    "joined_at",
    "waited_s",
    "agent",
    "ended_at",
    "counts_as",
    "code",
    "system_code",
)


@pacing_app.command("explain")
@plain_errors
def explain_job(
    job: JobNumber,
    last: Annotated[int, typer.Option(help="So many reasons, the latest first.", min=1, max=10_000)] = 30,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show why so many calls were placed, stretch by stretch."""
    from dialer.services.pacing_replay import explain

    with opened(config, org) as (store, org_id):
        found, decisions = asyncio.run(explain(store, org_id, JobId(job), limit=last))
    table = Table("Until (UTC)", "Pacer", "Placed", "Idle", "Talking", "Writing", "Ringing", "Waiting", "Abandoned", "Because")
    for column in table.columns[2:9]:
        column.justify = "right"
    for one in decisions:
        lost = f"{one.abandoned:g} of {one.live:g}"
        figures = (one.placed, one.idle, one.talking, one.wrapping, one.ringing, one.waiting)
        table.add_row(f"{one.at:%m-%d %H:%M:%S}", one.pacer, *map(str, figures), lost, one.because)
    out.print(f"{found.campaign_name}: job {found.id}, {found.definition.pacing}", soft_wrap=True)
    print_rows(table, "no decision is on record: it has no agents, or has not begun")


@pacing_app.command("evidence")
@plain_errors
def evidence_of(
    job: JobNumber,
    file: Annotated[Path | None, typer.Option("--out", help="Write one line for each live answer to this CSV file.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show how many people found no agent, as the budget counts them; --out has every moment of every call."""
    now = datetime.now(UTC)
    with opened(config, org) as (store, org_id):
        found, answers, ledger = asyncio.run(evidence(store, org_id, JobId(job), now=now))
    budget = ledger.budget
    verdicts = [one.verdict(budget) for one in answers]
    out.print(f"{found.campaign_name}: job {found.id}; budget: {budget}", soft_wrap=True)
    table = Table("Live answers of this run", "Calls")
    table.columns[1].justify = "right"
    for verdict in Verdict:
        table.add_row(verdict.value, f"{verdicts.count(verdict):,}")
    out.print(table)
    tally = ledger.tally(now)
    lost, live = tally.lost(budget.count), ledger.live(tally)
    out.print(
        f"in the window of the budget: {lost:.4g} of {live:.6g} abandoned, {ledger.rate(now):.2%} of at most {budget.percent:g} %"
    )
    if (level := found.definition.pacing.level).is_asked:
        stand = ledger.stand(level, now)
        out.print(f"service level: {stand.share:.2%} of {stand.answered:,} had an agent in time; wanted: {level}", soft_wrap=True)
    if file is not None:
        try:
            with file.open("x", newline="", encoding="utf-8") as written:
                writer = csv.DictWriter(written, COLUMNS)
                writer.writeheader()
                writer.writerows(_line(one, budget) for one in answers)
        except OSError as exc:
            raise BadInput(f"{file}: {exc.strerror}", where="out") from exc
        out.print(f"{len(answers):,} calls written to {file}", soft_wrap=True)


@pacing_app.command("replay")
@plain_errors
def replay_job(
    job: JobNumber,
    cap: Annotated[str, typer.Option(help='Abandoned at most, such as "2%"; as the job has it if not given.')] = "",
    seeds: Annotated[int, typer.Option(help="Days that are simulated for each pacing.", min=1, max=50)] = 2,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Try every pacing on the calls, talks and shifts of a recorded day."""
    from dialer.services.pacing_replay import replay

    with opened(config, org) as (store, org_id):
        found = asyncio.run(replay(store, org_id, JobId(job), cap=_share(cap), days=seeds))
    table = figures_table("Idle between", "Worst half hour", "Persons an hour", "Calls")
    for one in (found.was, *found.others):
        table.add_row(*figures_of(one), f"{one.placed:,.0f}", *last_of(one))
    out.print(f"{found.job.campaign_name}: job {found.job.id} again, at most {found.cap:.2%} abandoned", soft_wrap=True)
    print_rows(table)


def _line(one: LiveAnswer, budget: AbandonBudget) -> dict[str, object]:
    waited = None if one.joined_at is None else (one.joined_at - one.waits_from(budget)).total_seconds()
    return {
        "attempt_id": one.attempt_id,
        "agent": one.agent,
        "code": one.code,
        "system_code": one.system_code,
        "counts_as": one.verdict(budget).value,
        "waited_s": "" if waited is None else f"{max(0.0, waited):.3f}",
        **{
            name: "" if (at := getattr(one, name)) is None else at.isoformat(timespec="milliseconds")
            for name in COLUMNS
            if name.endswith("_at")
        },
    }


def _share(text: str) -> float | None:
    if not text.strip():
        return None
    try:
        number = float(text.strip().removesuffix("%"))
    except ValueError:
        number = 0.0
    if not 0 < number < 100:
        raise BadInput(f"{text!r} is no share", where="cap", mend='for example "2%"')
    return number / 100
