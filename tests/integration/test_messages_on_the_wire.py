"""The whole way of a message: settings, engine, real sockets to the laboratory's gateways and back; each attempt ends once."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from twilio.request_validator import RequestValidator

from dialer.app_messages import MessageParts, make_messages
from dialer.domain.attempt import Attempt
from dialer.domain.campaign import Job
from dialer.domain.ids import OrgId
from dialer.domain.mail_token import TokenUse, signed
from dialer.domain.message_state import MessageState
from dialer.domain.sms_text import Alphabet, alphabet_of, size_of
from dialer.lab.fake_mail import FakeMail
from dialer.lab.fake_smsc import BARRED, FakeSmsc
from dialer.lab.fake_twilio import FakeTwilio
from dialer.lab.truth_log import TruthLog
from dialer.settings import Settings, load_settings
from dialer.store.store import Store
from dialer.testing.voice import FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.message_world import EMAIL, OURS, SMS, made, message_of, person, start_writing

pytestmark = [pytest.mark.integration, ON_SQLITE]

FACTOR = 20
ACCOUNT = "AC" + "0f" * 16
SECRET = "s" * 32


def bound() -> socket.socket:
    """A socket on a port that nobody else has: its address stands in the settings before anything listens."""
    sock = socket.socket()
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", 0))
    return sock


def said(folder: Path, text: str) -> Settings:
    """Settings of this text."""
    path = folder / "dialer.toml"
    path.write_text(text, encoding="utf-8")
    return load_settings(path, environ={})


@dataclass
class Line:
    """A dialer whose messages go to one gateway of the laboratory."""

    store: Store
    clock: FastClock
    parts: MessageParts
    truth: TruthLog
    provider: Any
    url: str = ""

    async def run(self, job: Job, within_s: float = 30.0) -> dict[str, Attempt]:
        """Let the job come to its end; each contact's last attempt by the ending of its address."""
        engine_parts: dict[str, Any] = {"channels": self.parts.channels, "messages": self.parts.book}
        async with running(self.store, FakeVoice(self.clock), clock=self.clock, **engine_parts):
            await until(completed(self.store, job.id), within_s)
        return {one.address.partition("@")[0][-2:]: one for one in made(self.store, job)}

    def taken(self, attempt: Attempt) -> int:
        """How often the gateway has taken it, by its own log."""
        return sum(one.get("segment", 1) == 1 for one in self.truth.accepted(attempt.id))


@asynccontextmanager
async def line(store: Store, folder: Path, provider: Any, truth: TruthLog, text: str) -> AsyncIterator[Line]:
    """Put a dialer's messages together from settings."""
    clock, web = FastClock(FACTOR), bound()
    url = f"http://127.0.0.1:{web.getsockname()[1]}"
    settings = said(folder, text.replace("WEB", f"127.0.0.1:{web.getsockname()[1]}"))
    parts = make_messages(settings, store, clock, lambda address: web)
    assert parts is not None
    await parts.start()
    try:
        yield Line(store=store, clock=clock, parts=parts, truth=truth, provider=provider, url=url)
    finally:
        await parts.stop()
        web.close()
        await provider.stop()


WEB = '[web]\nlisten = "WEB"\npublic_url = "http://WEB"\n'


@asynccontextmanager
async def twilio(store: Store, folder: Path) -> AsyncIterator[Line]:
    """Twilio over HTTP, its callbacks over our web server."""
    truth = TruthLog()
    provider = FakeTwilio(account_sid=ACCOUNT, auth_token=SECRET, truth=truth, slow_s=0.3)
    await provider.start()
    text = f"""\
{WEB}
[[sms_gateway]]
name = "twilio"
type = "twilio"
account_sid = "{ACCOUNT}"
secret = "{SECRET}"
api_url = "{provider.url}"
sender = "{OURS}"
answer_s = 1.5
max_per_s = 1000
"""
    async with line(store, folder, provider, truth, text) as up:
        yield up


@asynccontextmanager
async def smpp(store: Store, folder: Path) -> AsyncIterator[Line]:
    """A message centre."""
    truth = TruthLog()
    provider = FakeSmsc(system_id="outdial", password="secret", truth=truth, slow_s=0.3)
    await provider.start()
    text = f"""\
[[sms_gateway]]
name = "centre"
type = "smpp"
host = "127.0.0.1"
port = {provider.port}
system_id = "outdial"
secret = "secret"
sender = "{OURS}"
answer_s = 1.5
refusals = {{"{BARRED:#x}" = "opted out"}}
tag_messages = true
"""
    async with line(store, folder, provider, truth, text) as up:
        yield up


