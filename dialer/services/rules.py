"""Keep the rules across campaigns, and ask them before every call."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from dialer.domain.codes import SYSTEM_NAME_KEYS, SystemCode, name_key
from dialer.domain.contact import Address
from dialer.domain.ids import CampaignId, ContactId, OrgId
from dialer.domain.rules import Held, Kind, Per, Rule, Then, holds, in_force
from dialer.errors import BadInput
from dialer.services.names import checked_name
from dialer.store.store import Store, Tx

MAX_WINDOW_S = 400 * 86400.0
MAX_ATTEMPTS = 10_000
CHANNELS = ("", "voice", "sms", "email")


async def create_rule(store: Store, org_id: OrgId, rule: Rule, *, campaigns: Sequence[str] = ()) -> Rule:
    """A new rule; running jobs obey it with their next call. Raises BadInput, NotFound, Conflict."""
    tidy = replace(rule, name=checked_name(rule.name, "rule"), system=False)
    return await store.write(lambda tx: tx.rules(org_id).create(_checked(tx, org_id, tidy, campaigns)))


async def edit_rule(store: Store, org_id: OrgId, rule: Rule, *, campaigns: Sequence[str] | None = None) -> Rule:
    """Replace the rule of that name (which cannot be changed); running jobs obey with their next call.

    `campaigns` None leaves them as they are in `rule`. Raises BadInput, NotFound.
    """

    def work(tx: Tx) -> Rule:
        before = tx.rules(org_id).by_name(rule.name)
        after = replace(rule, name=before.name, system=before.system)
        return tx.rules(org_id).edit(_checked(tx, org_id, after, campaigns))

    return await store.write(work)


async def switch_rule(store: Store, org_id: OrgId, name: str, *, active: bool) -> Rule:
    """Turn a rule on or off. Raises NotFound."""
    return await store.write(lambda tx: tx.rules(org_id).edit(replace(tx.rules(org_id).by_name(name), active=active)))


async def delete_rule(store: Store, org_id: OrgId, name: str) -> None:
    """Remove a rule. Raises NotFound; Conflict for one that comes with the system."""
    await store.write(lambda tx: tx.rules(org_id).delete(name))


async def list_rules(store: Store, org_id: OrgId) -> list[Rule]:
    """Every rule, in the order in which they are asked."""
    return await store.read(lambda tx: tx.rules(org_id).all())


def rules_against(
    tx: Tx,
    org_id: OrgId,
    campaign_id: CampaignId,
    owned: Mapping[ContactId, Sequence[Address]],
    now: datetime,
    *,
    called_back: Collection[ContactId] = (),
) -> dict[ContactId, dict[str, Held]]:
    """Which of the contacts' numbers a rule forbids at this moment; asked in the transaction that writes the intents.

    The rules are read here and now (one small statement), so that an edit binds the very next call. Attempts are looked for
    only as far back, and only by those keys, as the rules in force ask.
    """
    rules = tx.rules(org_id).all()
    plain = in_force(rules, campaign_id)
    promised = in_force(rules, campaign_id, Kind.CALLBACK)
    asked = [*plain, *promised]
    if not asked or not owned:
        return {}
    past = tx.rules(org_id).past(
        {contact_id: [one.value for one in addresses] for contact_id, addresses in owned.items()},
        since=now - max(rule.window for rule in asked),
        by_person=any(rule.per is Per.PERSON for rule in asked),
        by_address=any(rule.per is Per.ADDRESS for rule in asked),
    )
    return {
        contact_id: holds(
            promised if contact_id in called_back else plain,
            [one.value for one in owned[contact_id]],
            history,
            now,
        )
        for contact_id, history in past.items()
    }


def _checked(tx: Tx, org_id: OrgId, rule: Rule, campaigns: Sequence[str] | None) -> Rule:
    if not 1 <= rule.max_attempts <= MAX_ATTEMPTS:
        raise BadInput(f"{rule.max_attempts} attempts", where="attempts", mend=f"1 to {MAX_ATTEMPTS:,}")
    if not 1 <= rule.window_s <= MAX_WINDOW_S:
        raise BadInput(f"a window of {rule.window_s:g} s", where="window", mend="one second to 400 days")
    if rule.channel not in CHANNELS:
        raise BadInput(f"no channel {rule.channel!r}", where="channel", mend="voice, sms or email; none for all")
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
