"""What came of a floor of agents, as tables: the shift beside the simulator's, and each stretch between two upheavals."""

from __future__ import annotations

from rich.table import Table

from dialer.cli.context import out
from dialer.demo_floor.verdict import FloorVerdict, connect_s, silence_s, wait_s


def show_verdict(verdict: FloorVerdict) -> None:
    """All of it; the last line is JSON."""
    out.print(_shift(verdict))
    if len(verdict.stretches) > 1:
        out.print(_stretches(verdict))
    for code, count in verdict.codes.items():
        out.print(f"{count:>7}  {code}", soft_wrap=True)
    if verdict.callers:
        out.print(f"callers: {verdict.callers} came in, {verdict.callers_taken} talked with an agent", soft_wrap=True)
    counted = ", ".join(f"{count} {name}" for name, count in sorted(verdict.ledger.items()))
    out.print(f"the law's ledger: {counted or 'nobody'}; {verdict.unseen} who answered are not in it", soft_wrap=True)
    refused = verdict.shift.refused
    for why in dict.fromkeys(refused):
        out.print(f"refused {refused.count(why)} times: {why}", style="yellow", soft_wrap=True)
    for why in verdict.broken:
        out.print(f"not as promised: {why}", style="red", soft_wrap=True)
    out.print(verdict.as_json(), soft_wrap=True)


def _shift(verdict: FloorVerdict) -> Table:
    shift, predicted = verdict.shift, verdict.predicted
    table = Table("", "On Asterisk", "Simulated", "nine days of ten")
    for column in table.columns[1:]:
        column.justify = "right"
    asked = verdict.order.level
    late = f"{verdict.beyond_level / max(1, len(verdict.persons)):.2%}"
    wanted = f"Later than {asked.within_s:g} s (at most {asked.late_share:.1%})"
    level = [(wanted, late, "late", "{:.2%}")] if asked.is_asked else []
    rows = [
        ("Occupancy", f"{shift.occupancy:.1%}", "occupancy", "{:.1%}"),
        ("Idle between contacts", f"{shift.idle_s:.1f} s", "idle_s", "{:.1f} s"),
        ("Abandoned", f"{verdict.abandonment:.2%}", "abandoned", "{:.2%}"),
        ("Waited for an agent", f"{verdict.waited:.1%}", "waited", "{:.1%}"),
        ("Answer to talk, p99", f"{wait_s(verdict.persons, 0.99):.3f} s", "wait_p99_s", "{:.3f} s"),
        *level,
        ("Contacts per agent hour", f"{shift.talks_per_agent_hour:.1f}", "persons_per_agent_hour", "{:.1f}"),
        ("Calls placed", f"{verdict.attempts:,}", "placed", "{:,.0f}"),
    ]
    for words, seen, name, shape in rows:
        if predicted is None:
            table.add_row(words, seen, "", "")
            continue
        mean, least, most = (shape.format(getattr(one, name)) for one in (predicted.mean, predicted.least, predicted.most))
        table.add_row(words, seen, mean, f"{least} to {most}")
    persons = verdict.persons
    table.add_row("Persons who answered, and abandoned", f"{len(persons):,}, {verdict.abandoned}", "", "")
    if verdict.worst is not None:
        table.add_row("... at the worst moment", f"{verdict.worst.share:.2%}, {verdict.worst.over:+.1f} calls", "", "")
    if verdict.caught:
        table.add_row("... called before it happened", str(verdict.caught), "", "")
    table.add_row("Answer to talk, p50", f"{wait_s(persons, 0.5):.3f} s", "", "")
    both = f"{connect_s(persons, 0.5):.3f} s / {connect_s(persons, 0.99):.3f} s"
    table.add_row("... once an agent is free, p50 / p99", both, "", "")
    table.add_row("Agent after more than 2 s", str(verdict.late), "", "")
    table.add_row("Longest silence", f"{silence_s(persons):.2f} s", "", "")
    return table


def _stretches(verdict: FloorVerdict) -> Table:
    """One column for each. The budget is that of the whole window, whatever the stretch."""
    table = Table("From", *(one.name for one in verdict.stretches))
    for column in table.columns[1:]:
        column.justify = "right"
    of = verdict.stretches
    table.add_row("Occupancy", *(f"{one.occupancy:.1%}" for one in of))
    table.add_row("Answered, abandoned", *(f"{one.answered}, {one.abandoned}" for one in of))
    table.add_row("Window, worst moment", *(f"{one.worst.share:.2%}" if one.worst else "" for one in of))
    table.add_row("... calls over the budget", *(f"{one.worst.over:+.1f}" if one.worst else "" for one in of))
    table.add_row("Longest silence", *(f"{one.silence_s:.2f} s" for one in of))
    table.add_row("Answer to talk, p99", *(f"{one.talk_after_s:.2f} s" for one in of))
    table.add_row("All back at work after", *(_seconds(one.back_after_s) for one in of))
    table.add_row("Next contact after", *(_seconds(one.next_talk_s) for one in of))
    return table


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"
