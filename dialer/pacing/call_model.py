"""When will a call that rings be answered by a person: hazards by the age of the call, learned as the day goes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dialer.pacing.floor import Ended
from dialer.pacing.level import Level

Floats = npt.NDArray[np.float64]

BINS = 64  # seconds of ringing that are told apart
MEMORY_CALLS = 1500.0  # a call counts for a half after about a thousand others
PRIOR_CALLS = 25.0  # how many calls the belief of the first minute is worth
REMEMBERED_CALLS = 400.0  # how many calls what was learned before a pause is worth at most


_EDGES = np.arange(BINS + 1.0)


def _lognormal(mean: float, cv: float) -> Floats:
    spread = np.sqrt(np.log(1 + cv * cv))
    at = np.arange(BINS) + 0.5
    density = np.exp(-0.5 * ((np.log(at) - np.log(mean) + spread**2 / 2) / spread) ** 2) / at
    return np.asarray(density / density.sum())


def _bell(mean: float, sd: float) -> Floats:
    at = np.arange(BINS) + 0.5
    density = np.exp(-0.5 * ((at - mean) / sd) ** 2)
    return np.asarray(density / density.sum())


class CallModel:
    """Competing hazards of a ringing call, per second of its age: a person, a machine, anything else.

    Each second in which a call of an age rang is exposure, whatever became of it: fast outcomes bias nothing. A level compares
    the answers of the calls that ring now with what was expected of them, so that a sudden change of the list or of the hour
    is followed within some thirty answers.
    """

    def __init__(self) -> None:
        person, machine, failed = 0.22 * _lognormal(12, 0.5), 0.3 * _bell(21, 4), 0.13 * _lognormal(2.5, 0.6)
        ends = person + machine + failed
        ends[26:] += (1 - ends.sum()) / 4 * np.array([1, 1, 1, 1] + [0] * (BINS - 30))
        alive = np.maximum(1 - np.cumsum(ends) + ends, 1e-3)
        self._prior_exposure = PRIOR_CALLS * np.maximum(alive - ends / 2, 1e-3)
        self._exposure = np.zeros(BINS)
        self._person, self._machine, self._other = np.zeros(BINS), np.zeros(BINS), np.zeros(BINS)
        self._priors = PRIOR_CALLS * person, PRIOR_CALLS * machine, PRIOR_CALLS * (ends - person - machine)
        self._ended_s: list[float] = []  # how long the calls had rung that have ended since the last look
        self._level = Level()
        self._unsaid = 0.0  # persons among the answers that are not told apart yet
        self._detects = False
        self._detect = [1.6, 0.4, 2.6, 0.7]  # mean and spread of the detector's time, for persons and for machines
        self.refresh()

    def rang(self, ages: Floats, seconds: float, undecided: float = 0.0) -> None:
        """So long these calls have rung since the last look; `undecided`: persons expected among the answers in detection."""
        self._unsaid = undecided
        # A call that has ended meanwhile did so after a half of the time, on average; one that is new rang for its whole age.
        ended, self._ended_s = np.array(self._ended_s), []
        counts = _rung(ages) - _rung(np.maximum(ages - seconds, 0.0))
        counts += _rung(ended) - _rung(np.maximum(ended - seconds / 2, 0.0))
        self._exposure += counts
        self._level.promised(float(counts @ self._hazard))

    def person(self, rang_s: float, detected_s: float) -> None:
        """A person answered."""
        self._ended_s.append(rang_s)
        self._person[_bin(rang_s)] += 1
        self._level.answered()
        if detected_s > 0:
            self._detects = True
            self._learn_detection(0, detected_s)
        self._forget()

    def nobody(self, age_s: float, how: Ended, detected_s: float = 0.0) -> None:
        """A call is over without a person. Of one that was given up only the seconds count in which it rang."""
        self._ended_s.append(age_s)
        if how is Ended.GIVEN_UP:
            return
        (self._machine if how is Ended.MACHINE else self._other)[_bin(age_s)] += 1
        if how is Ended.MACHINE and detected_s > 0:
            self._learn_detection(2, detected_s)
        self._forget()

    def _learn_detection(self, at: int, seconds: float) -> None:
        mean, spread = self._detect[at], self._detect[at + 1]
        self._detect[at] = mean + (seconds - mean) / 50
        self._detect[at + 1] = max(0.1, spread + (abs(seconds - mean) * 1.25 - spread) / 50)

    def _forget(self) -> None:
        keep = 1 - 1 / MEMORY_CALLS
        for one in (self._exposure, self._person, self._machine, self._other):
            one *= keep

    def refresh(self) -> None:
        """Reckon the curves anew from what was learned."""
        exposure = self._exposure + self._prior_exposure
        person, machine, other = (
            (seen + prior) / exposure
            for seen, prior in zip((self._person, self._machine, self._other), self._priors, strict=True)
        )
        self._hazard = person
        lifted = person * self._level.factor(self._unsaid)
        total = lifted + machine + other
        left = np.exp(-np.cumsum(total))
        self._alive = np.concatenate(([1.0], left))
        gone = self._alive[:-1] - left
        share = lifted / np.maximum(total, 1e-9)
        self._answered = np.concatenate(([0.0], np.cumsum(gone * share)))
        self._person_share = lifted / np.maximum(lifted + machine, 1e-9)

    @property
    def detection_s(self) -> float:
        """How long a person is listened to before they are known for one; 0 where nobody listens."""
        return self._detect[0] if self._detects else 0.0

    @property
    def hit_rate(self) -> float:
        """How many of the calls that are ordered now a person will answer."""
        return float(self._answered[-1])

    def answer_ages(self, quantiles: Floats) -> Floats:
        """The ages at which such shares of the persons who will answer have answered."""
        return np.asarray(np.interp(quantiles * self._answered[-1], self._answered, _EDGES))

    def within(self, ages: Floats, seconds: Floats) -> Floats:
        """P(a person answers within so many seconds | the call's age): one row for each call, one column for each horizon."""
        now = np.interp(ages, _EDGES, self._answered)
        alive = np.interp(ages, _EDGES, self._alive)
        then = np.interp(ages[:, None] + seconds, _EDGES, self._answered)
        return np.asarray(np.minimum((then - now[:, None]) / np.maximum(alive, 1e-3)[:, None], 0.999))

    def is_person(self, rang: Floats, answered: Floats) -> Floats:
        """P(it is a person | answered after `rang`, not told apart for `answered` seconds)."""
        prior = np.interp(rang, np.arange(BINS) + 0.5, self._person_share)
        mean_p, sd_p, mean_m, sd_m = self._detect
        person = prior / (1 + np.exp(1.7 * (answered - mean_p) / sd_p))
        machine = (1 - prior) / (1 + np.exp(1.7 * (answered - mean_m) / sd_m))
        return np.asarray(person / np.maximum(person + machine, 1e-12))

    def to_json(self) -> dict[str, Any]:
        """Plain values, to be saved."""
        rows = {"exposure": self._exposure, "person": self._person, "machine": self._machine, "other": self._other}
        return {
            **{name: row.round(4).tolist() for name, row in rows.items()},
            "detects": self._detects,
            "detect": [round(one, 3) for one in self._detect],
            "level": self._level.to_json(),
        }

    @classmethod
    def from_json(cls, saved: dict[str, Any]) -> CallModel:
        """What was learned before a pause: its shape is believed, its weight is small, so that today soon counts for more."""
        found = cls()
        rows = [np.array(saved[name], dtype=np.float64) for name in ("exposure", "person", "machine", "other")]
        if any(row.shape != (BINS,) for row in rows):
            raise ValueError(f"not {BINS} seconds of ringing")
        weight = min(1.0, REMEMBERED_CALLS / max(1.0, float(sum(row.sum() for row in rows[1:]))))
        found._exposure, found._person, found._machine, found._other = (row * weight for row in rows)
        found._detects, found._detect = bool(saved["detects"]), [float(one) for one in saved["detect"]]
        found._level = Level.from_json(saved["level"])
        found.refresh()
        return found


def _rung(ages: Floats) -> Floats:
    """How many seconds calls of these ages have rung in each bin; the last one has no end."""
    ages = np.maximum(ages, 0.0)
    whole = np.minimum(ages, BINS - 1).astype(np.int64)
    older = np.cumsum(np.bincount(whole, minlength=BINS)[::-1])[::-1]
    return np.append(older[1:], 0.0) + np.bincount(whole, ages - whole, BINS)


def _bin(seconds: float) -> int:
    return min(BINS - 1, max(0, int(seconds)))
