"""`dialer agent play`: agents who are programs, at the desk of a running dialer."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from dialer.cli.context import out, plain_errors
from dialer.errors import BadInput, unreadable

if TYPE_CHECKING:
    from dialer.lab.shift import Seat, ShiftResult


@plain_errors
def play(
    url: Annotated[str, typer.Argument(help="Where the agents' desk is served: http://127.0.0.1:8090")],
    seats: Annotated[
        Path, typer.Argument(help="A file with a line for each agent: the token, and the telephone if one is needed.")
    ],
    minutes: Annotated[float, typer.Option(help="How long they work.", min=0.05, max=1440)] = 5.0,
    talk: Annotated[str, typer.Option(help="How long talks are: lognormal MEAN CV, or exponential MEAN, in seconds.")] = (
        "lognormal 120 0.9"
    ),
    wrap: Annotated[str, typer.Option(help="How long wrap-ups are.")] = "lognormal 20 0.7",
    speed: Annotated[float, typer.Option(help="Talks and wrap-ups are so many times shorter.", min=0.1, max=1000)] = 1.0,
    code: Annotated[
        list[str] | None, typer.Option(help='A code and its weight, "Sold:3"; may be repeated. Without it any custom code.')
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same talks.")] = 1,
) -> None:
    """Let synthetic agents work on a running dialer: they take contacts, talk, choose a code and wrap up.

    For trying out a campaign, a desk or a switch without people. They work on the same WebSocket as everybody's desktop.
    """
    # Not above: numpy takes a while to load, and no other command needs it.
    from dialer.lab.shift import work_a_shift
    from dialer.lab.synthetic_agent import Habits
    from dialer.services.floor_words import length_of

    habits = Habits(talk=length_of(talk, "talk"), wrap=length_of(wrap, "wrap"), speed=speed, codes=_weights(code or ()))
    taken = _seats(seats)

    async def work() -> ShiftResult:
        loop, closing = asyncio.get_running_loop(), asyncio.Event()

        def close() -> None:
            out.print("They finish what is before them, and go home. Ctrl-C again: at once.")
            loop.remove_signal_handler(signal.SIGINT)
            closing.set()

        loop.add_signal_handler(signal.SIGINT, close)
        return await work_a_shift(url, taken, habits, seconds=minutes * 60, seed=seed, closing=closing.is_set)

    out.print(f"agents at work: {len(taken)}, for {minutes:g} minutes; Ctrl-C sends them home")
    show_shift(asyncio.run(work()))


def show_shift(result: ShiftResult) -> None:
    """A shift, as a table."""
    table = Table("Agents", "Occupancy", "Idle between contacts", "Talks", "Talks per agent hour")
    for column in table.columns[1:]:
        column.justify = "right"
    table.add_row(
        str(len(result.journals)),
        f"{result.occupancy:.1%}",
        f"{result.idle_s:.1f} s",
        f"{result.talks:,}",
        f"{result.talks_per_agent_hour:.1f}",
    )
    out.print(table)
    for name, count in result.codes.most_common():
        out.print(f"{count:>7}  {name}", highlight=False)
    for why, times in _counted(result.refused):
        out.print(f"refused {times} times: {why}", style="yellow", soft_wrap=True)
    for why in result.lost:
        out.print(f"a desk was lost: {why}", style="red", soft_wrap=True)


def _counted(words: Sequence[str]) -> list[tuple[str, int]]:
    return [(word, words.count(word)) for word in dict.fromkeys(words)]


def _seats(file: Path) -> list[Seat]:
    from dialer.lab.shift import Seat

    try:
        lines = [line.split() for line in file.read_text(encoding="utf-8").splitlines() if line.strip() and line[0] != "#"]
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"cannot be read: {unreadable(exc)}", where=str(file)) from exc
    if not lines or any(len(line) > 2 for line in lines):
        raise BadInput(
            "has no seats" if not lines else "has a line of more than two words", where=str(file), mend="TOKEN [PHONE]"
        )
    return [Seat(token=line[0], phone=line[1] if len(line) == 2 else "") for line in lines]


def _weights(given: Sequence[str]) -> dict[str, float]:
    found = {}
    for one in given:
        name, _, weight = one.rpartition(":")
        try:
            found[name or one] = float(weight) if name else 1.0
        except ValueError:
            found[one] = 1.0  # a code with a colon in its name
    if any(weight <= 0 for weight in found.values()):
        raise BadInput("a weight must be above 0", where="code", mend="Sold:3")
    return found
