"""`dialer lab demo`: sample campaigns in a laboratory, and a floor of agents beside what the simulator makes of it."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from dialer.cli.context import out, plain_errors
from dialer.cli.demo import demo_appointment, demo_donors
from dialer.domain.pacing_plan import PacingKind
from dialer.errors import BadInput
from dialer.logs import configure

if TYPE_CHECKING:
    from dialer.demo_floor import FloorVerdict
    from dialer.lab.synthetic_agent import SyntheticAgent

demo_app = typer.Typer(help="Demonstrations, each on a laboratory of its own.", no_args_is_help=True)
demo_app.command("blood_donation")(demo_donors)
demo_app.command("appointment")(demo_appointment)


@demo_app.command("floor")
@plain_errors
def floor(
    agents: Annotated[int, typer.Option(help="Synthetic agents.", min=1, max=200)] = 20,
    minutes: Annotated[float, typer.Option(help="How long the shift is.", min=0.2, max=480)] = 5.0,
    pacing: Annotated[str, typer.Option(help="predictive or progressive.")] = PacingKind.PREDICTIVE.value,
    lines: Annotated[float, typer.Option(help="Progressive: lines for each free agent.", min=1, max=10)] = 1.0,
    persons: Annotated[float, typer.Option(help="Share of calls that a person answers.", min=0.01, max=1)] = 0.35,
    talk: Annotated[str, typer.Option(help="How long talks are: lognormal MEAN CV, in seconds.")] = "lognormal 120 0.9",
    wrap: Annotated[str, typer.Option(help="How long wrap-ups are.")] = "lognormal 20 0.7",
    speed: Annotated[float, typer.Option(help="Talks and wrap-ups are so many times shorter.", min=1, max=100)] = 8.0,
    cps: Annotated[float, typer.Option(help="New calls a second at most.", min=0.5, max=50)] = 15.0,
    seed: Annotated[int, typer.Option(help="Another number is another day.")] = 1,
    folder: Annotated[Path | None, typer.Option(help="Where to work; a temporary folder by default.")] = None,
) -> None:
    """Let agents work on a real Asterisk with real calls, and print what came of it beside the simulator's prediction."""
    # Not above: numpy takes a while to load, and no other command needs it.
    from dialer.demo_floor import FloorOrder, run_floor
    from dialer.pacing.distributions import Lognormal
    from dialer.services.floor_words import length_of

    talks, wraps = length_of(talk, "talk"), length_of(wrap, "wrap")
    if not isinstance(talks, Lognormal) or not isinstance(wraps, Lognormal):
        raise BadInput("the demo takes lognormal lengths", where="talk, wrap", mend="lognormal 120 0.9")
    order = FloorOrder(
        agents=agents,
        minutes=minutes,
        pacing=_kind(pacing),
        lines_per_agent=lines,
        persons=persons,
        talk=talks,
        wrap=wraps,
        speed=speed,
        cps=cps,
        seed=seed,
    )
    configure(level="error")
    work = folder or Path(tempfile.mkdtemp(prefix="outdial-floor-"))
    err = Console(stderr=True)
    try:
        with err.status("Starting") as status:

            def watch(at_work: Sequence[SyntheticAgent], seconds: float) -> None:
                states = [one.journal.state for one in at_work]
                counted = ", ".join(f"{states.count(state)} {state}" for state in dict.fromkeys(sorted(states)))
                talks = sum(one.journal.talks for one in at_work)
                status.update(f"{seconds:4.0f} s of {minutes * 60:.0f}: {counted}; {talks} talks")

            def say(text: str) -> None:
                err.print(f"[dim]··[/] {text}", highlight=False)

            verdict = asyncio.run(run_floor(work, order, say=say, watch=watch))
    finally:
        if folder is None:
            shutil.rmtree(work, ignore_errors=True)
    _show(verdict)


def _kind(text: str) -> PacingKind:
    kinds = (PacingKind.PREDICTIVE, PacingKind.PROGRESSIVE)
    found = next((one for one in kinds if one.value == text.strip().casefold()), None)
    if found is None:
        raise BadInput(f"{text!r} cannot be simulated", where="pacing", mend="predictive or progressive")
    return found


def _show(verdict: FloorVerdict) -> None:
    shift, mean, least, most = verdict.shift, verdict.predicted.mean, verdict.predicted.least, verdict.predicted.most
    table = Table("", "On Asterisk", "Simulated", "nine days of ten")
    for column in table.columns[1:]:
        column.justify = "right"
    rows = [
        ("Occupancy", f"{shift.occupancy:.1%}", "occupancy", "{:.1%}"),
        ("Idle between contacts", f"{shift.idle_s:.1f} s", "idle_s", "{:.1f} s"),
        ("Abandoned", f"{verdict.abandonment:.2%}", "abandoned", "{:.2%}"),
        ("Contacts per agent hour", f"{shift.talks_per_agent_hour:.1f}", "persons_per_agent_hour", "{:.1f}"),
        ("Calls placed", f"{verdict.attempts:,}", "placed", "{:,.0f}"),
    ]
    for words, seen, name, shape in rows:
        sides = f"{shape.format(getattr(least, name))} to {shape.format(getattr(most, name))}"
        table.add_row(words, seen, shape.format(getattr(mean, name)), sides)
    table.add_row("Answer to talk, p50 / p99", f"{verdict.wait_s(0.5):.2f} s / {verdict.wait_s(0.99):.2f} s", "", "")
    table.add_row("Agent after more than 2 s", str(verdict.late), "", "")
    out.print(table)
    for code, count in verdict.codes.items():
        out.print(f"{count:>7}  {code}", highlight=False)
    for why in dict.fromkeys(shift.refused):
        out.print(f"[yellow]refused {shift.refused.count(why)} times[/] {why}", highlight=False)
    for why in shift.lost:
        out.print(f"[red]a desk was lost[/] {why}", highlight=False)
    out.print(verdict.as_json(), markup=False, highlight=False, soft_wrap=True)
