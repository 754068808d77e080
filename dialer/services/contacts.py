"""Look after contacts: exclude them for a while, delete them, put them into running jobs, say what their attributes hold."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import datetime

from dialer.domain.attributes import AttributeDefinition, AttributeType
from dialer.domain.campaign import JobState
from dialer.domain.contact import Contact
from dialer.domain.history import HISTORY_ATTRIBUTES
from dialer.domain.ids import JobId, OrgId
from dialer.domain.phone_checks import BadPattern, PhoneChecks, PhoneFormat, RejectPattern, compiled
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.dnc import dnc_ends_at
from dialer.services.import_rows import MAX_NAME, column_name
from dialer.services.names import checked_text
from dialer.store.store import Store, Tx


async def define_attribute(
    store: Store, org_id: OrgId, name: str, *, kind: AttributeType | None = None, masked: bool | None = None
) -> AttributeDefinition:
    """Say what an attribute holds; values that are written from now on are checked. What is None stays as it is.

    Raises BadInput.
    """
    tidy = column_name(name)
    if not tidy or len(tidy) > MAX_NAME:
        raise BadInput(f"{name!r} cannot be an attribute's name", where="name", mend=f"letters and digits, at most {MAX_NAME}")
    if tidy in HISTORY_ATTRIBUTES:
        raise BadInput(f"{tidy} is kept by the dialer itself", where="name", mend="another name")

    def work(tx: Tx) -> AttributeDefinition:
        rules = tx.contact_rules(org_id)
        before = rules.definitions().get(tidy) or AttributeDefinition(name=tidy)
        after = replace(before, type=kind or before.type, masked=before.masked if masked is None else masked)
        rules.define(after)
        return after

    return await store.write(work)


async def exclude_contact(
    store: Store,
    org_id: OrgId,
    list_name: str,
    user_contact_id: str,
    *,
    days: int | None = None,
    until: datetime | None = None,
    zone: str = "",
    reason: str = "",
    now: datetime,
) -> datetime:
    """Call a contact in no campaign for so many days (to local midnight), or until a moment; returns when it ends.

    Raises BadInput, NotFound.
    """
    ends_at = dnc_ends_at(days=days, until=until, zone=zone, now=now)
    if ends_at is None:
        raise BadInput("an exclusion needs an end", where="days", mend="--days or --until; for good there is the DNC list")
    why = checked_text(reason, "reason", 200)

    def work(tx: Tx) -> None:
        tx.contact_rules(org_id).exclude([contact_named(tx, org_id, list_name, user_contact_id).id], until=ends_at, reason=why)

    await store.write(work)
    return ends_at


async def include_contact(store: Store, org_id: OrgId, list_name: str, user_contact_id: str) -> bool:
    """End an exclusion early. False when there was none. Raises NotFound."""

    def work(tx: Tx) -> bool:
        return tx.contact_rules(org_id).include([contact_named(tx, org_id, list_name, user_contact_id).id]) > 0

    return await store.write(work)


async def delete_contact(store: Store, org_id: OrgId, list_name: str, user_contact_id: str) -> None:
    """Delete a contact, also from running jobs: it is not dialled afterwards; what was dialled stays on record.

    Raises NotFound.
    """

    def work(tx: Tx) -> int:
        return tx.contact_rules(org_id).remove([contact_named(tx, org_id, list_name, user_contact_id).id])

    await store.write(work)


async def add_to_job(store: Store, org_id: OrgId, campaign: str, list_name: str, user_contact_id: str) -> bool:
    """Give a contact a place in the campaign's running job, due at once. False when the job has it, or will come to it.

    Raises NotFound; Conflict when the campaign is not running.
    """

    def work(tx: Tx) -> bool:
        runs = tx.jobs(org_id).by_campaign(tx.campaigns(org_id).by_name(campaign).id)
        job = next((one for one in runs if one.state not in (JobState.COMPLETED, JobState.STOPPING)), None)
        if job is None:
            raise Conflict(f"the campaign {campaign!r} is not running")
        return tx.contact_rules(org_id).add_to_job(JobId(job.id), contact_named(tx, org_id, list_name, user_contact_id).id)

    return await store.write(work)


async def change_phone_checks(
    store: Store,
    org_id: OrgId,
    *,
    add_pattern: RejectPattern | None = None,
    drop_pattern: RejectPattern | None = None,
    add_format: PhoneFormat | None = None,
) -> PhoneChecks:
    """Change the reject patterns and formats against which imports check numbers. Raises BadInput, NotFound."""
    if add_pattern is not None:
        try:
            compiled(add_pattern.pattern)
        except BadPattern as exc:
            raise BadInput(str(exc), where="pattern") from exc
    if add_format is not None and not re.fullmatch(r"[1-9]\d{0,2}", add_format.calling_code, re.ASCII):
        raise BadInput("a format belongs to a country", where="country", mend="its calling code, such as 90")
    if add_format is not None and not re.fullmatch(r"\d{0,15}", add_format.prefix, re.ASCII):
        raise BadInput(f"{add_format.prefix!r} cannot be dialled", where="prefix", mend="digits")
    if add_format is not None and not 1 <= add_format.min_length <= add_format.max_length <= 99:
        raise BadInput("the lengths make no sense", where="format", mend="1 to 99, the smaller one first")

    def work(tx: Tx) -> PhoneChecks:
        before = tx.contact_rules(org_id).phone_checks()
        if drop_pattern is not None and drop_pattern not in before.patterns:
            raise NotFound(f"no pattern {drop_pattern.pattern!r}")
        patterns = tuple(one for one in before.patterns if one not in (drop_pattern, add_pattern))
        formats = before.formats
        if add_format is not None:
            formats = (*(one for one in formats if one.calling_code != add_format.calling_code), add_format)
        after = replace(before, patterns=(*patterns, add_pattern) if add_pattern else patterns, formats=formats)
        tx.contact_rules(org_id).set_phone_checks(after)
        return after

    return await store.write(work)


def contact_named(tx: Tx, org_id: OrgId, list_name: str, user_contact_id: str) -> Contact:
    """The contact to which the user gave this id. Raises NotFound."""
    found = tx.contacts(org_id).find(tx.contact_lists(org_id).by_name(list_name).id, user_contact_id)
    if found is None:
        raise NotFound(f"no contact {user_contact_id!r} on the list {list_name!r}")
    return found