@asynccontextmanager
async def mail(store: Store, folder: Path) -> AsyncIterator[Line]:
    """A mail server, whose bounces come back by LMTP."""
    truth, lmtp = TruthLog(), bound()
    port = lmtp.getsockname()[1]
    lmtp.close()
    provider = FakeMail(truth=truth, answers_to=("127.0.0.1", port), slow_s=0.3)
    await provider.start()
    text = f"""\
{WEB.replace("http://", "https://")}
[messages]
secret = "{SECRET}"
email_wait_s = 60
[[email_gateway]]
name = "mail"
host = "127.0.0.1"
port = {provider.port}
security = "none"
sender = "Blood Service <donate@example.org>"
answers_domain = "answers.example.org"
answer_s = 1.5
greylist_s = 20
lmtp = "127.0.0.1:{port}"
"""
    async with line(store, folder, provider, truth, text) as up:
        yield up


SMS_ENDS = {
    "45": "SMS Delivered",
    "46": "SMS Failed",
    "47": "SMS Failed",
    "48": "SMS Rejected",
    "50": "SMS Failed",
    "51": "Opted Out",
    "60": "SMS Delivered",  # busy at first: taken the second time
    "61": "Unknown",  # an accident before it was taken: it is asked for, and never sent again
    "63": "SMS Delivered",  # taken, and the connection cut: its news names it
    "64": "SMS Delivered",
    "65": "SMS Delivered",  # news before the answer
    "66": "SMS Delivered",  # news twice and backwards
    "67": "SMS Delivered",
}


