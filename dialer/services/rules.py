"""Keep the rules across campaigns, and ask them before every call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from dialer.domain.address_choice import NO_ADDRESS
from dialer.domain.channel import Channel
from dialer.domain.codes import SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.domain.contact import Address
from dialer.domain.ids import CampaignId, ContactId, OrgId
from dialer.domain.rules import Held, Kind, Past, Per, Rule, Then, holds, in_force
from dialer.domain.strategy import Handler
from dialer.domain.window import zone_named
from dialer.errors import BadInput
from dialer.services.names import checked_name
from dialer.store.store import Store, Tx

MAX_WINDOW_S = 400 * 86400.0
MAX_ATTEMPTS = 10_000
CHANNELS = ("", *Channel)


async def create_rule(store: Store, org_id: OrgId, rule: Rule, *, campaigns: Sequence[str] = ()) -> Rule:
    """A new rule; running jobs obey it with their next call. Raises BadInput, NotFound, Conflict."""
    tidy = replace(rule, name=checked_name(rule.name, "rule"), system=False)
    return await store.write(lambda tx: tx.rules(org_id).create(_checked(tx, org_id, tidy, campaigns)))


async def edit_rule(store: Store, org_id: OrgId, rule: Rule, *, campaigns: Sequence[str] | None = None) -> Rule:
    """Replace the rule of that name (which cannot be changed); running jobs obey with their next call.

    `campaigns` None leaves them as they are in `rule`. Whom the rule has held back is asked about anew. Raises BadInput,
    NotFound.
    """

    def work(tx: Tx) -> Rule:
        before = tx.rules(org_id).by_name(rule.name)
        after = replace(rule, name=before.name, system=before.system)
        return _let_go(tx, org_id, tx.rules(org_id).edit(_checked(tx, org_id, after, campaigns)))

    return await store.write(work)


async def switch_rule(store: Store, org_id: OrgId, name: str, *, active: bool) -> Rule:
    """Turn a rule on or off. Raises NotFound."""

    def work(tx: Tx) -> Rule:
        return _let_go(tx, org_id, tx.rules(org_id).edit(replace(tx.rules(org_id).by_name(name), active=active)))

    return await store.write(work)


async def delete_rule(store: Store, org_id: OrgId, name: str) -> None:
    """Remove a rule. Raises NotFound; Conflict for one that comes with the system."""

    def work(tx: Tx) -> None:
        rule = tx.rules(org_id).by_name(name)
        tx.rules(org_id).delete(name)
        _let_go(tx, org_id, rule)

    await store.write(work)


async def list_rules(store: Store, org_id: OrgId) -> list[Rule]:
    """Every rule, in the order in which they are asked."""
    return await store.read(lambda tx: tx.rules(org_id).all())


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesNow:
    """The rules as they are at this moment, and the attempts to a batch of contacts that they count."""

    rules: Sequence[Rule]
    campaign_id: CampaignId
    owned: Mapping[ContactId, Sequence[Address]]
    past: Mapping[ContactId, Sequence[Past]]
    now: datetime

    def held(self, contact_id: ContactId, handler: Handler, kind: Kind = Kind.CAMPAIGN) -> dict[str, Held]:
        """Which of a contact's addresses a handler's attempt may not use; "" = the person, where it needs no address."""
        history = self.past.get(contact_id)
        if history is None:
            return {}
        asked = in_force(self.rules, self.campaign_id, kind, handler.channel)
        return holds(asked, self.owned[contact_id] if handler.addresses else [NO_ADDRESS], history, self.now)


def rules_now(
    tx: Tx, org_id: OrgId, campaign_id: CampaignId, owned: Mapping[ContactId, Sequence[Address]], now: datetime
) -> RulesNow:
    """What the rules need to judge these contacts; asked in the transaction that writes the intents.

    The rules are read here and now (one small statement), so that an edit binds the very next call. Attempts are looked for
    only as far back, and only by those keys, as the rules that are on ask.
    """
    rules = [one for one in tx.rules(org_id).all() if one.active and (not one.campaigns or campaign_id in one.campaigns)]
    past: Mapping[ContactId, Sequence[Past]] = {}
    if rules and owned:
        past = tx.rules(org_id).past(
            {contact_id: [one.value for one in addresses] for contact_id, addresses in owned.items()},
            since=now - max(rule.window for rule in rules),
            by_person=any(rule.per is Per.PERSON for rule in rules),
            by_address=any(rule.per is Per.ADDRESS for rule in rules),
        )
    return RulesNow(rules=rules, campaign_id=campaign_id, owned=owned, past=past, now=now)


def _let_go(tx: Tx, org_id: OrgId, rule: Rule) -> Rule:
    """Whom the rule, as it was, has put off in a job that is not over is due now: the next look decides by what holds now."""
    for job in tx.jobs(org_id).not_completed():
        tx.job_contacts.let_go(job.id, held=rule.said, now=tx.now, anywhere=True)
    return rule


def _checked(tx: Tx, org_id: OrgId, rule: Rule, campaigns: Sequence[str] | None) -> Rule:
    if not 1 <= rule.max_attempts <= MAX_ATTEMPTS:
        raise BadInput(f"{rule.max_attempts} attempts", where="attempts", mend=f"1 to {MAX_ATTEMPTS:,}")
    if not 1 <= rule.window_s <= MAX_WINDOW_S:
        raise BadInput(f"a window of {rule.window_s:g} s", where="window", mend="one second to 400 days")
    if rule.channel not in CHANNELS:
        raise BadInput(f"no channel {rule.channel!r}", where="channel", mend=f"{', '.join(Channel)}; none for all")
    for zone in (*rule.zones, *rule.except_zones):
        if zone_named(zone) is None:
            raise BadInput(f"no such time zone {zone!r}", where="zone", mend="for example Europe/Berlin")
    if both := set(rule.zones) & set(rule.except_zones):
        raise BadInput(f"a rule for {', '.join(sorted(both))} that does not hold there", where="zone", mend="one of the two")
    if rule.only_last and not rule.codes:
        raise BadInput("a rule about the last code names the code", where="codes")
    known = {code.value for code in SystemCode}
    codes = tuple(_code(tx, org_id, code) for code in rule.codes)
    end = rule.code if rule.code in known else _code(tx, org_id, rule.code)
    ids = rule.campaigns if campaigns is None else tuple(tx.campaigns(org_id).by_name(name).id for name in campaigns)
    if rule.then is Then.FINISH and not end:
        raise BadInput("a rule that finishes contacts needs a code", where="code")
    return replace(rule, codes=codes, code=end, campaigns=ids)


def _code(tx: Tx, org_id: OrgId, name: str) -> str:
    if name_key(name) in SYSTEM_NAME_KEYS:
        return next(code.value for code in SystemCode if name_key(code.value) == name_key(name))
    return tx.codes(org_id).by_name(name).name
