"""How a campaign's definition is written as JSON, in its own row and in the rows of its jobs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dialer.domain.campaign import Campaign, Finish, Pace, PaceUnit
from dialer.domain.ids import CampaignId, OrgId


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
        "finish": {"after_codes": dict(campaign.finish.after_codes)},
    }


def campaign_from_json(data: Mapping[str, Any], *, campaign_id: CampaignId, org_id: OrgId) -> Campaign:
    """The definition that was written."""
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
        finish=Finish(after_codes=dict(data["finish"]["after_codes"])),
    )
