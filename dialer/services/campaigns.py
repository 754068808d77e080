"""Define campaigns: what is to be done, with whom, how fast, and when it is enough."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from dialer.domain.campaign import Campaign, Finish, JobState, Pace, PaceUnit
from dialer.domain.codes import SystemCode, name_key
from dialer.domain.filter import Filter, Sort
from dialer.domain.finish import EndAt
from dialer.domain.hold import Hold
from dialer.domain.ids import CampaignId, OrgId
from dialer.domain.installation import InstallationMode
from dialer.domain.pacing_plan import Pacing
from dialer.domain.wording import Wording
from dialer.errors import BadInput, Conflict
from dialer.services.campaign_edits import check_version, differences, leads_back
from dialer.services.codes import system_code_called
from dialer.services.installation import check_mode
from dialer.services.knobs import check_knobs
from dialer.services.names import checked_name
from dialer.services.pacing_plans import check_pacing, fitted
from dialer.services.strategies import load_for_campaign, load_strategy
from dialer.store.store import Store, Tx
from dialer.store.strategies import StoredStrategy

PORTS_MOST = 100_000
CALLS_PER_S_MOST = 1000.0

_PACE = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(?:/|per)\s*(second|minute|hour|sec|min|s|m|h)\s*")
_UNITS = {"s": PaceUnit.SECOND, "sec": PaceUnit.SECOND, "m": PaceUnit.MINUTE, "min": PaceUnit.MINUTE, "h": PaceUnit.HOUR}
_CALLER_ID = re.compile(r"(\+[0-9]{3,15})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCampaign:
    """A campaign as somebody wants it; names of lists and codes in whatever capitals."""

    name: str
    strategy: str  # its name
    contact_lists: tuple[str, ...]
    codes: tuple[str, ...] = ()
    trunk: str = ""
    caller_id: str = ""
    pace: Pace = field(default_factory=Pace)
    finish_after: Mapping[str, int] = field(default_factory=dict)  # completion code -> how often
    responses: int = 0  # the goal: so many of `response_codes`, or of all codes flagged as a success
    response_codes: tuple[str, ...] = ()
    after_hours: float = 0.0
    end_at: EndAt | None = None
    infinite: bool = False
    filter: Filter = field(default_factory=Filter)
    sort: Sort | None = None
    priority: int = 5
    holds: tuple[Hold, ...] = ()
    then: str = ""  # the campaign that starts when this one has ended
    pacing: Pacing = field(default_factory=Pacing)


async def create_campaign(
    store: Store,
    org_id: OrgId,
    new: NewCampaign,
    *,
    trunks: Collection[str] | None = None,
    mode: InstallationMode = InstallationMode.TELEPHONY,
    wording: Wording | None = None,
) -> Campaign:
    """Define a campaign. The strategy, lists and codes must exist; `trunks`, `mode`, `wording`: those of the settings, if known.

    Raises BadInput, NotFound, Conflict when the name is in use.
    """

    def work(tx: Tx) -> Campaign:
        return tx.campaigns(org_id).create(_checked(tx, org_id, new, trunks, mode, wording))

    if new.sort is not None:
        await store.index_order((await store.read(lambda tx: _checked(tx, org_id, new, trunks, mode, wording))).sort)
    return await store.write(work)


async def edit_campaign(
    store: Store,
    org_id: OrgId,
    name: str,
    new: NewCampaign,
    *,
    by: str,
    version: int | None = None,
    trunks: Collection[str] | None = None,
    mode: InstallationMode = InstallationMode.TELEPHONY,
    wording: Wording | None = None,
) -> Campaign:
    """Define a campaign anew; a job that runs keeps its own definition. `version` is the one that the editor has seen.

    Raises what `create_campaign` raises, NotFound; Conflict, with the difference, when it was changed since that version.
    """

    def work(tx: Tx) -> Campaign:
        repository = tx.campaigns(org_id)
        before = repository.get_for_update(repository.by_name(name).id)
        check_version(tx, "campaign", before.id, f"the campaign {before.name!r}", before.version, version)
        after = replace(_checked(tx, org_id, new, trunks, mode, wording, instead_of=before), id=before.id)
        changes = differences(before, after)
        if not changes:
            return before
        changed = repository.edit(after)
        tx.edits.add("campaign", before.id, changed.version, changes, by=by)
        return changed

    def check(tx: Tx) -> Campaign:
        return _checked(tx, org_id, new, trunks, mode, wording, instead_of=tx.campaigns(org_id).by_name(name))

    if new.sort is not None:
        await store.index_order((await store.read(check)).sort)
    return await store.write(work)


async def delete_campaign(store: Store, org_id: OrgId, name: str, *, by: str) -> Campaign:
    """Take a campaign away, with its schedules; what its jobs did stays on record, and its name is free again.

    Its exports end, too: one that waits is still made.

    Raises NotFound; Conflict while a job of it is not over, or another campaign leads to it.
    """

    def work(tx: Tx) -> Campaign:
        repository = tx.campaigns(org_id)
        found = repository.get_for_update(repository.by_name(name).id)
        if any(job.state is not JobState.COMPLETED for job in tx.jobs(org_id).by_campaign(found.id)):
            raise Conflict(f"a job of the campaign {found.name!r} is not over: stop it first")
        if before := [one.name for one in repository.all() if name_key(one.then) == name_key(found.name)]:
            raise Conflict(f"{', '.join(before)} would start {found.name!r} next: change that first")
        for schedule in tx.schedules(org_id).all(campaign_id=found.id):
            tx.schedules(org_id).remove(schedule.id)
        for export in tx.exports(org_id).all(found.id):
            for schedule in tx.schedules(org_id).all(export_id=export.id):
                tx.schedules(org_id).remove(schedule.id)
        repository.delete(found.id)
        tx.edits.add("campaign", found.id, found.version + 1, {"name": (found.name, "deleted")}, by=by)
        return found

    return await store.write(work)


async def campaign_named(store: Store, org_id: OrgId, name: str) -> Campaign:
    """A campaign by its name. Raises NotFound."""
    return await store.read(lambda tx: tx.campaigns(org_id).by_name(name))


def as_new(campaign: Campaign) -> NewCampaign:
    """A campaign as it is, to be changed and given to `edit_campaign`."""
    finish = campaign.finish
    names = ("name", "strategy", "contact_lists", "codes", "trunk", "caller_id", "pace", "infinite", "filter", "sort", "priority")
    return NewCampaign(
        **{name: getattr(campaign, name) for name in (*names, "holds", "then", "pacing")},
        finish_after=finish.after_codes,
        responses=finish.responses,
        response_codes=finish.response_codes,
        after_hours=finish.after_hours,
        end_at=finish.at,
    )


def _checked(
    tx: Tx,
    org_id: OrgId,
    new: NewCampaign,
    trunks: Collection[str] | None,
    mode: InstallationMode,
    wording: Wording | None,
    *,
    instead_of: Campaign | None = None,
) -> Campaign:
    name = checked_name(new.name, "campaign")
    check_pace(new.pace)
    check_pacing(new.pacing)
    if not new.contact_lists:
        raise BadInput("there is nobody to call", where="contact lists", mend="name at least one contact list")
    if not _CALLER_ID.fullmatch(new.caller_id):
        raise BadInput(f"{new.caller_id!r} is not a number in E.164", where="caller id", mend="for example +15550100")
    if new.trunk and trunks is not None and new.trunk not in trunks:
        mend = f"one of: {', '.join(sorted(trunks))}" if trunks else "the settings name none"
        raise BadInput(f"no trunk {new.trunk!r}", where="trunk", mend=mend)
    codes = _codes(tx, org_id, new.codes, kept=instead_of.codes if instead_of else ())
    stored = tx.strategies(org_id).latest(new.strategy)
    check_mode(
        mode,
        new.pacing,
        load_for_campaign(stored.text, f"strategy {stored.name} version {stored.version}", known_codes=codes, wording=wording),
    )
    campaign = Campaign(
        id=CampaignId(0),  # given by the database
        org_id=org_id,
        name=name,
        strategy=stored.name,
        contact_lists=tuple(tx.contact_lists(org_id).by_name(one).name for one in new.contact_lists),
        codes=codes,
        trunk=new.trunk,
        caller_id=new.caller_id,
        pace=new.pace,
        finish=_finish(new, codes),
        infinite=new.infinite,
        filter=new.filter,
        sort=new.sort,
        priority=new.priority,
        holds=tuple(replace(hold, codes=_ledger_names(hold.codes, codes, "hold")) for hold in new.holds),
        then=tx.campaigns(org_id).by_name(new.then).name if new.then else "",
        pacing=fitted(tx, org_id, new.pacing, codes),
    )
    check_knobs(campaign)
    others = [one for one in tx.campaigns(org_id).all() if instead_of is None or one.id != instead_of.id]
    if campaign.then and leads_back(campaign, others):
        raise BadInput(f"{campaign.then!r} leads back to {name!r}", where="then", mend="links may not form a circle")
    return campaign


def _codes(tx: Tx, org_id: OrgId, named: Sequence[str], *, kept: Sequence[str]) -> tuple[str, ...]:
    """The codes as they are written, each once. Raises BadInput for a passive one that is not among those that it has."""
    found = {code.name: code for code in map(tx.codes(org_id).by_name, named)}
    if passive := [name for name, code in found.items() if name not in kept and not code.active]:
        raise BadInput(f"passive, so no campaign can begin to use it: {', '.join(passive)}", where="codes")
    return tuple(found)


async def list_campaigns(store: Store, org_id: OrgId) -> list[Campaign]:
    """Every campaign of the organisation, by name."""
    return await store.read(lambda tx: tx.campaigns(org_id).all())


async def save_strategy(
    store: Store, org_id: OrgId, text: str, source: str = "strategy", *, wording: Wording | None = None
) -> StoredStrategy:
    """Keep a strategy as the newest version of its name; a text that is there already is not kept twice. Raises BadInput.

    `wording`: the words in force, where the settings are known.
    """
    name = load_strategy(text, source, wording=wording).name
    return await store.write(lambda tx: tx.strategies(org_id).add_version(name, text))


def check_pace(pace: Pace) -> None:
    """Raises BadInput for a pace that cannot be kept."""
    if not math.isfinite(pace.calls) or pace.calls <= 0 or pace.calls_per_s > CALLS_PER_S_MOST:
        raise BadInput(f"{pace.calls:g} calls per {pace.per.value}", where="pace", mend="more than 0, at most 1000 a second")
    if not 1 <= pace.max_ports <= PORTS_MOST:
        raise BadInput(f"{pace.max_ports} lines", where="max ports", mend=f"1 to {PORTS_MOST}")
    if not 0 <= pace.min_ports <= pace.max_ports:
        raise BadInput(f"{pace.min_ports} lines", where="min ports", mend=f"0 to the max ports ({pace.max_ports})")


def parse_pace(text: str, *, min_ports: int = 0, max_ports: int = 50) -> Pace:
    """Read "60/minute", "5/s" or "1200 per hour". Raises BadInput."""
    found = _PACE.fullmatch(text.casefold())
    if found is None:
        raise BadInput(f"{text!r} is not a pace", where="pace", mend="for example 60/minute, 5/second or 1200/hour")
    unit = _UNITS.get(found[2]) or PaceUnit(found[2])
    pace = Pace(calls=float(found[1]), per=unit, min_ports=min_ports, max_ports=max_ports)
    check_pace(pace)
    return pace


def parse_finish(texts: Collection[str]) -> dict[str, int]:
    """Read "Interested in Blood Donation=50". Raises BadInput."""
    wanted: dict[str, int] = {}
    for text in texts:
        code, _, count = text.rpartition("=")
        if not code.strip() or not count.strip().isascii() or not count.strip().isdigit():
            raise BadInput(f"{text!r} is not a finish criterion", where="finish", mend='for example "Interested=50"')
        wanted[code.strip()] = int(count)
    return wanted


def _finish(new: NewCampaign, codes: Collection[str]) -> Finish:
    """The criteria with the codes' names as they are written in the ledger, so that they can be compared there."""
    for name, count in new.finish_after.items():
        if count < 1:
            raise BadInput(f"{count} × {name}", where="finish", mend="a count of at least 1")
    names = _ledger_names(tuple(new.finish_after), codes, "finish")
    return Finish(
        after_codes=dict(zip(names, new.finish_after.values(), strict=True)),
        responses=new.responses,
        response_codes=_ledger_names(new.response_codes, codes, "finish"),
        after_hours=new.after_hours,
        at=new.end_at,
    )


def _ledger_names(names: Collection[str], codes: Collection[str], where: str) -> tuple[str, ...]:
    by_key = {name_key(code): code for code in codes}
    found = []
    for name in names:
        system = system_code_called(name)
        known = by_key.get(name_key(name)) or (system.value if system else None)
        if known is None or known == SystemCode.ATTEMPT_IN_PROGRESS.value:
            raise BadInput(
                f"no attempt of this campaign can end with {name!r}",
                where=where,
                mend="a final system code, or a custom code that is associated with the campaign",
            )
        found.append(known)
    return tuple(found)
