"""The shipped predictive pacer as a pacer of an open simulator whose state objects have the fields used here."""

from __future__ import annotations

from typing import Any

import numpy as np

from dialer.pacing.floor import AgentWentOn, Ended, Fact, Floor, InboundArrived, NobodyAnswered, PersonAnswered, Served
from dialer.pacing.predictive import CruiseControl

TALK, WRAP = 1, 2
ENDS = {"noanswer": Ended.NO_ANSWER, "fail": Ended.FAILED}


class Product:
    """`decide(now, state)` of the bench: translates, and asks the product."""

    name = "outdial"
    needs_truth = False

    def __init__(self) -> None:
        self._pacer: CruiseControl | None = None
        self._detecting: dict[tuple[float, float], float] = {}

    def decide(self, now: float, state: Any) -> int:
        """How many calls to place now."""
        if self._pacer is None:
            self._pacer = CruiseControl(cap=state.cap, max_wait_s=state.max_wait, window_s=state.horizon)
        self._pacer.learn([fact for event in state.events for fact in self._facts(event, now)])
        ages = now - np.asarray(state.agent_since)
        states = np.asarray(state.agent_state)
        return self._pacer.calls(
            Floor(
                now_s=now,
                idle=state.n_idle,
                talking_s=ages[states == TALK].tolist(),
                wrapping_s=ages[states == WRAP].tolist(),
                ringing_s=[now - ordered for ordered in state.ringing],
                detecting=[(answer - launch, now - answer) for launch, answer in state.detecting],
                waiting=len(state.waiting),
                inbound_waiting=state.inbound_waiting,
                live=state.live,
                abandoned=state.abandoned,
            )
        )

    def _facts(self, event: tuple[Any, ...], now: float) -> list[Fact]:
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
