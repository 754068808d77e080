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

from dialer.cli.context import plain_errors
from dialer.cli.demo import demo_appointment, demo_donors
from dialer.domain.pacing_plan import PacingKind
from dialer.domain.service_level import ServiceLevel
from dialer.errors import BadInput
from dialer.logs import configure

if TYPE_CHECKING:
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
    abandon: Annotated[float, typer.Option(help="The budget of abandoned calls, in percent.", min=0.1, max=100)] = 3.0,
    service_level: Annotated[
        float | None, typer.Option(help="So many percent of those who answer have an agent within --answer-within.")
    ] = None,
    answer_within: Annotated[float, typer.Option(help="Seconds, in tenths.")] = 0.2,
    persons: Annotated[float, typer.Option(help="Share of calls that a person answers.", min=0.01, max=1)] = 0.35,
    talk: Annotated[str, typer.Option(help="How long talks are: lognormal MEAN CV, in seconds.")] = "lognormal 120 0.9",
    wrap: Annotated[str, typer.Option(help="How long wrap-ups are.")] = "lognormal 20 0.7",
    speed: Annotated[float, typer.Option(help="Talks and wrap-ups are so many times shorter.", min=1, max=100)] = 1.0,
    cps: Annotated[float, typer.Option(help="New calls a second at most.", min=0.5, max=50)] = 15.0,
    upheaval: Annotated[
        list[str] | None,
        typer.Option(
            help="What befalls the floor at a minute of the shift; may be repeated. half-leave@2: half the agents log out at "
            "once (half-leave@2-3: and come back); answers:10-60@3: the share of calls that persons answer jumps; kill@4: kill "
            "-9 of the dialer, and another one is started; restart@4: the same in order; cut@4: all desktops are cut off."
        ),
    ] = None,
    inbound: Annotated[
        str,
        typer.Option(help="Callers a minute who come into a queue of the switch, 2/min: agents go over to them."),
    ] = "0",
    seed: Annotated[int, typer.Option(help="Another number is another day.")] = 1,
    folder: Annotated[Path | None, typer.Option(help="Where to work; a temporary folder by default.")] = None,
) -> None:
    """Let agents work on a real Asterisk with real calls, and print what came of it beside the simulator's prediction.

    The exit status is 1 where a promise did not hold: the budget, nobody in silence, nobody called twice, a code for each call,
    everybody back at work after the dialer died.
    """
    # Not above: numpy takes a while to load, and no other command needs it.
    from dialer.cli.floor_verdict import show_verdict
    from dialer.demo_floor.order import FloorOrder
    from dialer.demo_floor.run import run_floor
    from dialer.demo_floor.upheaval import read_upheaval
    from dialer.pacing.distributions import Lognormal
    from dialer.services.floor_words import callers_of, length_of

    talks, wraps = length_of(talk, "talk"), length_of(wrap, "wrap")
    if not isinstance(talks, Lognormal) or not isinstance(wraps, Lognormal):
        raise BadInput("the demo takes lognormal lengths", where="talk, wrap", mend="lognormal 120 0.9")
    order = FloorOrder(
        agents=agents,
        minutes=minutes,
        pacing=_kind(pacing),
        lines_per_agent=lines,
        cap=abandon / 100,
        level=ServiceLevel(percent=service_level, within_s=answer_within),
        persons=persons,
        talk=talks,
        wrap=wraps,
        speed=speed,
        cps=cps,
        seed=seed,
        inbound=60 * callers_of(inbound).at(0.0),
        upheavals=tuple(sorted(map(read_upheaval, upheaval or ()), key=lambda one: one.at_s)),
    )
    order.check()
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
    show_verdict(verdict)
    if verdict.broken:
        raise typer.Exit(1)


def _kind(text: str) -> PacingKind:
    kinds = (PacingKind.PREDICTIVE, PacingKind.PROGRESSIVE)
    found = next((one for one in kinds if one.value == text.strip().casefold()), None)
    if found is None:
        raise BadInput(f"{text!r} cannot be simulated", where="pacing", mend="predictive or progressive")
    return found
