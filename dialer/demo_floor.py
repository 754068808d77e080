"""A floor of agents at work on a real Asterisk, and beside it what the simulator makes of the same floor.

Everything is the shipped product; the people are synthetic: those who are called (dialer.lab), and the agents, who are programs
on the same desk as everybody's.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from dialer.app import Dialer
from dialer.demo import lab_settings
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Pace, PaceUnit
from dialer.domain.codes import CustomCode, SystemCode
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.ids import JobId, OrgId
from dialer.domain.pacing_plan import AbandonBudget, Pacing, PacingKind
from dialer.engine.floor_pacing import LOOK_S
from dialer.errors import BadInput
from dialer.lab.lab import Lab
from dialer.lab.obtain import obtain_tool
from dialer.lab.phones import MACHINE, PERSON, RANGE, floor_number
from dialer.lab.shift import Seat, ShiftResult, work_a_shift
from dialer.lab.synthetic_agent import Habits, SyntheticAgent
from dialer.pacing.distributions import Bell, Lognormal, steady
from dialer.pacing.floor_plan import FloorPlan
from dialer.pacing.plan_pacers import pacer_of
from dialer.services.agents import add_agent, new_token
from dialer.services.campaigns import NewCampaign, create_campaign, save_strategy
from dialer.services.codes import create_code
from dialer.services.floor_prediction import Prediction, predict
from dialer.services.jobs import start_campaign, stop_campaign
from dialer.settings import Settings
from dialer.store.store import Store, Tx

Say = Callable[[str], None]
Watch = Callable[[Sequence[SyntheticAgent], float], None]

CAMPAIGN, CONTACT_LIST, STRATEGY = "Floor", "People", "floor_demo"
CODES = {"Agreed": 1.0, "Refused": 3.0}
RING_TIMEOUT_S = 12.0
BUSY, NOBODY, DECLINES = "10", "11", "14"  # endings of numbers (dialer.lab.phones)
PERSON_RINGS, MACHINE_RINGS = Bell(5.0, 2.0, 1.0, 9.9), Bell(7.0, 1.5, 3.0, 9.9)  # seconds
STRATEGY_TEXT = f"""\
strategy: {STRATEGY}
status: completed
handlers:
  - state: initial
    call:
      ring_timeout_s: {RING_TIMEOUT_S:g}
      detect_machine: {{detector}}
      addresses: [{{{{attribute: mobile, from: "00:00", to: "24:00"}}}}]
      results: {{{{otherwise: done}}}}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorOrder:
    """What is asked of the demo. Times in seconds; talks and wrap-ups are `speed` times shorter than the plan says."""

    agents: int = 20
    minutes: float = 5.0
    pacing: PacingKind = PacingKind.PREDICTIVE
    lines_per_agent: float = 1.0
    cap: float = 0.03
    persons: float = 0.35
    machines: float = 0.0
    busy: float = 0.05
    failed: float = 0.08
    talk: Lognormal = Lognormal(120.0, 0.9)
    wrap: Lognormal = Lognormal(20.0, 0.7)
    speed: float = 8.0
    cps: float = 15.0
    seed: int = 1

    @property
    def campaign_pacing(self) -> Pacing:
        """As the campaign has it."""
        return Pacing(
            kind=self.pacing, lines_per_agent=self.lines_per_agent, budget=AbandonBudget(percent=100 * self.cap), wrap_up_s=None
        )

    @property
    def plan(self) -> FloorPlan:
        """The same floor for the simulator."""
        return FloorPlan(
            hours=self.minutes / 60,
            agents=self.agents,
            persons=steady(self.persons),
            machines=self.machines,
            busy=self.busy,
            failed=self.failed,
            dialling=Lognormal(0.1, 0.5),
            person_rings=PERSON_RINGS,
            machine_rings=MACHINE_RINGS,
            fails_after=Bell(0.3, 0.2, 0.05, 1.0),
            ring_timeout_s=RING_TIMEOUT_S,
            detector=None,
            greeting_s=0.0,
            patience_s=1e9,
            talk=Lognormal(self.talk.mean / self.speed, self.talk.cv),
            wrap=Lognormal(self.wrap.mean / self.speed, self.wrap.cv),
            cps=self.cps,
            cap=self.cap,
            tick_s=LOOK_S,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class FloorVerdict:
    """What the floor did, measured at the desks and in the ledger, and what was predicted."""

    order: FloorOrder
    shift: ShiftResult
    attempts: int
    answered: int  # by persons
    abandoned: int  # of them
    waits_s: tuple[float, ...]  # from a person's answer until both talk, in order of length
    codes: dict[str, int]
    predicted: Prediction

    @property
    def abandonment(self) -> float:
        """Share of persons who got no agent in time."""
        return self.abandoned / self.answered if self.answered else 0.0

    @property
    def late(self) -> int:
        """Persons who got their agent later than two seconds after they had answered; the abandoned heard the message by then."""
        return sum(wait > 2.0 for wait in self.waits_s)

    def wait_s(self, share: float) -> float:
        """The wait that so many of those who got an agent did not exceed."""
        return float(np.quantile(self.waits_s, share)) if self.waits_s else 0.0

    def as_json(self) -> str:
        """The last line of the demo."""
        shift = self.shift
        said = {
            "demo": "floor",
            "agents": self.order.agents,
            "minutes": self.order.minutes,
            "pacing": self.order.pacing.value,
            "attempts": self.attempts,
            "talks": shift.talks,
            "occupancy": round(shift.occupancy, 3),
            "idle_s": round(shift.idle_s, 2),
            "abandoned": round(self.abandonment, 4),
            "persons_per_agent_hour": round(shift.talks_per_agent_hour, 1),
            "answer_to_talk_s": {"p50": round(self.wait_s(0.5), 3), "p99": round(self.wait_s(0.99), 3)},
            "agent_after_2s": self.late,
            "refused": len(shift.refused),
            "lost": len(shift.lost),
            "predicted": {name: round(value, 4) for name, value in asdict(self.predicted.mean).items()},
        }
        return json.dumps(said)


async def run_floor(folder: Path, order: FloorOrder, *, say: Say, watch: Watch) -> FloorVerdict:
    """Lab, dialer, agents and campaign up in `folder`, a shift, and all of it gone again. Raises BadInput."""
    if order.persons + order.machines + order.busy + order.failed > 1:
        raise BadInput("more calls end in some way than are placed", where="persons, machines", mend="together at most 1")
    async with AsyncExitStack() as stack:
        tts = await asyncio.to_thread(obtain_tool, "espeak-ng", say)
        lab = await stack.enter_async_context(Lab.started(folder / "lab", say=say))
        settings = _settings(lab, folder / "data", order)
        say("Starting the dialer")
        dialer = await stack.enter_async_context(Dialer.started(settings, tts=tts))
        store = dialer.store
        org = await store.write(lambda tx: tx.organisations.ensure("default"))
        seats = await _agents(store, org, order)
        say(f"{len(seats)} agents; importing the people whom they call")
        await _campaign(store, org, order)
        job = await start_campaign(store, org, CAMPAIGN, by="demo")
        began = datetime.now(UTC)
        say(f"The shift begins: {order.minutes:g} minutes, {order.pacing.value}")
        shift = await work_a_shift(
            f"http://{dialer.desk_address}",
            seats,
            Habits(talk=order.talk, wrap=order.wrap, speed=order.speed, codes=CODES),
            seconds=order.minutes * 60,
            seed=order.seed,
            watch=lambda agents: watch(agents, (datetime.now(UTC) - began).total_seconds()),
            then=lambda: _last_calls(store, org, job.id),
        )
        attempts = await _closed(store, job.id)
        say("The shift is over; asking the simulator")
        predicted = await asyncio.to_thread(predict, order.plan, lambda: pacer_of(order.campaign_pacing, detected=False))
    return _verdict(order, shift, attempts, predicted)


def _settings(lab: Lab, data: Path, order: FloorOrder) -> Settings:
    settings = lab_settings(lab, data)
    return settings.model_copy(
        update={
            "agents": settings.agents.model_copy(update={"listen": "127.0.0.1:0"}),
            "switch": tuple(one.model_copy(update={"max_cps": order.cps}) for one in settings.switch),
            "trunk": tuple(one.model_copy(update={"max_cps": order.cps}) for one in settings.trunk),
        }
    )


async def _agents(store: Store, org: OrgId, order: FloorOrder) -> list[Seat]:
    seats = []
    for number in range(1, order.agents + 1):
        phone = f"{RANGE}{number:05}99"
        agent = await add_agent(store, org, f"agent-{number}", phone=phone)
        seats.append(Seat(token=await new_token(store, org, agent.login), phone=phone))
    return seats


async def _campaign(store: Store, org: OrgId, order: FloorOrder) -> None:
    for code in CODES:
        await create_code(store, org, CustomCode(name=code, is_closure=True))
    people = _people(order)

    def fill(tx: Tx) -> None:
        made = tx.contact_lists(org).create(CONTACT_LIST, ["mobile"])
        tx.contacts(org).upsert_batch(made.id, people, on_duplicate="update")

    await store.write(fill)
    await save_strategy(store, org, STRATEGY_TEXT.format(detector="false"), "floor_demo.yaml")
    await create_campaign(
        store,
        org,
        NewCampaign(
            name=CAMPAIGN,
            strategy=STRATEGY,
            contact_lists=(CONTACT_LIST,),
            codes=tuple(CODES),
            pace=Pace(calls=order.cps, per=PaceUnit.SECOND, max_ports=200),
            pacing=order.campaign_pacing,
        ),
    )


def _people(order: FloorOrder) -> list[NewContact]:
    """Twice as many as the shift can call, in an order of chance."""
    chance = np.random.default_rng([order.seed, 0])
    endings = [PERSON, MACHINE, BUSY, DECLINES, NOBODY]
    shares = [order.persons, order.machines, order.busy, order.failed]
    count = int(2 * order.cps * order.minutes * 60) + 100
    people = []
    for index, ending in enumerate(chance.choice(endings, size=count, p=[*shares, max(0.0, 1 - sum(shares))])):
        rings_s = (MACHINE_RINGS if ending == MACHINE else PERSON_RINGS).draw(chance)
        number = floor_number(index, rings_s, str(ending))
        address = NewAddress(name="mobile", value=number, zones=("UTC",))
        people.append(NewContact(user_contact_id=f"p-{index}", time_zone="UTC", attributes={}, addresses=(address,)))
    return people


async def _last_calls(store: Store, org: OrgId, job_id: JobId) -> None:
    """No new calls; agents stay for those who are being called now."""
    await stop_campaign(store, org, CAMPAIGN, by="demo")
    for _ in range(int(5 * (RING_TIMEOUT_S + 3))):
        await asyncio.sleep(0.2)
        if all(one.answered_at or one.code for one in await store.read(lambda tx: tx.attempts.of_job(job_id))):
            return


async def _closed(store: Store, job_id: JobId) -> Sequence[Attempt]:
    """The ledger of the job, once every attempt has its code (a minute is waited for that)."""
    for _ in range(300):
        attempts = await store.read(lambda tx: tx.attempts.of_job(job_id))
        if all(one.code is not None for one in attempts):
            break
        await asyncio.sleep(0.2)
    return attempts


def _verdict(order: FloorOrder, shift: ShiftResult, attempts: Sequence[Attempt], predicted: Prediction) -> FloorVerdict:
    joined = {attempt: at for journal in shift.journals for attempt, at in journal.joined_at.items()}
    waits = [
        (joined[one.id] - one.answered_at).total_seconds() for one in attempts if one.id in joined and one.answered_at is not None
    ]
    abandoned = sum(one.system_code == SystemCode.NUISANCE_CALL for one in attempts)
    return FloorVerdict(
        order=order,
        shift=shift,
        attempts=len(attempts),
        answered=len(waits) + abandoned,
        abandoned=abandoned,
        waits_s=tuple(sorted(waits)),
        codes=dict(Counter(one.code or "none" for one in attempts).most_common()),
        predicted=predicted,
    )
