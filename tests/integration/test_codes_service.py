"""Completion codes have one name each, whatever the capitals, and never that of a system code."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from dialer.domain.codes import BlockScope, CustomCode, NextAction, SystemCode
from dialer.domain.ids import OrgId
from dialer.domain.rules import Rule
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.codes import (
    activate_code,
    codes_with_owners,
    create_code,
    delete_code,
    edit_code,
    list_codes,
    passivate_code,
)
from dialer.services.organisations import create_organisation, list_organisations, organisation_named
from dialer.services.rules import create_rule
from dialer.store.store import Store
from tests.campaign_texts import ready_campaign
from tests.launch_kit import Launch

pytestmark = pytest.mark.integration

NOW = datetime(2026, 5, 11, 12, tzinfo=UTC)


@pytest.mark.row(4)
async def test_code1_and_CODE1_are_one_name(store: Store, org_id: OrgId) -> None:
    await create_code(store, org_id, CustomCode(name="CODE1"))
    for same in ("code1", "  Code1 ", "cOdE1"):
        with pytest.raises(Conflict, match="already"):
            await create_code(store, org_id, CustomCode(name=same))
    assert [code.name for code in await list_codes(store, org_id)] == ["CODE1"]


@pytest.mark.row(4)
async def test_two_organisations_may_use_one_name(store: Store, org_id: OrgId) -> None:
    other = await create_organisation(store, "Red Crescent")
    await create_code(store, org_id, CustomCode(name="Interested"))
    await create_code(store, other, CustomCode(name="interested"))
    assert [code.name for code in await list_codes(store, other)] == ["interested"]


@pytest.mark.row(3)
async def test_a_system_codes_name_is_refused_with_the_mend(store: Store, org_id: OrgId) -> None:
    await create_code(store, org_id, CustomCode(name="Mine"))
    for name in ("attempt in progress", "CALL  BUSY", " fax MACHINE", *SystemCode):
        with pytest.raises(BadInput, match=r"system code.*choose another name"):
            await create_code(store, org_id, CustomCode(name=name))
        with pytest.raises(BadInput, match="system code"):
            await edit_code(store, org_id, "Mine", name=name)
    assert [code.name for code in await list_codes(store, org_id)] == ["Mine"]


async def test_a_name_that_cannot_be_shown_or_kept_is_refused(store: Store, org_id: OrgId) -> None:
    for name in ("", "  \t ", "x" * 81, "two\u200bwords", "bell\a", "ß" * 41):
        with pytest.raises(BadInput):
            await create_code(store, org_id, CustomCode(name=name))
    assert await list_codes(store, org_id) == []


async def test_editing_changes_what_is_given_and_leaves_the_rest(store: Store, org_id: OrgId) -> None:
    await create_code(store, org_id, CustomCode(name="Promised", description="d", is_success=True))
    changed = await edit_code(store, org_id, "PROMISED", name="Promised to come", is_rpc=True)
    assert changed == CustomCode(name="Promised to come", description="d", is_success=True, is_rpc=True)
    with pytest.raises(NotFound):
        await edit_code(store, org_id, "promised", is_rpc=False)


async def test_a_code_in_use_keeps_its_name(store: Store, org_id: OrgId) -> None:
    await ready_campaign(store, org_id)
    with pytest.raises(Conflict, match=r"used by Blood.*passive"):
        await edit_code(store, org_id, "Interested", name="Keen")
    assert (await edit_code(store, org_id, "Interested", name="INTERESTED")).name == "INTERESTED"


@pytest.mark.row(138)
async def test_a_passive_code_stays_in_the_history_and_can_come_back(store: Store, org_id: OrgId) -> None:
    await create_code(store, org_id, CustomCode(name="Old"))
    assert not (await passivate_code(store, org_id, "old")).active
    assert await list_codes(store, org_id, active_only=True) == []
    assert len(await list_codes(store, org_id)) == 1
    assert (await activate_code(store, org_id, "OLD")).active


EVERYTHING = CustomCode(
    name="Wrong person",
    description="somebody else lives there",
    is_rpc=True,
    is_success=True,
    is_closure=False,
    is_answer_machine=True,
    add_to_dnc=True,
    next_action=NextAction.BLOCK_NUMBER,
    schedule_after_s=60,
    block_scope=BlockScope.COMMON,
    active=False,
)


@pytest.mark.row(2)
async def test_a_code_is_made_with_every_property_edited_and_deleted(store: Store, org_id: OrgId) -> None:
    await create_code(store, org_id, EVERYTHING)
    assert await list_codes(store, org_id) == [EVERYTHING]
    plain = CustomCode(name="Moved")
    fields = {name: getattr(plain, name) for name in CustomCode.__dataclass_fields__}
    assert await edit_code(store, org_id, "wrong PERSON", **fields) == plain
    assert await edit_code(store, org_id, "moved", **(fields | {"is_closure": True, "active": False})) != plain
    await delete_code(store, org_id, " MOVED ")
    assert await list_codes(store, org_id) == []
    with pytest.raises(NotFound):
        await delete_code(store, org_id, "Moved")


@pytest.mark.row(2)
async def test_a_code_in_use_is_not_deleted_but_can_be_set_passive(store: Store, org_id: OrgId) -> None:
    launch = await Launch.ready(store, org_id, count=1)
    with pytest.raises(Conflict, match=r"'Blood' uses it.*passive"):
        await delete_code(store, org_id, "Interested")
    await store.write(lambda tx: tx.codes(org_id).associate(launch.job.campaign_id, []))
    (attempt,) = (await launch.run(NOW)).to_place
    await store.write(lambda tx: tx.attempts.set_app_code(attempt.id, "Interested", NOW))
    with pytest.raises(Conflict, match="attempts ended with it"):  # the call is up, and will
        await delete_code(store, org_id, "Interested")
    await launch.end(attempt.id, "Answer Human", NOW)
    with pytest.raises(Conflict, match="attempts ended with it"):
        await delete_code(store, org_id, "Interested")
    assert not (await passivate_code(store, org_id, "Interested")).active
    await create_code(store, org_id, CustomCode(name="Too often"))
    await create_rule(store, org_id, Rule(name="once", max_attempts=1, window_s=60, codes=("too OFTEN",)))
    with pytest.raises(Conflict, match="rule 'once' names it"):
        await delete_code(store, org_id, "Too often")


@pytest.mark.row(1)
async def test_no_system_code_can_be_changed_or_deleted(store: Store, org_id: OrgId) -> None:
    for code in SystemCode:
        with pytest.raises(Conflict, match="system code"):
            await edit_code(store, org_id, code.value.upper(), description="mine")
        with pytest.raises(Conflict, match="system code"):
            await delete_code(store, org_id, f" {code.value} ")
        with pytest.raises(Conflict, match="system code"):
            await passivate_code(store, org_id, code.value)


@pytest.mark.row(5)
async def test_an_organisation_sees_and_touches_its_own_codes_and_a_global_user_sees_all(store: Store, org_id: OrgId) -> None:
    other = await create_organisation(store, "Red Crescent")
    await create_code(store, org_id, CustomCode(name="Mine"))
    await create_code(store, other, CustomCode(name="Theirs"))
    assert [code.name for code in await list_codes(store, org_id)] == ["Mine"]
    assert [(owner, code.name) for owner, code in await codes_with_owners(store, other)] == [("Red Crescent", "Theirs")]
    seen = [(owner, code.name) for owner, code in await codes_with_owners(store, None)]
    assert seen == [("default", "Mine"), ("Red Crescent", "Theirs")]
    for touch in (edit_code(store, org_id, "Theirs", description="x"), delete_code(store, org_id, "Theirs")):
        with pytest.raises(NotFound):
            await touch
    assert store.read_now(lambda tx: tx.codes(org_id).find("Theirs")) is None
    assert [code.description for code in await list_codes(store, other)] == [""]


async def test_the_default_organisation_is_made_when_it_is_first_asked_for(store: Store) -> None:
    first = organisation_named(store)
    assert organisation_named(store) == first
    assert await list_organisations(store) == {"default": first}
    with pytest.raises(NotFound):
        organisation_named(store, "nobody")
