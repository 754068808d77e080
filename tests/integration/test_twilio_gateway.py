"""Twilio by its own client over real sockets: every doubtful answer, every forged webhook, and the published form of it all."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from openapi_schema_validator import OAS30Validator

from dialer.channels.twilio_sms import TwilioSms
from dialer.channels.twilio_webhooks import SIGNATURE_HEADER
from dialer.domain.ids import new_attempt_id
from dialer.domain.message_state import MessageState, Refusal
from dialer.domain.wording import Wish
from dialer.errors import MaybeSent, NotSent
from dialer.lab.message_behaviours import MESSAGE_BEHAVIOURS, GatewayFault
from dialer.lab.twilio_wire import signature
from dialer.ports import CannotTell, Found, GatewayState, MessageUpdate, NoTrace
from tests.message_kit import CLOCK, OURS, SmsLine, twilio_line
from tests.patience import until

pytestmark = pytest.mark.integration


@pytest.fixture
async def line() -> AsyncIterator[SmsLine]:
    async with twilio_line() as line:
        yield line


def gateway(line: SmsLine) -> TwilioSms:
    assert isinstance(line.port, TwilioSms)
    return line.port


async def post(url: str, fields: dict[str, str], *, token: str | None = None, **headers: str) -> int:
    """A webhook as anybody could post it; signed when a token is given."""
    signed = {SIGNATURE_HEADER: signature(token, url, fields)} if token else {}
    async with aiohttp.ClientSession() as http, http.post(url, data=fields, headers={**signed, **headers}) as answer:
        return answer.status


# -- what an answer means for the message ------------------------------------------------------------------------------------


async def test_a_429_holds_the_whole_gateway_for_as_long_as_it_says(line: SmsLine) -> None:
    with pytest.raises(NotSent, match="429") as later:
        await line.send(line.order("60"))
    assert later.value.retry_after_s == 0.2
    assert line.port.room() == 0
    await until(line.port.room)


async def test_nobody_listening_is_not_sent_and_a_500_is_in_doubt(line: SmsLine) -> None:
    closed = TwilioSms(replace(gateway(line).config, api_url="http://127.0.0.1:9"), CLOCK)
    await closed.start()
    with pytest.raises(NotSent, match="no connection"):
        await closed.send(line.order("45"))
    assert isinstance(await closed.look_up(line.order("45"), since=line.since), CannotTell)
    await closed.stop()
    for ending, taken in (("61", 0), ("67", 1)):
        order = line.order(ending)
        with pytest.raises(MaybeSent, match="500"):
            await line.send(order)
        assert line.taken(order.attempt_id) == taken
        seen = await line.port.look_up(order, since=line.since)
        assert isinstance(seen, Found if taken else NoTrace)


async def test_a_refused_login_stops_the_gateway_and_blames_no_contact(line: SmsLine) -> None:
    wrong = TwilioSms(replace(gateway(line).config, auth_token="wrong"), CLOCK)
    await wrong.start()
    with pytest.raises(NotSent, match="20003"):
        await wrong.send(line.order("45"))
    assert (wrong.state(), wrong.room()) == (GatewayState.REFUSED, 0)
    await wrong.stop()


async def test_a_look_up_adopts_the_one_message_and_never_guesses_between_two(line: SmsLine) -> None:
    order = line.order("45", "Come tomorrow")
    line.plan(order.number, GatewayFault.RESET_AFTER)
    with pytest.raises(MaybeSent):
        await line.send(order)
    found = await line.port.look_up(order, since=line.since)
    assert isinstance(found, Found)
    (sid,) = found.provider_ids
    assert line.provider.truth.accepted(order.attempt_id)[0]["id"] == sid
    assert isinstance(await line.port.look_up(order, since=line.since, others={sid}), NoTrace)
    assert isinstance(await line.port.look_up(replace(order, text="Other"), since=line.since), NoTrace)
    assert isinstance(await line.port.look_up(replace(order, sender="12345"), since=line.since), NoTrace)
    assert isinstance(await line.port.look_up(order, since=datetime.now(UTC) + timedelta(hours=1)), NoTrace)
    line.plan(order.number, GatewayFault.NONE)
    second = await line.send(replace(order, attempt_id=new_attempt_id()))
    assert isinstance(await line.port.look_up(order, since=line.since), CannotTell)
    again = await line.port.look_up(order, since=line.since, others=second.provider_ids)
    assert isinstance(again, Found)
    assert again.provider_ids == (sid,)


async def test_a_look_up_reads_more_than_one_page(line: SmsLine) -> None:
    order = line.order("45", "The first one")
    line.plan(order.number, GatewayFault.RESET_AFTER)
    with pytest.raises(MaybeSent):
        await line.send(order)
    await asyncio.gather(*(line.provider.receive(OURS, order.number, "noise") for _ in range(3)))
    for _ in range(120):
        line.provider._take({"To": order.number, "From": OURS, "Body": "noise"}, MESSAGE_BEHAVIOURS[-1], "")
    assert isinstance(await line.port.look_up(order, since=line.since), Found)


async def test_no_more_than_the_limit_is_on_its_way_at_once() -> None:
    async with twilio_line(max_in_flight=2, answer_timeout_s=5.0) as line:
        sending = [asyncio.create_task(line.send(line.order("64"))) for _ in range(2)]
        await until(lambda: line.port.room() == 0)
        with pytest.raises(NotSent):
            await line.send(line.order("45"))
        await line.port.stop()  # waits for what is on the wire, up to its limit
        await asyncio.gather(*sending, return_exceptions=True)


def test_twilio_is_not_loaded_before_it_is_used() -> None:
    code = "import sys, dialer.channels.twilio_sms, dialer.web.hooks; print('twilio' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


# -- webhooks ------------------------------------------------------------------------------------------------------------------


async def test_only_what_twilio_signed_for_this_address_changes_anything(line: SmsLine) -> None:
    config = gateway(line).config
    attempt = new_attempt_id()
    url = config.status_url(attempt).partition("#")[0]
    fields = {"MessageSid": "SM1", "MessageStatus": "delivered", "To": OURS}
    token = config.auth_token
    right = signature(token, url, fields)
    forged = [
        await post(url, fields),
        await post(url, fields, token="another"),
        await post(url, fields, **{SIGNATURE_HEADER: right[:9] + ("B" if right[9] == "A" else "A") + right[10:]}),
        await post(url, {**fields, "MessageStatus": "failed"}, **{SIGNATURE_HEADER: right}),
        await post(url, {**fields, "Extra": "1"}, **{SIGNATURE_HEADER: right}),
        await post(url, {"MessageSid": "SM1", "MessageStatus": "delivered"}, **{SIGNATURE_HEADER: right}),
        await post(url.replace(attempt, new_attempt_id()), fields, **{SIGNATURE_HEADER: right}),
        await post(url + "&x=1", fields, **{SIGNATURE_HEADER: right}),
        await post(url, fields, **{SIGNATURE_HEADER: signature(token, url.replace("http:", "https:"), fields)}),
        await post(url, fields, **{SIGNATURE_HEADER: right.encode().hex()}),
        await post(url, fields, **{SIGNATURE_HEADER: signature(token, url.replace("127.0.0.1", "evil.example"), fields)}),
    ]
    assert forged == [403] * len(forged)
    assert line.desk.heard == []
    assert await post(url, fields, **{SIGNATURE_HEADER: right}, Host="evil.example") == 204  # what Host says is nothing to us
    (update,) = line.desk.updates()
    assert (update.attempt_id, update.provider_id, update.state) == (attempt, "SM1", MessageState.DELIVERED)


async def test_a_replayed_webhook_is_the_same_news_again(line: SmsLine) -> None:
    config = gateway(line).config
    url = config.status_url(new_attempt_id()).partition("#")[0]
    fields = {"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30005"}
    for _ in range(2):
        assert await post(url, fields, token=config.auth_token) == 204
    first, second = line.desk.updates()
    assert replace(first, at=second.at) == second
    assert (first.refusal, first.code) == (Refusal.ADDRESS, "30005")


async def test_repeated_fields_and_strange_characters_are_covered_by_the_signature(line: SmsLine) -> None:
    config = gateway(line).config
    url = config.public(config.inbound_path)
    text = "Ja, gern & bitte=1 😀\nBis dann"
    form = [("MessageSid", "SM9"), ("From", "+15550001"), ("To", OURS), ("Body", text), ("M", "2"), ("M", "1")]
    signed = url + "".join(f"{name}{value}" for name, value in sorted(form))
    right = base64.b64encode(hmac.digest(config.auth_token.encode(), signed.encode(), hashlib.sha1)).decode()
    async with aiohttp.ClientSession() as http:
        for fields, status in ((form, 200), (form[:-1], 403)):
            async with http.post(url, data=aiohttp.FormData(fields), headers={SIGNATURE_HEADER: right}) as answer:
                assert answer.status == status
    (received,) = line.desk.received()
    assert received.text == text


async def test_a_signed_webhook_that_makes_no_sense_is_refused_and_unknown_gateways_are_not_found(line: SmsLine) -> None:
    config = gateway(line).config
    url = config.public(config.status_path)
    assert await post(url, {"MessageStatus": "delivered"}, token=config.auth_token) == 400
    assert await post(url, {"MessageSid": "SM1", "MessageStatus": "dancing"}, token=config.auth_token) == 400
    assert await post(config.public(config.inbound_path), {"Body": "x"}, token=config.auth_token) == 400
    assert await post(config.public("/hooks/twilio/other/status"), {}, token=config.auth_token) == 404
    assert await post(config.public("/hooks/twilio/twilio/else"), {}, token=config.auth_token) == 404
    assert line.desk.heard == []


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/x-www-form-urlencoded; charset=x-unknown", b"MessageSid=SM1"),
        ("application/x-www-form-urlencoded", b"MessageSid=\xff\xfe"),
        ("application/json", b"{}"),
        ("multipart/form-data; boundary=b", b"--b\r\nno header\r\n\r\nx\r\n--b--"),
    ],
)
async def test_a_webhook_that_is_no_form_is_refused_in_order(line: SmsLine, kind: str, body: bytes) -> None:
    config = gateway(line).config
    async with aiohttp.ClientSession() as http:
        headers = {SIGNATURE_HEADER: "x", "Content-Type": kind}
        async with http.post(config.public(config.inbound_path), data=body, headers=headers) as answer:
            assert answer.status == 400
    assert line.desk.heard == []


async def test_twilios_own_keywords_and_what_came_with_a_message_are_told(line: SmsLine) -> None:
    config = gateway(line).config
    fields = {"MessageSid": "SM1", "From": "+15550001", "To": OURS, "Body": "basta", "OptOutType": "STOP", "NumMedia": "2"}
    assert await post(config.public(config.inbound_path), fields, token=config.auth_token) == 200
    (received,) = line.desk.received()
    assert (received.asks, received.attached) == (Wish.STOP, 2)


async def test_the_old_token_is_believed_while_it_is_being_changed() -> None:
    async with twilio_line(old_auth_token="the old one") as line:
        config = gateway(line).config
        url = config.public(config.status_path)
        fields = {"MessageSid": "SM1", "MessageStatus": "sent"}
        assert [await post(url, fields, token=token) for token in ("the old one", config.auth_token, "older")] == [204, 204, 403]
        assert [one.attempt_id for one in line.desk.heard if isinstance(one, MessageUpdate)] == [None, None]


# -- the published form --------------------------------------------------------------------------------------------------------


def openapi() -> dict[str, Any]:
    """Twilio's own document, from OUTDIAL_TWILIO_OPENAPI or the folder shared/data beside the project's."""
    named = os.environ.get("OUTDIAL_TWILIO_OPENAPI")
    path = Path(named) if named else Path(__file__).parents[3] / "shared" / "data" / "twilio_messages_openapi.json"
    if not path.is_file():
        pytest.skip(f"Twilio's OpenAPI document is not here: {path} (OUTDIAL_TWILIO_OPENAPI says where it is)")
    document: dict[str, Any] = json.loads(path.read_text())
    return document


def complaints(document: dict[str, Any], schema: dict[str, Any], value: object, *, closed: bool) -> list[str]:
    """What the document has against a value; `closed` also allows no field that it does not name."""
    whole = {**schema, "components": document["components"], **({"additionalProperties": False} if closed else {})}
    return [error.message for error in OAS30Validator(whole).iter_errors(value)]


async def test_what_we_ask_and_what_the_laboratorys_twilio_answers_are_as_published(line: SmsLine) -> None:
    document = openapi()
    messages = document["paths"]["/2010-04-01/Accounts/{AccountSid}/Messages.json"]
    asked = messages["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"]
    message = document["components"]["schemas"]["api.v2010.account.message"]
    listed = messages["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    for order in (line.order("45"), line.order("46", "x" * 200, valid_for_s=3600), line.order("41", sender="MG" + "0" * 32)):
        await line.send(order)
        await line.ends(order)
    for form in line.provider.requests:
        numbers = {name for name in form if asked["properties"][name].get("type") == "integer"}
        typed = {name: int(value) if name in numbers else value for name, value in form.items()}
        assert complaints(document, asked, typed, closed=True) == []
    auth = aiohttp.encode_basic_auth(line.provider.account_sid, line.provider.auth_token)
    base = f"{line.provider.url}/2010-04-01/Accounts/{line.provider.account_sid}/Messages"
    async with aiohttp.ClientSession(headers={"Authorization": auth}) as http:
        async with http.get(base + ".json", params={"PageSize": "2"}) as answer:
            page = await answer.json()
        assert complaints(document, listed, page, closed=True) == []
        assert len(page["messages"]) == 2
        assert page["next_page_uri"]
        async with http.get(f"{base}/{page['messages'][0]['sid']}.json") as answer:
            assert complaints(document, message, await answer.json(), closed=True) == []
        async with http.post(base + ".json", data={"To": "+15550100048", "From": OURS, "Body": "x"}) as answer:
            assert (answer.status, (await answer.json())["code"]) == (400, 21211)
