"""Two people edit one thing: the second is told what the first has changed, and nothing is lost."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from typing import Any

from dialer.domain.campaign import Campaign, Pace
from dialer.domain.codes import name_key
from dialer.domain.filter import Filter, Sort
from dialer.domain.finish import Finish
from dialer.domain.pacing_plan import Pacing
from dialer.errors import Conflict
from dialer.store.edits import Kind
from dialer.store.store import Tx

_NOT_EDITED = ("id", "org_id", "version")


def check_version(tx: Tx, kind: Kind, of_id: int, what: str, current: int, seen: int | None) -> None:
    """Raises Conflict, with who changed what since, when the version that was seen is not the current one. None: not asked."""
    if seen is None or seen == current:
        return
    if seen > current:
        raise Conflict(f"{what} has no version {seen}; the present one is {current}")
    since = "\n".join(f"  version {edit.version}, {edit}" for edit in tx.edits.since(kind, of_id, seen))
    raise Conflict(
        f"{what} has been changed since you looked (version {seen}, now {current}); nothing of yours was written:\n{since}"
    )


def differences(before: Campaign, after: Campaign) -> dict[str, tuple[str, str]]:
    """What an edit changes: field -> before and after, as people read them."""
    found = {}
    for field in fields(Campaign):
        old, new = getattr(before, field.name), getattr(after, field.name)
        if field.name not in _NOT_EDITED and old != new:
            found[field.name] = (said(old), said(new))
    return found


def in_words(campaign: Campaign) -> dict[str, str]:
    """Every field of a definition with its value, as people read them."""
    return {field.name.replace("_", " "): said(getattr(campaign, field.name)) for field in fields(Campaign)
            if field.name not in ("id", "org_id", "name")}  # fmt: skip


def said(value: Any) -> str:
    """A value of a definition in words."""
    match value:
        case Pace():
            return f"{value.calls:g}/{value.per.value}, {value.min_ports} to {value.max_ports} ports"
        case Sort():
            return f"{value.attribute}{' descending' if value.descending else ''}"
        case Finish():
            parts = [f"{count} × {code}" for code, count in value.after_codes.items()]
            parts += [f"{value.responses} responses"] if value.responses else []
            parts += [f"after {value.after_hours:g} h"] if value.after_hours else []
            parts += [f"at {value.at}"] if value.at else []
            return ", ".join(parts) or "none"
        case bool():
            return "yes" if value else "no"
        case Filter() | Pacing() | str() | int() | float():
            return str(value)
        case tuple():
            return ", ".join(str(one) for one in value) or "none"
        case _:
            return "none"


def leads_back(campaign: Campaign, others: Collection[Campaign]) -> bool:
    """Whether following the links from a campaign comes back to it: then the same lists would be called for ever."""
    links = {name_key(one.name): name_key(one.then) for one in others} | {name_key(campaign.name): name_key(campaign.then)}
    at = name_key(campaign.then)
    for _ in links:
        if at == name_key(campaign.name):
            return True
        at = links.get(at, "")
    return False
