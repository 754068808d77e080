"""How a campaign's definition is written as JSON, in its own row and in the rows of its jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, time
from typing import Any

from dialer.domain.agent import KeysTold
from dialer.domain.campaign import Campaign, Pace, PaceUnit
from dialer.domain.filter import Compare, Comparison, Filter, Sort
from dialer.domain.finish import EndAt, Finish
from dialer.domain.hold import Hold, HoldKind
from dialer.domain.ids import CampaignId, OrgId
from dialer.domain.inbound_plan import Blend, InboundPlan
from dialer.domain.pacing_plan import (
    AbandonBudget,
    AbandonCount,
    BudgetWindow,
    EcrWatch,
    ExpertRatio,
    Pacing,
    PacingKind,
    PredictiveStyle,
    StartPoint,
)
from dialer.domain.service_level import ServiceLevel


def pace_to_json(pace: Pace) -> dict[str, Any]:
    """A pace as JSON."""
    return {"calls": pace.calls, "per": pace.per.value, "min_ports": pace.min_ports, "max_ports": pace.max_ports}


def pace_from_json(data: Mapping[str, Any]) -> Pace:
    """The pace that was written."""
    return Pace(**{**data, "per": PaceUnit(data["per"])})


def campaign_to_json(campaign: Campaign) -> dict[str, Any]:
    """A whole definition as JSON, all but its ids."""
    return {
        "name": campaign.name,
        "strategy": campaign.strategy,
        "contact_lists": list(campaign.contact_lists),
        "codes": list(campaign.codes),
        "trunk": campaign.trunk,
        "caller_id": campaign.caller_id,
        "pace": pace_to_json(campaign.pace),
        "finish": _finish_to_json(campaign.finish),
        "infinite": campaign.infinite,
        "filter": filter_to_json(campaign.filter),
        "sort": sort_to_json(campaign.sort),
        "priority": campaign.priority,
        "holds": [_hold_to_json(one) for one in campaign.holds],
        "then": campaign.then,
        "pacing": pacing_to_json(campaign.pacing),
    }


def campaign_from_json(data: Mapping[str, Any], *, campaign_id: CampaignId, org_id: OrgId, version: int = 1) -> Campaign:
    """The definition that was written, by this program or by an older one that knew less."""
    return Campaign(
        id=campaign_id,
        org_id=org_id,
        name=data["name"],
        strategy=data["strategy"],
        contact_lists=tuple(data["contact_lists"]),
        codes=tuple(data["codes"]),
        trunk=data["trunk"],
        caller_id=data["caller_id"],
        pace=pace_from_json(data["pace"]),
        finish=_finish_from_json(data["finish"]),
        infinite=data.get("infinite", False),
        filter=filter_from_json(data.get("filter")),
        sort=sort_from_json(data.get("sort")),
        priority=data.get("priority", 5),
        holds=tuple(_hold_from_json(one) for one in data.get("holds", ())),
        then=data.get("then", ""),
        pacing=pacing_from_json(data.get("pacing") or {}),
        version=version,
    )


def pacing_to_json(pacing: Pacing) -> dict[str, Any]:
    """A plan as JSON."""
    return _plain(
        pacing,
        budget=_plain(pacing.budget),
        level=_plain(pacing.level),
        ratio=_plain(pacing.ratio),
        skills=dict(pacing.skills),
        agents=list(pacing.agents),
        inbound=_plain(pacing.inbound, **{name: list(getattr(pacing.inbound, name)) for name in ("queues", "levels", "waits_s")}),
    )


def pacing_from_json(data: Mapping[str, Any]) -> Pacing:
    """The plan that was written, by this program or by an older one that knew less."""
    budget, ratio, inbound = data.get("budget", {}), data.get("ratio", {}), data.get("inbound", {})
    given = _read(data, {"kind": PacingKind, "style": PredictiveStyle, "keys": KeysTold, "agents": tuple})
    given["budget"] = AbandonBudget(**_read(budget, _BUDGET))
    given["level"] = ServiceLevel(**data.get("level", {}))
    given["ratio"] = ExpertRatio(**_read(ratio, {"watch": EcrWatch}))
    given["inbound"] = InboundPlan(**_read(inbound, _INBOUND))
    return Pacing(**given)


_BUDGET: Mapping[str, Any] = {"window": BudgetWindow, "start": StartPoint, "count": AbandonCount}
_INBOUND: Mapping[str, Any] = {"queues": tuple, "levels": tuple, "waits_s": tuple, "blend": Blend}


def _read(data: Mapping[str, Any], types: Mapping[str, Any]) -> dict[str, Any]:
    return {name: types[name](value) if name in types else value for name, value in data.items()}


def filter_to_json(chosen: Filter) -> list[list[dict[str, Any]]]:
    """A filter as JSON."""
    return [[_condition_to_json(one) for one in group] for group in chosen.any_of]


def filter_from_json(data: Sequence[Sequence[Mapping[str, Any]]] | None) -> Filter:
    """The filter that was written."""
    groups = (tuple(_condition_from_json(one) for one in group) for group in data or ())
    return Filter(any_of=tuple(groups))


def _condition_to_json(condition: Comparison) -> dict[str, Any]:
    return _plain(condition, compare=condition.compare.value, values=list(condition.values))


def _condition_from_json(data: Mapping[str, Any]) -> Comparison:
    return Comparison(**{**data, "compare": Compare(data["compare"]), "values": tuple(data["values"])})


def sort_to_json(order: Sort | None) -> dict[str, Any] | None:
    """An order as JSON."""
    return None if order is None else _plain(order)


def sort_from_json(data: Mapping[str, Any] | None) -> Sort | None:
    """The order that was written."""
    return Sort(**data) if data else None


def _finish_to_json(finish: Finish) -> dict[str, Any]:
    at = finish.at
    until = at and {"time": f"{at.time:%H:%M}", "zone": at.zone, "day": at.day and at.day.isoformat()}
    return _plain(finish, after_codes=dict(finish.after_codes), response_codes=list(finish.response_codes), at=until)


def _finish_from_json(data: Mapping[str, Any]) -> Finish:
    until, at = data.get("at"), None
    if until:
        day = date.fromisoformat(until["day"]) if until["day"] else None
        at = EndAt(time=time.fromisoformat(until["time"]), zone=until["zone"], day=day)
    codes = tuple(data.get("response_codes", ()))
    return Finish(**{**data, "after_codes": dict(data["after_codes"]), "response_codes": codes, "at": at})


def _hold_to_json(hold: Hold) -> dict[str, Any]:
    begins, ends = f"{hold.begins:%H:%M}", f"{hold.ends:%H:%M}"
    where = hold.where and _condition_to_json(hold.where)
    return _plain(hold, kind=hold.kind.value, codes=list(hold.codes), begins=begins, ends=ends, where=where)


def _hold_from_json(data: Mapping[str, Any]) -> Hold:
    begins, ends = time.fromisoformat(data["begins"]), time.fromisoformat(data["ends"])
    where = _condition_from_json(data["where"]) if data.get("where") else None
    written = {"kind": HoldKind(data["kind"]), "codes": tuple(data["codes"]), "begins": begins, "ends": ends, "where": where}
    return Hold(**{**data, **written})


def _plain(value: Any, **changes: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in value.__dataclass_fields__} | changes
