"""Define the outcomes that a campaign is run for: custom completion codes."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from dialer.domain.attempt import Attempt
from dialer.domain.codes import ACTION_SYSTEM_CODES, SYSTEM_NAME_KEYS, CustomCode, NextAction, SystemCode, name_key
from dialer.domain.ids import OrgId
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.names import checked_name, checked_text
from dialer.store.store import Store, Tx

DESCRIPTION_LIMIT = 400
LONGEST_DELAY_S = 365 * 24 * 3600


async def create_code(store: Store, org_id: OrgId, code: CustomCode) -> CustomCode:
    """Define a code. Raises BadInput (a system code's name among other things), Conflict when the name is in use."""
    checked = _checked(code)
    return await store.write(lambda tx: tx.codes(org_id).create(checked))


async def list_codes(store: Store, org_id: OrgId, *, active_only: bool = False) -> list[CustomCode]:
    """The organisation's own codes, by name."""
    return await store.read(lambda tx: tx.codes(org_id).all(active_only=active_only))


async def codes_with_owners(store: Store, org_id: OrgId | None) -> list[tuple[str, CustomCode]]:
    """The codes that a user sees, each with its organisation's name: that organisation's, or all for a global user (None)."""
    return await store.read(lambda tx: tx.codes(org_id).owned())


async def edit_code(store: Store, org_id: OrgId, name: str, /, **changes: Any) -> CustomCode:
    """Change properties of a code; `changes` are fields of CustomCode.

    A code that campaigns use keeps its name, by which their history, strategies and finish criteria know it. Raises NotFound,
    BadInput; Conflict, also for a system code.
    """

    def work(tx: Tx) -> CustomCode:
        codes, present = tx.codes(org_id), _own(tx, org_id, name)
        wanted = _checked(replace(present, **changes))
        users = codes.campaigns_with(name)
        if name_key(wanted.name) != name_key(present.name) and users:
            raise Conflict(
                f"the code {present.name!r} is used by {', '.join(users)}: make a new code and set this one passive instead"
            )
        return codes.edit(name, wanted)

    return await store.write(work)


async def passivate_code(store: Store, org_id: OrgId, name: str) -> CustomCode:
    """Let a code be chosen no more; what it already stands for in the history stays. Raises NotFound."""
    return await edit_code(store, org_id, name, active=False)


async def activate_code(store: Store, org_id: OrgId, name: str) -> CustomCode:
    """Let a passive code be chosen again. Raises NotFound."""
    return await edit_code(store, org_id, name, active=True)


async def delete_code(store: Store, org_id: OrgId, name: str) -> None:
    """Remove a code that was never used.

    Raises NotFound; Conflict for a system code, and for one that a campaign, a rule or the history refers to.
    """

    def work(tx: Tx) -> None:
        code = _own(tx, org_id, name)
        if users := _users(tx, org_id, code):
            mend = "set it passive instead" if code.active else "it is passive already, and that is enough"
            raise Conflict(f"the code {code.name!r} cannot be deleted: {'; '.join(users)} ({mend})")
        tx.codes(org_id).delete(code.name)

    await store.write(work)


def system_code_called(name: str) -> SystemCode | None:
    """The system code that a name means, without regard to case."""
    return next((code for code in SystemCode if name_key(code.value) == name_key(name)), None)


def _own(tx: Tx, org_id: OrgId, name: str) -> CustomCode:
    """A code that the organisation may change. Raises NotFound; Conflict for a system code."""
    if (system := system_code_called(name)) is not None:
        raise Conflict(f"{system.value!r} is a system code: it can be neither changed nor deleted")
    return tx.codes(org_id).by_name(name)


def _users(tx: Tx, org_id: OrgId, code: CustomCode) -> list[str]:
    """What would be left without a meaning if the code were gone, in words."""
    found = [f"the campaign {one!r} uses it" for one in tx.codes(org_id).campaigns_with(code.name)]
    key = name_key(code.name)
    found += [
        f"the rule {rule.name!r} names it"
        for rule in tx.rules(org_id).all()
        if key in {name_key(one) for one in (*rule.codes, rule.code)}
    ]
    return found + (["attempts ended with it"] if tx.codes(org_id).has_history(code.name) else [])


def settable_code(tx: Tx, attempt: Attempt, name: str, system: Collection[SystemCode] = ACTION_SYSTEM_CODES) -> str:
    """The code of that name, as it is written, if somebody other than the dialer may end this attempt with it.

    One of `system`, or an active custom code of the campaign. Raises NotFound for a name that means none; Conflict for a code
    that is not for this campaign, or for anybody else, to set.
    """
    return settable(tx, attempt, name, system)[0]


def settable(
    tx: Tx, attempt: Attempt, name: str, system: Collection[SystemCode] = ACTION_SYSTEM_CODES
) -> tuple[str, CustomCode | None]:
    """`settable_code`, with its definition when it is a custom one."""
    if (known := system_code_called(name)) is not None:
        if known not in system:
            raise Conflict(f"{known.value!r} is for the dialer itself to set")
        return known.value, None
    campaign_id = tx.jobs(None).as_started(attempt.job_id).campaign_id
    codes = tx.codes(attempt.org_id)
    associated = {name_key(one.name): one for one in codes.of_campaign(campaign_id)}
    custom = associated.get(name_key(name)) or codes.find(name)
    if custom is None:
        raise NotFound(f"no completion code {name!r}")
    if name_key(name) not in associated or not custom.active:
        raise Conflict(f"{custom.name!r} is passive, or not associated with this campaign")
    return custom.name, custom


def _checked(code: CustomCode) -> CustomCode:
    name = checked_name(code.name, "code")
    if name_key(name) in SYSTEM_NAME_KEYS:
        raise BadInput(
            f"{name!r} is the name of a system code",
            where="code",
            mend="choose another name; system codes are there without being defined",
        )
    if code.is_closure and code.next_action not in (NextAction.NONE, NextAction.STOP):
        raise BadInput(
            f"a code that closes the contact cannot go on with it ({code.next_action.value})",
            where="next action",
            mend="leave out the closure, or the action",
        )
    if not 1 <= code.schedule_after_s <= LONGEST_DELAY_S:
        raise BadInput(f"{code.schedule_after_s} s", where="schedule after", mend=f"1 to {LONGEST_DELAY_S} seconds")
    return replace(code, name=name, description=checked_text(code.description, "description", DESCRIPTION_LIMIT))