@pytest.mark.row(111, 112)
async def test_every_number_of_the_laboratory_has_its_end_through_twilio(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    async with twilio(store, tmp_path) as up:
        ends = {**SMS_ENDS, "62": "SMS Delivered"}  # taken, and never answered
        job = await start_writing(store, org_id, SMS, [person(index, ending) for index, ending in enumerate(ends)])
        ended = await up.run(job)
        assert {ending: one.code for ending, one in ended.items()} == ends
        tries = Counter(one.address[-2:] for one in made(store, job))
        assert {ending: count for ending, count in tries.items() if count > 1} == {"60": 2}
        never = {"48", "51", "61"}
        assert {ending: up.taken(one) for ending, one in ended.items()} == {one: int(one not in never) for one in ends}
        delivered = message_of(store, ended["45"])
        sids = store.read_now(lambda tx: tx.messages.ids_of(delivered.attempt_id))
        assert sids == [sid for sid, one in up.provider.taken.items() if one.to == ended["45"].address]
        assert (delivered.state, message_of(store, ended["46"]).told_code) == (MessageState.DELIVERED, "30003")
        assert store.read_now(lambda tx: tx.dnc(org_id).listed([ended["51"].address]))


@pytest.mark.row(111, 112)
async def test_every_number_of_the_laboratory_has_its_end_through_a_message_centre(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    long = "Hello ${first_name}, will you give blood in ${city}? We need you – and many others – on Tuesday. "
    async with smpp(store, tmp_path) as up:
        doubtful = {"61": "Unknown", "63": "Unknown", "67": "Unknown"}  # a centre can be asked only for what it has given an id
        ends = {ending: code for ending, code in SMS_ENDS.items() if ending not in doubtful}
        text = SMS.replace("Hello ${first_name}, will you give blood in ${city}?", long)
        people = [person(index, ending) for index, ending in enumerate(ends)]
        ended = await up.run(await start_writing(store, org_id, text, people))
        assert {ending: one.code for ending, one in ended.items()} == ends
        assert all(up.taken(one) <= 1 for one in ended.values())
        one = message_of(store, ended["45"])
        size = size_of(one.body)
        assert (alphabet_of(one.body), size.alphabet, size.segments) == (Alphabet.UCS2, Alphabet.UCS2, 2)
        ids = store.read_now(lambda tx: tx.messages.ids_of(one.attempt_id))
        assert (one.segments, len(ids)) == (2, 2), "each segment has its id, and the message is delivered when both are"
        more = [person(20 + index, ending) for index, ending in enumerate(doubtful)]
        again = await up.run(await start_writing(store, org_id, SMS, more, name="Doubtful"))
        assert {ending: one.code for ending, one in again.items() if ending in doubtful} == doubtful
        assert {ending: up.taken(again[ending]) for ending in doubtful} == {"61": 0, "63": 1, "67": 1}


@pytest.mark.row(115, 117)
async def test_every_mailbox_of_the_laboratory_has_its_end(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    async with mail(store, tmp_path) as up:
        ends = {
            "45": "Email Sent",
            "46": "Email Bounced",  # taken, and given back: a delivery status notification
            "48": "Email Bounced",  # refused at once
            "60": "Email Sent",  # greylisted, and taken later
            "62": "Unknown",  # taken, and never answered: nobody can be asked
            "63": "Unknown",
        }
        text = EMAIL.replace("text:", 'html: "<p>Hello <b>${first_name}</b></p>"\n      text:')
        wild = person(7, "49", first_name="Zoë\r\nBcc: everybody@example.org")
        people = [*(person(index, ending) for index, ending in enumerate(ends)), wild]
        job = await start_writing(store, org_id, text, people)
        ended = await up.run(job)
        assert {ending: one.code for ending, one in ended.items()} == {**ends, "49": "Email Failed"}
        taken = {ending: up.taken(one) for ending, one in ended.items()}
        assert taken == {"45": 1, "46": 1, "48": 0, "60": 1, "62": 1, "63": 1, "49": 0}
        first, second = [one for one in made(store, job) if one.address == ended["60"].address]
        assert (first.code, second.code) == ("Not Launched", "Email Sent")
        dead = [ended["46"].address, ended["48"].address]
        assert store.read_now(lambda tx: tx.dnc(org_id).listed(dead)) == set(dead)
        kept = next(one.parsed for one in up.provider.kept if one.to == ended["45"].address)
        assert kept["Subject"] == "Will you come, Zoë0?"
        assert kept.get_body(("html",)).get_content().strip() == "<p>Hello <b>Zoë0</b></p>"
        assert f"/u/{signed(TokenUse.UNSUBSCRIBE, ended['45'].id, SECRET.encode())}>" in kept["List-Unsubscribe"]
        assert kept["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert not any("everybody" in str(one.octets) for one in up.provider.kept)


async def test_one_click_stops_all_mails_to_an_address_and_a_made_up_one_nothing(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    async with mail(store, tmp_path) as up, aiohttp.ClientSession() as http:
        ended = await up.run(await start_writing(store, org_id, EMAIL, [person(0)]))
        one = ended["45"]
        token = signed(TokenUse.UNSUBSCRIBE, one.id, SECRET.encode())
        answers = []
        for method, path in (
            ("GET", token),
            ("POST", token[:-1] + "x"),
            ("POST", signed(TokenUse.REPLY, one.id, SECRET.encode())),
        ):
            async with http.request(method, f"{up.url}/u/{path}") as answer:
                answers.append(answer.status)
        assert answers == [200, 404, 404]
        for liked, button in (("de-AT, en;q=0.5", "Abmelden"), ("xx, fr", "Se désabonner"), ("", "Unsubscribe")):
            async with http.get(f"{up.url}/u/{token}", headers={"Accept-Language": liked}) as answer:
                assert f"<button>{button}</button>" in await answer.text()
        assert not store.read_now(lambda tx: tx.dnc(org_id).listed([one.address])), "who only looks has not unsubscribed"
        for _ in range(2):
            async with http.post(f"{up.url}/u/{token}", data={"List-Unsubscribe": "One-Click"}) as answer:
                assert answer.status == 200
        assert store.read_now(lambda tx: tx.dnc(org_id).listed([one.address])) == {one.address}
        again = await start_writing(store, org_id, EMAIL, [person(0)], name="Again")
        assert [one.code for one in (await up.run(again)).values()] == ["Restricted DNC"]


async def test_forged_news_changes_nothing_and_genuine_news_that_is_said_again_neither(
    store: Store, org_id: OrgId, tmp_path: Path
) -> None:
    async with twilio(store, tmp_path) as up, aiohttp.ClientSession() as http:
        (one,) = (await up.run(await start_writing(store, org_id, SMS, [person(0)]))).values()
        assert one.code == "SMS Delivered"
        (sid,) = store.read_now(lambda tx: tx.messages.ids_of(one.id))
        before = message_of(store, one)

        async def post(status: str, token: str, host: str = up.url) -> int:
            path = f"/hooks/twilio/twilio/status?attempt={one.id}"
            form = {"MessageSid": sid, "MessageStatus": status}
            signature = RequestValidator(token).compute_signature(host + path, form)
            async with http.post(up.url + path, data=form, headers={"X-Twilio-Signature": signature}) as answer:
                return answer.status

        assert await post("failed", "x" * 32) == 403
        assert await post("failed", SECRET, "https://elsewhere.example.org") == 403
        assert [await post(status, SECRET) for status in ("sent", "delivered", "queued")] == [204, 204, 204]
        assert message_of(store, one) == before
        attempt = store.read_now(lambda tx: tx.attempts.get(one.id))
        assert attempt is not None
        assert attempt.code == "SMS Delivered"
