"""Read a floor as people write it down: how long talks are, how many answer over the day, who works when."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dialer.errors import BadInput
from dialer.pacing.distributions import Curve, Distribution, Exponential, Lognormal, Mixture

HOUR_S = 3600.0
MOST_AGENTS = 1000
MOST_CALLERS = 1000  # a minute
_LENGTH = re.compile(r"(lognormal|exponential) ([0-9.]+)(?: ([0-9.]+))?")
_SHIFT = re.compile(r"([0-9]+)\s*:\s*([0-9.]+)\s*-\s*([0-9.]+)")


def length_of(text: str, where: str) -> Distribution:
    """Read "lognormal 120 0.9" (mean in seconds, coefficient of variation), "exponential 45", or a mixture of several with their
    weights: "0.4 lognormal 14 0.4 + 0.6 lognormal 280 0.5". Raises BadInput."""
    parts = [" ".join(part.split()) for part in text.split("+")]
    if len(parts) == 1:
        return _length_of(parts[0], text, where)
    weighted = []
    for part in parts:
        weight, _, length = part.partition(" ")
        try:
            share = float(weight)
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise BadInput(f"{part!r} has no weight", where=where, mend='"0.4 lognormal 14 0.4 + 0.6 lognormal 280 0.5"')
        weighted.append((share, _length_of(length, text, where)))
    return Mixture(tuple(weighted))


def _length_of(part: str, text: str, where: str) -> Distribution:
    found = _LENGTH.fullmatch(part)
    try:
        mean, spread = (float(found[2]), float(found[3] or 0)) if found else (0.0, 0.0)
    except ValueError:
        mean = spread = 0.0
    if found is None or mean <= 0 or (found[1] == "lognormal") is not (spread > 0):
        raise BadInput(f"{text!r} is no length", where=where, mend='"lognormal 120 0.9" (mean and spread) or "exponential 45"')
    return Lognormal(mean, spread) if spread else Exponential(mean)


def share_of(text: str) -> Curve:
    """Read "0.25", or shares over the hours: "0:0.2, 2:0.35, 4:0.25". Raises BadInput."""
    points = _points(text, "share", "persons")
    if not all(0 < share <= 1 for _, share in points) or points != sorted(points, key=lambda one: one[0]):
        mend = "each above 0 and at most 1, the hours in order"
        raise BadInput(f"{text!r} are no shares of calls by the hour", where="persons", mend=mend)
    return Curve(tuple(points))


def callers_of(text: str) -> Curve:
    """Read callers a minute, "2" or over the hours "0:1, 2:3"; the curve is of callers a second. Raises BadInput."""
    points = _points(text.removesuffix("/min"), "number of callers", "inbound")
    if not all(0 <= each <= MOST_CALLERS for _, each in points) or points != sorted(points, key=lambda one: one[0]):
        mend = f"each 0 to {MOST_CALLERS}, the hours in order"
        raise BadInput(f"{text!r} are no callers a minute by the hour", where="inbound", mend=mend)
    return Curve(tuple((at, each / 60) for at, each in points))


def _points(text: str, what: str, where: str) -> list[tuple[float, float]]:
    points = []
    for part in text.split(","):
        hour, _, value = part.strip().rpartition(":")
        try:
            points.append((float(hour or 0) * HOUR_S, float(value)))
        except ValueError as exc:
            raise BadInput(f"{part!r} is no {what}", where=where, mend='0.25, or "0:0.2, 2:0.35"') from exc
    return points


def shifts_of(texts: Sequence[str], hours: float) -> tuple[tuple[float, float], ...]:
    """Read who works when: "12: 0-4" is twelve agents for the first four hours. Seconds for each agent. Raises BadInput."""
    shifts: list[tuple[float, float]] = []
    for text in texts:
        found = _SHIFT.fullmatch(text.strip())
        try:
            count, begins, ends = (int(found[1]), float(found[2]), float(found[3])) if found else (0, 0.0, 0.0)
        except ValueError:
            count, begins, ends = 0, 0.0, 0.0
        if not count or not begins < ends <= hours:
            mend = f'agents and hours of the day, which has {hours:g}: "12: 0-{hours:g}"'
            raise BadInput(f"{text!r} is no shift", where="shift", mend=mend)
        shifts += [(begins * HOUR_S, ends * HOUR_S)] * min(count, MOST_AGENTS + 1)
    if len(shifts) > MOST_AGENTS:
        raise BadInput(f"{len(shifts)} agents", where="shift", mend=f"at most {MOST_AGENTS}")
    return tuple(shifts)
