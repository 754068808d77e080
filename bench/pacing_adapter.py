"""The shipped predictive pacer, under its guard and on credit, as a pacer of an open simulator with the fields used here."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from dialer.pacing.budget_guard import BudgetGuard
from dialer.pacing.floor import (
    AgentFound,
    AgentWentOn,
    Ended,
    Fact,
    Floor,
    InboundArrived,
    NobodyAnswered,
    PersonAnswered,
    Served,
)
from dialer.pacing.persons import PersonShare
from dialer.pacing.plan_pacers import guarded_cruise
from dialer.pacing.predictive import Cruise

TALK, WRAP = 1, 2
ENDS = {"noanswer": Ended.NO_ANSWER, "fail": Ended.FAILED}
SURELY_PERSON_S = 20.0  # nobody talks to a machine for so long
FORGET_S = 60.0
AGE_S = 2.0
AGES = np.arange(AGE_S / 2, 60.0, AGE_S)  # seconds of ringing that are told apart
PRIOR_LOST = 3.0  # abandoned calls after which the share of machines among them is believed half
MARGIN = 1.2  # standard errors of the number of persons among the abandoned that are put upon it


class Product:
    """`decide(now, state)` of the bench: translates, and asks the product."""

    name = "outdial"
    needs_truth = False

    def __init__(self) -> None:
        self._pacer: BudgetGuard[Cruise] | None = None
        self._answers = Answers()

    def decide(self, now: float, state: Any) -> int:
        """How many calls to place now."""
        if self._pacer is None:
            self._pacer = guarded_cruise(cap=state.cap, max_wait_s=state.max_wait, window_s=state.horizon, credit=True)
        memory = self._pacer.pacer.memory
        ages = now - np.asarray(state.agent_since)
        states = np.asarray(state.agent_state)
        found = self._answers.follow(now, state, states, memory.persons)
        self._pacer.learn([*found, *(fact for event in state.events for fact in self._facts(event))])
        seen = Floor(
            now_s=now,
            idle=state.n_idle,
            talking_s=ages[states == TALK].tolist(),
            wrapping_s=ages[states == WRAP].tolist(),
            ringing_s=[now - ordered for ordered in state.ringing],
            detecting=[(answer - launch, now - answer) for launch, answer in state.detecting],
            waiting=len(state.waiting),
            inbound_waiting=state.inbound_waiting,
            live=state.live,
            abandoned=self._answers.abandoned(state.abandoned, memory.persons),
        )
        return self._pacer.calls(seen)

    def _facts(self, event: tuple[Any, ...]) -> list[Fact]:
        match event:
            case ("human", rang, detected):
                return [PersonAnswered(rang_s=rang, detected_s=detected)]
            case ("machine", age):
                return [NobodyAnswered(age_s=age, how=Ended.MACHINE)]
            case ("noanswer" | "fail" as how, age):
                return [NobodyAnswered(age_s=age, how=ENDS[how])]
            case ("service", talk, wrap):
                return [Served(talk_s=talk, wrap_s=wrap)]
            case ("toidle",):
                return [AgentWentOn(back=True)]
            case ("tobreak",) | ("tooff",):
                return [AgentWentOn(back=False)]
            case ("inbound",):
                return [InboundArrived()]
            case _:
                return []


class Answers:
    """Which agent had which answered call, and for how long: a dialer knows it; here it is told by the moments.

    The bench shows no codes of agents. A contact of more than 20 s is surely with a person, and by that the product learns how
    likely an answer after so long a ringing is a person's (`PersonShare`). Abandoned calls are weighted by it: of a machine that
    found no agent nobody was abandoned.
    """

    def __init__(self) -> None:
        self._before = 0.0
        self._rang: dict[float, float] = {}  # moment of the answer (or of the detector's verdict) -> how long it had rung
        self._waited: set[float] = set()  # moments of the answers that waited at the last look
        self._talks: dict[int, tuple[float, float]] = {}  # agent -> since, rang
        self._doing: npt.NDArray[np.int_] | None = None
        self._live, self._lost = np.zeros(len(AGES)), np.zeros(len(AGES))  # answers, by how long it had rung

    def abandoned(self, counted: int, persons: PersonShare) -> float:
        """How many of the abandoned calls count: a reasoned estimate of the persons among them, on the safe side."""
        weights = persons.weights(AGES)
        live, lost = float(self._live.sum()), float(self._lost.sum())
        mean = float(self._live @ weights) / live if live else 1.0
        share = (float(self._lost @ weights) + PRIOR_LOST * mean) / (lost + PRIOR_LOST) / mean
        chances = weights / weights.max()
        doubt = math.sqrt(float(self._lost @ (chances * (1 - chances))))
        return counted * share + MARGIN * doubt * float(weights.max()) / mean

    def follow(self, now: float, state: Any, states: npt.NDArray[np.int_], persons: PersonShare) -> list[Fact]:
        """What agents found since the last look."""
        tick, self._before = now - self._before, now
        waiting = {round(since, 3) for since in state.waiting}
        gone, self._waited = self._waited - waiting, waiting
        for event in state.events:
            if event[0] == "human":
                # Calls are ordered in this tick's moments only: the age of an answer says when it came.
                age = event[1] + event[2]
                self._rang[round(now - tick * math.ceil(age / tick - 1e-9) + age, 3)] = event[1]
                self._live[_age(event[1])] += 1
        found: list[Fact] = []
        since = state.agent_since
        before = self._doing if self._doing is not None else np.zeros_like(states)
        waits = [event[1] for event in state.events if event[0] == "connect"]
        for agent in np.flatnonzero(states != before).tolist():
            if states[agent] == TALK:
                rang = self._whose(float(since[agent]), waits, gone)
                if rang is not None:
                    self._talks[agent] = (float(since[agent]), rang)
            elif agent in self._talks:
                begun, rang = self._talks.pop(agent)
                if states[agent] == WRAP:
                    found.append(AgentFound(rang_s=rang, person=float(since[agent]) - begun > SURELY_PERSON_S))
        for event in state.events:
            if event[0] == "abandon" and (rang := self._who_left(now - event[1], tick, gone)) is not None:
                self._lost[_age(rang)] += 1
        self._doing = states.copy()
        for moment in [one for one in self._rang if one < now - FORGET_S]:
            del self._rang[moment]
        return found

    def _whose(self, begun: float, waits: list[float], gone: set[float]) -> float | None:
        """How long the call had rung that an agent has had since `begun`, after one of the `waits`."""
        for wait in waits:
            moment = round(begun - wait, 3)
            if moment in self._rang and (wait == 0.0 or moment in gone):
                gone.discard(moment)
                return self._rang[moment]
        return None

    def _who_left(self, latest: float, tick: float, gone: set[float]) -> float | None:
        """How long the call had rung that was abandoned in the last tick after waiting from `latest`, or a little earlier."""
        for moment in sorted(gone):
            if latest - tick <= moment <= latest + 0.01 and moment in self._rang:
                gone.remove(moment)
                return self._rang[moment]
        return None


def _age(rang_s: float) -> int:
    return min(len(AGES) - 1, int(rang_s / AGE_S))
