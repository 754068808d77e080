"""How a campaign's calls are paced: by the clock, by agents who are free or soon will be, or by the agents themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from dialer.domain.agent import AgentRules, KeysTold
from dialer.domain.inbound_plan import InboundPlan
from dialer.domain.service_level import NO_LEVEL, ServiceLevel

LEAST_RING_S = 15.0
"""No unanswered call is hung up before it has rung for so long (16 CFR 310.4(b)(4)(ii), 47 CFR 64.1200(a)(6), Ofcom)."""

GIVEN_UP_NOTE = "given up while it rang: agents ran short"  # what is noted of such a call


class PacingKind(StrEnum):
    """Who decides when a contact is called."""

    AGENTLESS = "agentless"  # the clock: IVR and notifications, as `Pace` says
    PROGRESSIVE = "progressive"  # so many calls for each agent who is free
    PREDICTIVE = "predictive"  # ahead of the agents, within the abandon budget
    PREVIEW = "preview"  # an agent reads about the contact first; then it is called
    MANUAL = "manual"  # an agent reads about the contact and calls it elsewhere; nothing goes through our switches


class PredictiveStyle(StrEnum):
    """How a predictive pacer finds its pace."""

    CRUISE_CONTROL = "cruise_control"  # by itself
    EXPERT_CALLING_RATIO = "expert_calling_ratio"  # by the time that agents take, and the hit rates that somebody gave it


class EcrWatch(StrEnum):
    """Which time of the agents an expert calling ratio looks at."""

    WORK_TIME = "work_time"  # the call and the update of the record
    UPDATE_TIME = "update_time"  # the update alone: calls are ordered while agents write


class BudgetWindow(StrEnum):
    """Over which time the share of abandoned calls is counted."""

    DAY = "24h"
    MONTH = "30d"
    CAMPAIGN = "campaign"  # from the start of the run


class StartPoint(StrEnum):
    """From which moment a person has been waiting."""

    ANSWER = "answer"  # the telephone was picked up
    GREETING_END = "greeting_end"  # the person has said hello: what the detector heard, where it is on


class AbandonCount(StrEnum):
    """How the share is counted (`pacing.abandonment`)."""

    PLAIN = "plain"  # abandoned by all that persons answered
    OFCOM = "ofcom"  # with the reasoned estimates for machines


@dataclass(frozen=True, slots=True, kw_only=True)
class AbandonBudget:
    """How many of the persons who answer may find nobody to talk to."""

    percent: float = 3.0
    window: BudgetWindow = BudgetWindow.DAY
    start: StartPoint = StartPoint.ANSWER
    threshold_s: float = 2.0  # whoever waited longer was abandoned
    count: AbandonCount = AbandonCount.PLAIN
    mistaken_share: float = 0.0  # with OFCOM: of the machines that a detector found, so many were persons (0 to 1), estimated
    group: str = ""  # campaigns with the same word here share one budget
    credit: bool = False  # cruise control may be a few calls ahead of the budget and pays them back before the window ends

    def __str__(self) -> str:
        shared = (f", shared by {self.group}" if self.group else "") + (", on credit" if self.credit else "")
        since = self.start.value.replace("_", " ")
        return f"{self.percent:g} % in {self.window.value}, {self.threshold_s:g} s from {since}, {self.count.value}{shared}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpertRatio:
    """The knobs of an expert calling ratio. Hit rates are shares of calls that a person answers, 0 to 1."""

    watch: EcrWatch = EcrWatch.WORK_TIME
    first_hit_rate: float = 0.5  # until enough calls were placed to know better
    least_hit_rate: float = 0.1  # a worse one is not believed: it would dial without end
    most_hit_rate: float = 1.0
    samples: int = 50  # calls until the first hit rate is forgotten

    def __str__(self) -> str:
        rates = f"{self.least_hit_rate:g} to {self.most_hit_rate:g}, at first {self.first_hit_rate:g}"
        return f"{self.watch.value.replace('_', ' ')}, hit rates {rates} for {self.samples} calls"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pacing:
    """The plan. What does not concern its kind is kept all the same, so that the kind can be changed while a job runs."""

    kind: PacingKind = PacingKind.AGENTLESS
    style: PredictiveStyle = PredictiveStyle.CRUISE_CONTROL
    lines_per_agent: float = 1.0  # progressive
    budget: AbandonBudget = field(default_factory=AbandonBudget)
    level: ServiceLevel = NO_LEVEL  # progressive and predictive: beside the budget
    ratio: ExpertRatio = field(default_factory=ExpertRatio)
    least_ring_s: float | None = LEAST_RING_S  # when agents run short, who has rung for so long is given up; None = nobody
    preview_s: float | None = None  # then a preview is called by itself; None = when the agent says so
    can_cancel_preview: bool = True
    zip_tone: bool = True  # an agent hears a tone before the contact
    wrap_up_s: float | None = 60.0  # None = as long as agents want
    extension_s: float = 60.0
    extensions_most: int = 2
    default_code: str = ""  # when an agent gives none in time; "" = what the dialer itself knows
    script: str = ""  # what agents are to say, as they see it beside the contact
    keys: KeysTold = KeysTold.NONE  # what agents are told of the keys that contacts press
    nuisance_message: str = ""  # for persons who find no agent: a prompt's name, or a sentence; "" = the one that is shipped
    skills: Mapping[str, int] = field(default_factory=dict)  # that its agents need, each with its least level
    agents: tuple[str, ...] = ()  # logins; () = all who work for the campaign
    inbound: InboundPlan = field(default_factory=InboundPlan)  # callers who come first

    @property
    def has_agents(self) -> bool:
        """People talk to its contacts."""
        return self.kind is not PacingKind.AGENTLESS

    @property
    def dials(self) -> bool:
        """Its calls go through our switches."""
        return self.kind is not PacingKind.MANUAL

    @property
    def reads_first(self) -> bool:
        """An agent sees the contact before it is called."""
        return self.kind in (PacingKind.PREVIEW, PacingKind.MANUAL)

    def rules(self, codes: tuple[str, ...]) -> AgentRules:
        """How agents work on its contacts; `codes` are those from which they may choose."""
        return AgentRules(
            codes=codes,
            default_code=self.default_code,
            wrap_up_s=self.wrap_up_s,
            extension_s=self.extension_s,
            extensions_most=self.extensions_most,
            preview_s=self.preview_s,
            can_cancel_preview=self.can_cancel_preview,
            script=self.script,
            keys=self.keys,
        )

    def __str__(self) -> str:
        """As people are told."""
        match self.kind:
            case PacingKind.AGENTLESS:
                return "agentless"
            case PacingKind.PROGRESSIVE:
                said = f"progressive, {self.lines_per_agent:g} lines for each free agent; abandoned: {self.budget}"
            case PacingKind.PREDICTIVE if self.style is PredictiveStyle.EXPERT_CALLING_RATIO:
                said = f"predictive, expert calling ratio by {self.ratio}; abandoned: {self.budget}"
            case PacingKind.PREDICTIVE:
                said = f"predictive, cruise control; abandoned: {self.budget}"
            case PacingKind.PREVIEW:
                timed = "untimed" if self.preview_s is None else f"called after {self.preview_s:g} s"
                said = f"preview, {timed}{'' if self.can_cancel_preview else ', cannot be passed over'}"
            case PacingKind.MANUAL:
                said = "manual"
        wrap_up = "without limit" if self.wrap_up_s is None else f"{self.wrap_up_s:g} s"
        more = f" + {self.extensions_most} × {self.extension_s:g} s" if self.extensions_most and self.wrap_up_s else ""
        parts = [said, f"wrap-up {wrap_up}{more}"]
        parts += [f"default code {self.default_code}"] if self.default_code else []
        parts += [f"nuisance message {self.nuisance_message}"] if self.nuisance_message else []
        parts += [f"skills {', '.join(f'{name} {level}' for name, level in self.skills.items())}"] if self.skills else []
        parts += [f"agents {', '.join(self.agents)}"] if self.agents else []
        ahead = self.kind in (PacingKind.PROGRESSIVE, PacingKind.PREDICTIVE)
        parts += [f"service level {self.level}"] if ahead and self.level.is_asked else []
        if ahead and self.least_ring_s != LEAST_RING_S:
            late = "never given up" if self.least_ring_s is None else f"given up from {self.least_ring_s:g} s on"
            parts.append(f"late rings {late}")
        parts += [str(self.inbound)] if self.inbound.queues else []
        parts += [] if self.zip_tone else ["no zip tone"]
        parts += [] if self.keys is KeysTold.NONE else [f"keys {self.keys.value}"]
        return "; ".join(parts)
