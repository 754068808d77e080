"""What a campaign's pacing may be, and how its codes, skills and agents are found."""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import replace

from dialer.domain.agent import SKILL_LEAST, SKILL_MOST
from dialer.domain.campaign import Job
from dialer.domain.codes import AGENT_SYSTEM_CODES, MANUAL_SYSTEM_CODES, name_key
from dialer.domain.ids import OrgId
from dialer.domain.inbound_plan import InboundPlan
from dialer.domain.pacing_plan import LEAST_RING_S, BudgetWindow, Pacing, PacingKind
from dialer.domain.service_level import STEP_S, ServiceLevel
from dialer.errors import BadInput
from dialer.store.store import Store, Tx

LEVEL_LEAST = 50.0  # percent: less than every other person is no level
LINES_MOST = 10.0
BUDGET_MOST = 100.0
THRESHOLD_MOST_S = 60.0
RING_MOST_S = 120.0
PREVIEW_MOST_S = 3600.0
WRAP_UP_MOST_S = 4 * 3600.0
EXTENSIONS_MOST = 20
SAMPLES_MOST = 10_000
WORDS_MOST = 80
MESSAGE_MOST = 300
SCRIPT_MOST = 4000
QUEUES_MOST = 10
QUEUE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,39}")  # it goes to the switch: nothing but a plain name
CALLERS_MOST, WAIT_MOST_S = 10_000, 3600.0
THRESHOLDS = 3


def check_pacing(pacing: Pacing) -> None:
    """Raises BadInput for a plan that cannot be."""
    budget, ratio = pacing.budget, pacing.ratio
    _within(pacing.lines_per_agent, 1.0, LINES_MOST, "lines per agent")
    _within(budget.percent, 0.0, BUDGET_MOST, "abandon budget")
    _within(budget.threshold_s, 0.0, THRESHOLD_MOST_S, "abandon threshold")
    _within(budget.mistaken_share, 0.0, 1.0, "mistaken share")
    if budget.credit and budget.window is BudgetWindow.DAY:
        mend = "abandon-window=30d or abandon-window=campaign, or abandon-credit=no"
        raise BadInput(
            "what a day's last hour has borrowed no later hour of the day pays back", where="abandon credit", mend=mend
        )
    check_level(pacing.level, budget.threshold_s)
    if pacing.least_ring_s is not None and not LEAST_RING_S <= pacing.least_ring_s <= RING_MOST_S:
        mend = f"{LEAST_RING_S:g} to {RING_MOST_S:g}, or none: the law lets nobody hang up before {LEAST_RING_S:g} s of ringing"
        raise BadInput(f"{pacing.least_ring_s:g} s", where="least ring", mend=mend)
    _within(ratio.least_hit_rate, 0.01, 1.0, "least hit rate")
    _within(ratio.most_hit_rate, ratio.least_hit_rate, 1.0, "most hit rate")
    _within(ratio.first_hit_rate, ratio.least_hit_rate, ratio.most_hit_rate, "first hit rate")
    _within(ratio.samples, 1, SAMPLES_MOST, "samples")
    if pacing.preview_s is not None:
        _within(pacing.preview_s, 1.0, PREVIEW_MOST_S, "preview")
    if pacing.wrap_up_s is not None:
        _within(pacing.wrap_up_s, 0.0, WRAP_UP_MOST_S, "wrap-up")
    _within(pacing.extension_s, 1.0, WRAP_UP_MOST_S, "extension")
    _within(pacing.extensions_most, 0, EXTENSIONS_MOST, "extensions")
    for name, level in pacing.skills.items():
        _within(level, SKILL_LEAST, SKILL_MOST, f"skill {name}")
        if not name.strip() or len(name) > WORDS_MOST:
            raise BadInput(f"{name!r} is no skill", where="skill", mend=f"a name of 1 to {WORDS_MOST} characters")
    if len(pacing.script) > SCRIPT_MOST:
        raise BadInput(f"{len(pacing.script)} characters", where="script", mend=f"at most {SCRIPT_MOST}")
    if len(budget.group) > WORDS_MOST:
        raise BadInput("too long a name", where="pacing", mend=f"at most {WORDS_MOST} characters")
    if len(pacing.nuisance_message) > MESSAGE_MOST:
        raise BadInput("too long a message", where="nuisance message", mend=f"at most {MESSAGE_MOST} characters")
    _check_inbound(pacing.inbound)


