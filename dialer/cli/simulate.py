"""`dialer simulate`: what a pacing would make of a floor of agents, in virtual time and without a call."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dialer.cli.context import Config, Org, opened, out, plain_errors, read_settings
from dialer.cli.pacing_figures import figures_of, figures_table, last_of, legend_of
from dialer.cli.rows import print_rows, room
from dialer.services.campaigns import campaign_named
from dialer.services.organisations import DEFAULT

if TYPE_CHECKING:
    from dialer.domain.campaign import Campaign
    from dialer.services.floor_simulation import PacingResult

CURVES_FROM = 140  # columns of the terminal
LENGTHS = 'lognormal MEAN CV, exponential MEAN (seconds), or a mixture: "0.4 lognormal 14 0.4 + 0.6 lognormal 280 0.5".'


@plain_errors
def simulate_floor(
    campaign: Annotated[
        str, typer.Argument(help="A campaign: its pacing, budget, ports and trunk. None: the options alone.")
    ] = "",
    agents: Annotated[int, typer.Option(help="Agents who are logged in all day.", min=1, max=1000)] = 20,
    hours: Annotated[float, typer.Option(help="How long the day is.", min=0.1, max=24)] = 4.0,
    shift: Annotated[
        list[str] | None, typer.Option("--shift", help='Instead of --agents: "12: 0-4", twelve agents for four hours.')
    ] = None,
    talk: Annotated[str, typer.Option(help=f"How long talks are: {LENGTHS}")] = "lognormal 120 0.9",
    wrap: Annotated[str, typer.Option(help="How long wrap-ups are, likewise.")] = "lognormal 20 0.7",
    persons: Annotated[
        str, typer.Option(help='Share of calls that a person answers: 0.25, or over the hours "0:0.2, 2:0.35, 4:0.25".')
    ] = "0.25",
    machines: Annotated[float, typer.Option(help="Share of calls that a machine answers.", min=0, max=1)] = 0.3,
    detector: Annotated[bool, typer.Option(help="Whether machines are told apart before an agent is given the call.")] = True,
    inbound: Annotated[
        str, typer.Option(help='Callers a minute whom the same agents take: 2, or over the hours "0:1, 2:3"; they come first.')
    ] = "0",
    inbound_talk: Annotated[str, typer.Option(help="How long talks with callers are.")] = "lognormal 150 0.8",
    lines: Annotated[int, typer.Option(help="Never more calls at once.", min=1)] = 10_000,
    cps: Annotated[float, typer.Option(help="New calls a second at most.", min=0.01)] = 1000.0,
    cap: Annotated[
        float | None, typer.Option(help="Abandoned answers at most, in percent; the campaign's, or 3.", min=0.1, max=50)
    ] = None,
    service_level: Annotated[
        float | None,
        typer.Option(help="So many percent of those who answer have an agent within --answer-within."),
    ] = None,
    answer_within: Annotated[float | None, typer.Option(help="Seconds, in tenths; the campaign's, or 0.2.")] = None,
    seeds: Annotated[int, typer.Option(help="Days that are simulated for each pacing.", min=1, max=100)] = 2,
    first_seed: Annotated[int, typer.Option(help="The number of the first day: other numbers, other days.", min=1)] = 1,
    tick: Annotated[
        float, typer.Option(help="Seconds between two decisions; more is quicker and coarser.", min=0.1, max=5)
    ] = 0.5,
    plot: Annotated[Path | None, typer.Option(help="Draw the day into this file: .png, .svg or .pdf.")] = None,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Compare pacings on a floor: occupancy, idle seconds, abandonment and calls per agent hour."""
    # Not above: numpy takes a while to load, and no other command needs it.
    from dialer.domain.pacing_plan import Pacing
    from dialer.pacing.floor_plan import Detector, FloorPlan
    from dialer.services.floor_simulation import compare_pacings
    from dialer.services.floor_words import callers_of, length_of, share_of, shifts_of
    from dialer.services.pacing_plans import level_of

    chosen = _campaign(campaign, config, org) if campaign else None
    if chosen is not None:
        trunks = {one.name: one for one in read_settings(config).trunk}
        trunk = trunks.get(chosen.trunk) or next(iter(trunks.values()), None)
        lines = min(lines, chosen.pace.max_ports, trunk.max_channels if trunk else lines)
        cps = min(cps, trunk.max_cps if trunk else cps)
        cap = cap or chosen.pacing.budget.percent
    level = level_of(service_level, answer_within, chosen.pacing if chosen else Pacing())
    shifts = shifts_of(shift or (), hours)
    plan = FloorPlan(
        agents=len(shifts) or agents,
        hours=hours,
        shifts=shifts,
        talk=length_of(talk, "talk"),
        wrap=length_of(wrap, "wrap"),
        persons=share_of(persons),
        machines=machines,
        detector=Detector() if detector else None,
        inbound=callers_of(inbound),
        inbound_talk=length_of(inbound_talk, "inbound-talk"),
        lines=lines,
        cps=cps,
        cap=(cap or 3.0) / 100,
        level=level,
        tick_s=tick,
    )
    results = compare_pacings(plan, seeds, first_seed=first_seed, campaign=chosen.pacing if chosen else None)
    _show(results)
    if plot is not None:
        from dialer.cli.floor_plot import picture

        picture(results, hours=hours, cap=plan.cap, to=plot)
        out.print(f"drawn in {plot}", soft_wrap=True)


def _campaign(name: str, config: Path | None, org: str) -> Campaign:
    with opened(config, org) as (store, org_id):
        return asyncio.run(campaign_named(store, org_id, name))


def _show(results: list[PacingResult]) -> None:
    from dialer.cli.floor_plot import blocks

    seen = [value for one in results for value in one.occupancy_curve if value is not None]
    least, most = min(seen, default=0.0), max(seen, default=1.0)
    curves = room() >= CURVES_FROM
    table = figures_table("Idle", "worst ½ h", "Persons", "Calls")
    if curves:
        table.add_column("Occupancy over the day", no_wrap=True)
    for one in results:
        row = (*figures_of(one), f"{one.placed_per_agent_hour:.0f}", *last_of(one))
        table.add_row(*row, *([blocks(one.occupancy_curve, least, most)] if curves else []))
    print_rows(table)
    hours = sum(one.agent_hours for one in results)
    scale = f"the curve goes from {least:.0%} to {most:.0%}; " if curves else ""
    said = f"{scale}{legend_of(table)}; {hours:,.0f} agent hours simulated"
    out.print(said, soft_wrap=True)
