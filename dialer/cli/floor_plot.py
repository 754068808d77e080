"""Draw what pacings make of a day: a line of blocks in the terminal, or a picture in a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from dialer.errors import BadInput
from dialer.services.floor_simulation import PacingResult

BLOCKS = "▁▂▃▄▅▆▇█"


def blocks(values: Sequence[float | None], least: float, most: float) -> str:
    """One block for each value, as high as it lies between `least` and `most`; a space where there is none."""
    drawn = []
    for value in values:
        if value is None:
            drawn.append(" ")
            continue
        share = (value - least) / (most - least) if most > least else 1.0
        drawn.append(BLOCKS[min(len(BLOCKS) - 1, max(0, int(share * len(BLOCKS))))])
    return "".join(drawn)


def picture(results: Sequence[PacingResult], *, hours: float, cap: float, to: Path) -> None:
    """Occupancy and abandonment over the day, a line for each pacing, as PNG, SVG or PDF by the file's ending.

    Raises BadInput where the optional library is not installed or the file cannot be written.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise BadInput("pictures need matplotlib", where="plot", mend='pip install "outdial[plot]"') from exc
    figure = Figure(figsize=(10, 7), layout="constrained")
    FigureCanvasAgg(figure)
    above, below = figure.subplots(2, 1, sharex=True)
    for one in results:
        count = len(one.occupancy_curve)
        at = [(number + 0.5) * hours / count for number in range(count)]
        above.plot(at, [100 * value if value is not None else float("nan") for value in one.occupancy_curve], label=one.pacing)
        below.plot(at, [100 * value for value in one.abandoned_curve], label=f"{one.pacing}: {one.abandoned:.2%}")
    below.axhline(100 * cap, color="black", linestyle=":", label="the budget")
    above.set_ylabel("occupancy, %")
    below.set_ylabel("abandoned until then, %")
    below.set_xlabel("hours")
    above.legend(fontsize="small", loc="lower right")
    below.legend(fontsize="small", loc="lower right")
    try:
        figure.savefig(to, dpi=120)
    except (OSError, ValueError) as exc:
        raise BadInput(
            f"the picture cannot be written: {exc}", where="plot", mend="a file that ends with .png, .svg or .pdf"
        ) from exc
