"""Completion codes have one name each, whatever the capitals, and never that of a system code."""

from __future__ import annotations

import pytest

from dialer.domain.codes import CustomCode, SystemCode
from dialer.domain.ids import OrgId
from dialer.errors import BadInput, Conflict, NotFound
from dialer.services.codes import activate_code, create_code, edit_code, list_codes, passivate_code
from dialer.services.organisations import create_organisation, find_organisation, list_organisations
from dialer.store.store import Store
from tests.campaign_texts import ready_campaign

pytestmark = pytest.mark.integration


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


async def test_the_default_organisation_is_made_when_it_is_first_asked_for(store: Store) -> None:
    first = await find_organisation(store)
    assert await find_organisation(store) == first
    assert await list_organisations(store) == {"default": first}
    with pytest.raises(NotFound):
        await find_organisation(store, "nobody")
