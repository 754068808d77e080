"""What an app may read and write of contacts."""

from __future__ import annotations

import pytest

from pdc import BadValue, UnknownAttribute, UnknownContact
from tests.pdc_bench import Bench

pytestmark = pytest.mark.contract


@pytest.mark.row(19, 27)
async def test_an_attribute_that_was_written_is_read_back(at: Bench) -> None:
    call = await at.opened()
    await call.pdc.set_attribute("donor", "sí, mañana \N{DROP OF BLOOD}")
    assert await call.pdc.get_attribute("donor") == "sí, mañana \N{DROP OF BLOOD}"
    assert (await call.pdc.contact()).attributes["donor"] == "sí, mañana \N{DROP OF BLOOD}"


async def test_an_unknown_attribute_is_an_error_and_changes_nothing(at: Bench) -> None:
    call = await at.opened()
    with pytest.raises(UnknownAttribute):
        await call.pdc.get_attribute("shoe_size")
    with pytest.raises(UnknownAttribute):
        await call.pdc.set_attribute("shoe_size", "43")
    assert "shoe_size" not in (await call.pdc.contact()).attributes


@pytest.mark.row(21)
async def test_a_friend_is_saved_put_into_the_job_and_deleted(at: Bench) -> None:
    call = await at.opened()
    with pytest.raises(UnknownContact):
        await call.pdc.add_to_job("friend")
    await call.pdc.save_contact("friend", phones={"mobile": "+12125550177"}, attributes={"first_name": "Ayşe"})
    await call.pdc.add_to_job("friend")
    await call.pdc.add_to_job("friend")
    await call.pdc.delete_contact("friend")
    await call.pdc.delete_contact("friend")
    with pytest.raises(UnknownContact):
        await call.pdc.add_to_job("friend")
    with pytest.raises(BadValue):
        await call.pdc.save_contact("friend", phones={"mobile": "twelve"})
    with pytest.raises(UnknownAttribute):
        await call.pdc.save_contact("friend", phones={}, attributes={"shoe_size": "43"})
    with pytest.raises(UnknownContact):
        await call.pdc.save_contact("friend", phones={}, list_name="Nobody's")
    with pytest.raises(BadValue):
        await call.pdc.delete_contact("c-1")
