"""`dialer simulate`: what a pacing would make of a floor of agents, in virtual time and without a call."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import out, plain_errors


@plain_errors
def simulate_floor(
    agents: Annotated[int, typer.Option(help="Agents who are logged in all day.", min=1, max=1000)] = 20,
    hours: Annotated[float, typer.Option(help="How long the day is.", min=0.1, max=24)] = 4.0,
    talk: Annotated[str, typer.Option(help="How long talks are: lognormal MEAN CV, or exponential MEAN, in seconds.")] = (
        "lognormal 120 0.9"
    ),
    wrap: Annotated[str, typer.Option(help="How long wrap-ups are.")] = "lognormal 20 0.7",
    persons: Annotated[
        str, typer.Option(help='Share of calls that a person answers: 0.25, or over the hours "0:0.2, 2:0.35, 4:0.25".')
    ] = "0.25",
    machines: Annotated[float, typer.Option(help="Share of calls that a machine answers.", min=0, max=1)] = 0.3,
    detector: Annotated[bool, typer.Option(help="Whether machines are told apart before an agent is given the call.")] = True,
    lines: Annotated[int, typer.Option(help="Never more calls at once.", min=1)] = 10_000,
    cps: Annotated[float, typer.Option(help="New calls a second at most.", min=0.01)] = 1000.0,
    cap: Annotated[float, typer.Option(help="Abandoned answers at most, in percent.", min=0.1, max=50)] = 3.0,
    seeds: Annotated[int, typer.Option(help="Days that are simulated for each pacing.", min=1, max=100)] = 2,
) -> None:
    """Compare pacings on a floor: occupancy, idle seconds, abandonment and persons talked to per agent hour."""
    # Not above: numpy takes a while to load, and no other command needs it.
    from dialer.pacing.simulator import Detector, FloorPlan
    from dialer.services.floor_simulation import compare_pacings, length_of, share_of

    plan = FloorPlan(
        agents=agents,
        hours=hours,
        talk=length_of(talk, "talk"),
        wrap=length_of(wrap, "wrap"),
        persons=share_of(persons),
        machines=machines,
        detector=Detector() if detector else None,
        lines=lines,
        cps=cps,
        cap=cap / 100,
    )
    table = Table(
        "Pacing", "Occupancy", "Idle between contacts", "Abandoned", "Worst half hour", "Persons per agent hour", "Calls"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    for one in compare_pacings(plan, seeds):
        table.add_row(
            one.pacing,
            f"{one.occupancy:.1%}",
            f"{one.idle_s:.1f} s",
            f"{one.abandoned:.2%}",
            f"{one.worst_half_hour:.1%}",
            f"{one.persons_per_agent_hour:.1f}",
            f"{one.placed:,.0f}",
        )
    out.print(table)
