"""What an app may ask of contact lists, and that it may empty them."""

from __future__ import annotations

import pytest

from pdc import Attribute, ListStatus, UnknownContact
from tests.pdc_bench import Bench

pytestmark = pytest.mark.contract


async def test_a_list_tells_its_attributes_with_their_types(at: Bench) -> None:
    call = await at.opened()
    assert list(await call.pdc.attributes()) == [
        Attribute(name="donor"),
        Attribute(name="first_name"),
        Attribute(name="age", type="integer"),
    ]
    assert list(await call.pdc.attributes("Friends")) == [Attribute(name="city")]
    with pytest.raises(UnknownContact):
        await call.pdc.attributes("Nobody's")


async def test_a_list_is_emptied_but_for_those_on_a_call_and_those_who_are_written_later(at: Bench) -> None:
    call = await at.opened()
    await call.pdc.save_contact("f-2", phones={"mobile": "+12125550177"}, list_name="Friends")
    assert await call.pdc.list_status("Friends") == ListStatus(name="Friends", total=2)
    await call.pdc.empty_list("Friends")
    await call.pdc.empty_list("Friends")
    await call.pdc.save_contact("f-3", phones={"mobile": "+12125550178"}, list_name="Friends")
    await call.place.settle()
    assert (await call.pdc.list_status("Friends")).total == 1
    assert (await call.pdc.contact("f-3", list_name="Friends")).user_contact_id == "f-3"
    with pytest.raises(UnknownContact):
        await call.pdc.contact("f-1", list_name="Friends")

    await call.pdc.save_contact("c-2", phones={"mobile": "+12125550179"})
    await call.pdc.empty_list("people")
    await call.place.settle()
    assert await call.pdc.list_status() == ListStatus(name="people", total=1, emptying=True)
    assert await call.pdc.get_attribute("first_name") == "Zoë"
    for wrong in (call.pdc.empty_list("Nobody's"), call.pdc.list_status("Nobody's")):
        with pytest.raises(UnknownContact):
            await wrong