def check_level(level: ServiceLevel, threshold_s: float) -> None:
    """Raises BadInput for a service level that cannot be; `threshold_s`: of the budget, who waits longer is abandoned."""
    if level.percent is not None:
        _within(level.percent, LEVEL_LEAST, 100.0, "service level")
    steps = level.within_s / STEP_S if math.isfinite(level.within_s) else 0.0
    if steps < 1 or abs(steps - round(steps)) > 1e-6 or level.within_s > THRESHOLD_MOST_S:
        mend = "whole tenths of a second, 0.1 or more: answer-within=0.2"
        raise BadInput(f"{level.within_s:g} s", where="answer within", mend=mend)
    if level.is_asked and level.within_s > threshold_s:
        mend = f"at most {threshold_s:g}, the abandon-threshold: whoever waits longer is abandoned"
        raise BadInput(f"{level.within_s:g} s", where="answer within", mend=mend)


def level_of(percent: float | None, within_s: float | None, pacing: Pacing) -> ServiceLevel:
    """The service level of a plan, with what is given in its place. Raises BadInput for one that cannot be."""
    kept = pacing.level
    level = ServiceLevel(
        percent=kept.percent if percent is None else percent, within_s=kept.within_s if within_s is None else within_s
    )
    check_level(level, pacing.budget.threshold_s)
    return level


def _check_inbound(inbound: InboundPlan) -> None:
    if len(inbound.queues) > QUEUES_MOST:
        raise BadInput(f"{len(inbound.queues)} queues", where="inbound", mend=f"at most {QUEUES_MOST}")
    for name in inbound.queues:
        if not QUEUE.fullmatch(name):
            mend = "as queues.conf names it: 1 to 40 letters, digits, dots, dashes and underscores"
            raise BadInput(f"{name[:80]!r} is no queue", where="inbound", mend=mend)
    for where, found, most in (("inbound-levels", inbound.levels, CALLERS_MOST), ("inbound-waits", inbound.waits_s, WAIT_MOST_S)):
        if found and (len(found) != THRESHOLDS or list(found) != sorted(found)):
            raise BadInput(f"{', '.join(f'{one:g}' for one in found)}", where=where, mend="three numbers that grow, or none")
        for one in found:
            _within(one, 1, most, where)
    if inbound.queues and not inbound.levels and not inbound.waits_s:
        raise BadInput("a queue without any threshold", where="inbound", mend="inbound-levels, inbound-waits, or inbound=none")
    _within(inbound.blend_after_s, 0.0, WAIT_MOST_S, "blend-after")
    _within(inbound.blend_back_s, 0.0, WAIT_MOST_S, "blend-back")


def check_turn(before: Pacing, after: Pacing) -> None:
    """Raises BadInput where a running job cannot be turned from one plan to another: people do not become a recording."""
    if before.has_agents != after.has_agents:
        mend = "stop it, change the campaign, and start it again"
        raise BadInput("a job that runs cannot get or lose its agents", where="pacing", mend=mend)


def fitted(tx: Tx, org_id: OrgId, pacing: Pacing, codes: Collection[str]) -> Pacing:
    """The plan with the default code and the agents' logins as they are written. Raises BadInput, NotFound."""
    pacing = replace(pacing, agents=tuple(tx.agents(org_id).by_login(one).login for one in dict.fromkeys(pacing.agents)))
    if not pacing.default_code.strip():
        return replace(pacing, default_code="")
    known = {name_key(code): code for code in agent_codes(pacing, codes)}
    found = known.get(name_key(pacing.default_code))
    if found is None:
        mend = f"one of: {', '.join(known.values())}"
        raise BadInput(f"no agent of this campaign can say {pacing.default_code!r}", where="default code", mend=mend)
    return replace(pacing, default_code=found)


async def active_codes(store: Store, job: Job) -> tuple[str, ...]:
    """The codes of a job's campaign that may be chosen at this moment. Raises StoreDown."""
    found = await store.read(lambda tx: tx.codes(job.org_id).of_campaign(job.campaign_id))
    return tuple(code.name for code in found if code.active)


def agent_codes(pacing: Pacing, codes: Collection[str]) -> tuple[str, ...]:
    """From what agents choose: the campaign's codes, and those of the system's that a person can tell."""
    system = AGENT_SYSTEM_CODES if pacing.kind is not PacingKind.MANUAL else MANUAL_SYSTEM_CODES
    return (*codes, *(code.value for code in system))


def _within(value: float, least: float, most: float, where: str) -> None:
    if not math.isfinite(value) or not least <= value <= most:
        raise BadInput(f"{value:g}", where=where, mend=f"{least:g} to {most:g}")
