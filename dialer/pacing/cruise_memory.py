"""What cruise control has learned of a list and a floor, and how it spent the budget: a restart need not forget it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from dialer.domain.service_level import NO_LEVEL, ServiceLevel
from dialer.pacing.call_model import CallModel
from dialer.pacing.floor import AgentFound, AgentWentOn, Fact, InboundArrived, NobodyAnswered, PersonAnswered, Served
from dialer.pacing.persons import PersonShare
from dialer.pacing.service_model import ServiceModel
from dialer.pacing.steering import Account

VERSION = 1
INBOUND_MEMORY_S = 600.0


class CruiseMemory:
    """Goes from decision to decision, and learns from the facts between. `to_json` and `from_json` carry it over a restart."""

    def __init__(self) -> None:
        self.calls, self.service, self.persons = CallModel(), ServiceModel(), PersonShare()
        self.account = Account()
        self.level = NO_LEVEL  # for which the next one was kept
        self.late = Account()
        self.answers = 0  # persons who have answered since the start
        self.inbound_per_s = 0.0
        self.gone_s = 0.0  # for how long decisions have been made in this window
        self.seen_s = -math.inf  # the clock at the last decision
        self.reckoned_s = -math.inf  # ... and when the curves were last reckoned
        self.learned = True  # since then

    def learn(self, facts: Sequence[Fact]) -> None:
        """What has happened since the last decision."""
        self.learned |= bool(facts)
        for fact in facts:
            match fact:
                case PersonAnswered():
                    self.calls.person(fact.rang_s, fact.detected_s)
                    self.answers += 1
                case NobodyAnswered():
                    self.calls.nobody(fact.age_s, fact.how, fact.detected_s)
                case Served():
                    self.service.served(fact.talk_s, fact.wrap_s)
                case AgentWentOn():
                    self.service.went_on(fact.back)
                case AgentFound():
                    self.persons.judged(fact.rang_s, fact.person)
                case InboundArrived():
                    self.inbound_per_s += 1 / INBOUND_MEMORY_S

    def late_account(self, level: ServiceLevel, late: float) -> Account:
        """What was risked of being late. A level that is another than before has an account of its own: nothing is held against
        what became of risks that were taken for other seconds.
        """
        if level != self.level:
            self.level = level
            self.late = Account(risked=late, gone_s=self.account.gone_s, agent_s=self.account.agent_s)
        return self.late

    def to_json(self) -> dict[str, Any]:
        """Plain values that `json.dumps` takes; some twenty kilobytes."""
        late = {"percent": self.level.percent, "within_s": self.level.within_s, "ledger": self.late.to_json()}
        return {
            "version": VERSION,
            "calls": self.calls.to_json(),
            "service": self.service.to_json(),
            "persons": self.persons.to_json(),
            "ledger": self.account.to_json(),
            "answers": self.answers,
            "inbound_per_s": round(self.inbound_per_s, 6),
            "gone_s": round(self.gone_s, 1),
            **({"late": late} if self.level.is_asked else {}),
        }

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> CruiseMemory:
        """As it was saved; fresh where that was by another version of the pacer or is damaged: it learns anew within minutes."""
        found = cls()
        try:
            if saved["version"] != VERSION:
                return found
            found.calls, found.service = CallModel.from_json(saved["calls"]), ServiceModel.from_json(saved["service"])
            found.persons, found.account = PersonShare.from_json(saved["persons"]), Account.from_json(saved["ledger"])
            found.answers, found.inbound_per_s = int(saved["answers"]), float(saved["inbound_per_s"])
            found.gone_s = float(saved["gone_s"])
            if (late := saved.get("late")) is not None:
                found.level = ServiceLevel(percent=float(late["percent"]), within_s=float(late["within_s"]))
                found.late = Account.from_json(late["ledger"])
        except (KeyError, TypeError, ValueError):
            return cls()
        return found
