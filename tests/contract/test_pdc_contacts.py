"""What an app may read and write of contacts."""

from __future__ import annotations

import pytest

from pdc import BadValue, Phone, UnknownAttribute, UnknownContact
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


@pytest.mark.row(17)
async def test_what_the_dialer_keeps_of_a_contact_is_read_and_not_written(at: Bench) -> None:
    call = await at.opened()
    assert await call.pdc.get_attribute("total_attempts") == "0"
    assert await call.pdc.get_attribute("last_attempt_time", user_contact_id="f-1", list_name="Friends") == ""
    for refused in (
        call.pdc.set_attribute("total_attempts", "9"),
        call.pdc.save_contact("f-1", attributes={"last_completion_code": "Interested"}, list_name="Friends"),
    ):
        with pytest.raises(BadValue, match="kept by the dialer"):
            await refused


@pytest.mark.row(20)
async def test_without_an_id_the_contact_of_the_call_is_meant_and_with_one_another(at: Bench) -> None:
    call = await at.opened()
    assert (await call.pdc.contact()).user_contact_id == "c-1"
    friend = await call.pdc.contact("f-1", list_name="Friends")
    assert (friend.user_contact_id, friend.address, friend.language, friend.time_zone) == ("f-1", "", "tr", "Europe/Istanbul")
    assert friend.attributes == {"city": "Izmir"}
    await call.pdc.set_attribute("city", "Bursa", user_contact_id="f-1", list_name="Friends")
    assert await call.pdc.get_attribute("city", user_contact_id="f-1", list_name="Friends") == "Bursa"
    assert await call.pdc.get_attribute("first_name", user_contact_id="c-1") == "Zoë"  # the list of the one on the line
    for wrong, error in (
        (call.pdc.contact("f-1"), UnknownContact),
        (call.pdc.contact("f-2", list_name="Friends"), UnknownContact),
        (call.pdc.contact("f-1", list_name="Nobody's"), UnknownContact),
        (call.pdc.get_attribute("donor", user_contact_id="f-1", list_name="Friends"), UnknownAttribute),
        (call.pdc.set_attribute("city", "x", user_contact_id="f-2", list_name="Friends"), UnknownContact),
        (call.pdc.set_attribute("city", "x", list_name="Friends"), BadValue),  # whose?
        (call.pdc.phones("f-2", list_name="Friends"), UnknownContact),
        (call.pdc.set_phone("home", "+12125550177", user_contact_id="f-2", list_name="Friends"), UnknownContact),
    ):
        with pytest.raises(error):
            await wrong


@pytest.mark.row(20)
async def test_a_value_is_kept_in_the_form_of_its_type_or_refused(at: Bench) -> None:
    call = await at.opened()
    await call.pdc.set_attribute("age", " +044 ")
    assert await call.pdc.get_attribute("age") == "44"
    for wrong in (
        call.pdc.set_attribute("age", "old"),
        call.pdc.save_contact("friend", phones={"mobile": "+12125550177"}, attributes={"age": "old"}),
    ):
        with pytest.raises(BadValue):
            await wrong
    assert await call.pdc.get_attribute("age") == "44"
    with pytest.raises(UnknownContact):
        await call.pdc.contact("friend")


@pytest.mark.row(20)
async def test_a_number_is_read_checked_and_kept_with_its_zone(at: Bench) -> None:
    call = await at.opened()
    assert list(await call.pdc.phones()) == [Phone(name="mobile", number="+15550100", zones=("America/Denver",))]
    await call.pdc.set_phone("work", "(212) 555-0177", region="US", zone="America/New_York")
    await call.pdc.set_phone("home", "+12125550178")
    for wrong in (
        call.pdc.set_phone("home", "twelve"),
        call.pdc.set_phone("home", "212 555 0179"),  # of which country?
        call.pdc.set_phone("home", "+12128888888"),  # a reject pattern that is there from the beginning
        call.pdc.set_phone("home", "+12125550179", zone="Mars/Base"),
        call.pdc.set_phone("", "+12125550179"),
        call.pdc.save_contact("friend", phones={"mobile": "+12128888888"}),
    ):
        with pytest.raises(BadValue):
            await wrong
    assert {one.name: one.number for one in await call.pdc.phones()} == {
        "mobile": "+15550100", "work": "+12125550177", "home": "+12125550178",
    }  # fmt: skip
    zones = {one.name: tuple(one.zones) for one in await call.pdc.phones()}
    assert (zones["work"], zones["home"]) == (("America/New_York",), ("America/Denver",)), "its own zone, else its contact's"
    await call.pdc.set_phone("home", "+12128888888", check_patterns=False)
    await call.pdc.set_phone("work", "")
    await call.pdc.set_phone("work", "")
    assert [(one.name, one.number) for one in await call.pdc.phones()] == [("mobile", "+15550100"), ("home", "+12128888888")]
    await call.pdc.save_contact("friend", phones={"mobile": "2125550177"}, region="US", language="es")
    (number,) = await call.pdc.phones("friend")
    assert (number.number, tuple(number.zones)) == ("+12125550177", ("America/New_York",)), "told by the number"
    await call.pdc.save_contact("friend", time_zone="America/Chicago")
    assert (await call.pdc.contact("friend")).language == "es"
    assert [one.number for one in await call.pdc.phones("friend")] == ["+12125550177"]


@pytest.mark.row(20, 21)
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
