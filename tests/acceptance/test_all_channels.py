"""Calls, text messages and mails are one campaign with one goal: answers count on all of them, and what is forged on none."""

from __future__ import annotations

import asyncio
import copy
import smtplib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import aiohttp
import pytest
from structlog.testing import capture_logs
from twilio.request_validator import RequestValidator

from dialer.demo_appointment import APPOINTMENT, AppointmentDemo
from dialer.domain.channel import Channel
from dialer.domain.ids import JobId
from dialer.domain.mail_token import TokenUse, signed
from dialer.domain.received import AnswerState, InboxState, Received, TakenFor
from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.lab import Lab
from dialer.lab.ports import free_ports
from dialer.resources import resource
from tests.engine_kit import until
from tests.patience import PATIENCE_S

pytestmark = pytest.mark.acceptance

PEOPLE = "id,first_name,home,mobile,email,language,time_zone,appointment,wish\n"
OURS = "+15550199999"


@pytest.fixture
def gateways(tmp_path: Path) -> Iterator[GatewayProcess]:
    """A Twilio and a mail server with their people."""
    process = GatewayProcess(folder=tmp_path / "gateways", ports=free_ports(), sms=True, email=True)
    process.start(detached=False)
    try:
        yield process
    finally:
        process.stop()


@asynccontextmanager
async def started(
    lab: Lab, gateways: GatewayProcess, folder: Path, tts: Sequence[str], *, people: str, strategy: str, goal: int
) -> AsyncIterator[tuple[AppointmentDemo, JobId]]:
    """A running dialer and a running job."""
    (folder / "people.csv").write_text(PEOPLE + people, encoding="utf-8")
    (folder / "strategy.yaml").write_text(strategy, encoding="utf-8")
    mine = copy.copy(lab)  # the session's switch and carrier, and gateways of our own
    mine.gateways = gateways
    sample = replace(
        APPOINTMENT,
        contacts=str(folder / "people.csv"),
        strategy=str(folder / "strategy.yaml"),
        finish_after={"Confirmed": goal},
    )
    async with AppointmentDemo.on(mine, folder, tts, lambda _text: None, sample) as demo:
        await demo.prepare()
        yield demo, await demo.start()


@pytest.mark.row(113, 114, 116, 118)
async def test_three_confirmations_by_key_text_message_and_mail_end_one_campaign(
    lab: Lab, gateways: GatewayProcess, tmp_path: Path, tts: Sequence[str]
) -> None:
    people = (
        "a01,Ana,+12125557101,+12125557145,ana45@lab.test,en,,on Monday,\n"  # presses 1
        "a05,Elena,+12065557110,+12065557141,elena45@lab.test,en,,on Monday,\n"  # is busy, and answers "1" by SMS
        "a07,Grace,+17135557110,+17135557143,grace45@lab.test,en,,on Monday,\n"  # is busy, and answers "STOP"
        "a08,Hugo,+14155557110,+14155557145,hugo41@lab.test,en,,on Monday,\n"  # is busy, reads the SMS, and answers "1" by mail
    )
    strategy = resource("strategies/appointment_demo.yaml").read_text(encoding="utf-8")
    async with started(lab, gateways, tmp_path, tts, people=people, strategy=strategy, goal=3) as (demo, job_id):
        async with asyncio.timeout(PATIENCE_S):
            await demo.finished(job_id, lambda totals, counts: None)
        await until(lambda: all(one.answer_state is not AnswerState.DUE for one in received(demo)))
        verdict = await demo.verdict(job_id)
        assert verdict.mismatches == ()
        assert verdict.because == "3 × Confirmed"
        confirmed = {one.channel for one in verdict.attempts if one.code == "Confirmed"}
        assert confirmed == {Channel.VOICE, Channel.SMS, Channel.EMAIL}
        hugo = next(one.contact_id for one in verdict.attempts if one.address == "hugo41@lab.test")
        of_hugo = [one for one in verdict.attempts if one.contact_id == hugo]
        assert [(one.channel.value, one.code) for one in of_hugo] == [
            ("voice", "Call Busy"),
            ("voice", "Call Busy"),
            ("voice", "Call Busy"),
            ("sms", "SMS Delivered"),
            ("email", "Confirmed"),
        ]
        stop = next(one for one in received(demo) if one.taken_for is TakenFor.OPT_OUT)
        assert demo.store.read_now(lambda tx: tx.dnc(stop.org_id).listed([stop.sender])) == {"+17135557143"}
        confirmations = [one for one in gateways.truth() if one["event"] == "accepted" and one["attempt_id"] == stop.answer_id]
        assert [one["text"] for one in confirmations] == [
            "The practice: you will get no more messages from us. Reply START to have them again."
        ]


TWO_WAY = """\
strategy: two_way
status: completed
handlers:
  - state: initial
    sms:
      addresses: [{attribute: mobile, from: "00:00", to: "24:00"}]
      text: "Will you come ${appointment}? 1 yes, 2 no"
      results: {otherwise: done, SMS Delivered: {next_state: wait}, Wants Another Day: {next_state: mail}}
      wait: {for_s: 600}
      replies:
        rows:
          - {words: ["1"], app: keep_answer, parameters: {attribute: wish, code: Confirmed}}
          - {pattern: "^other", set: {wish: "${reply}"}, code: Wants Another Day}
  - state: mail
    email:
      addresses: [{attribute: email, from: "00:00", to: "24:00"}]
      subject: "You wrote ${wish}"
      text: "We have read: ${wish}"
      results: {otherwise: wait}
      wait: {for_s: 600}
      replies: {rows: [{words: ["yes"], code: Confirmed}]}
"""


def received(demo: AppointmentDemo, sender: str = "") -> list[Received]:
    """What came, from one sender or from all."""
    kept = demo.store.read_now(lambda tx: tx.received(None).after(0, limit=1000))
    return [one for one in kept if sender in ("", one.sender)]


@pytest.mark.row(113, 116)
async def test_two_way_messages_keep_answers_and_no_forged_replayed_or_malformed_one_changes_anything(
    lab: Lab, gateways: GatewayProcess, tmp_path: Path, tts: Sequence[str]
) -> None:
    people = (
        "b01,Ana,+12125557201,+12125557241,ana45@lab.test,en,,on Monday,\n"  # answers "1"
        "b02,Ben,+12125557202,+12125557245,ben45@lab.test,en,,on Monday,\n"  # reads, and says nothing: the test speaks for him
    )
    ben, token = "+12125557245", gateways.plan["auth_token"]
    async with started(lab, gateways, tmp_path, tts, people=people, strategy=TWO_WAY, goal=9) as (demo, job_id):
        hook = f"{demo.settings.web.public_url}/hooks/twilio/lab/inbound"

        def code_of(address: str) -> str:
            attempts = demo.store.read_now(lambda tx: tx.attempts.of_job(job_id))
            return next((one.code or "" for one in reversed(attempts) if one.address == address), "")

        await until(lambda: code_of("+12125557241") == "Confirmed" and code_of(ben) == "SMS Delivered")

        async def post(http: aiohttp.ClientSession, form: dict[str, str], signature: str | None) -> int:
            headers = {} if signature is None else {"X-Twilio-Signature": signature}
            async with http.post(hook, data=form, headers=headers) as answer:
                return answer.status

        def says(text: str, sid: str) -> dict[str, str]:
            return {"MessageSid": sid, "From": ben, "To": OURS, "Body": text, "AccountSid": gateways.plan["account_sid"]}

        def sign(form: dict[str, str], url: str = hook, key: str = token) -> str:
            return str(RequestValidator(key).compute_signature(url, form))

        # Forged: without a signature, with another's, for another address, with another text than was signed; and too large.
        forged = says("1", "SMforged")
        with capture_logs() as logs:
            async with aiohttp.ClientSession() as http:
                assert await post(http, forged, None) == 403
                assert await post(http, forged, sign(forged, key="0" * 32)) == 403
                assert await post(http, forged, sign(forged, hook.replace("inbound", "status"))) == 403
                assert await post(http, forged | {"Body": "STOP"}, sign(forged)) == 403
                large = says("x" * 100_000, "SMlarge")
                assert await post(http, large, sign(large)) == 413
        assert [one["event"] for one in logs].count("a forged webhook") == 4
        assert received(demo, ben) == []
        assert code_of(ben) == "SMS Delivered"

        # Genuine, and then replayed; what stands in it is text, and nothing else, also where the next mail quotes it.
        genuine = says("other ${email} ${first_name}\r\nBcc: all@lab.test", "SMgenuine")
        async with aiohttp.ClientSession() as http:
            assert [await post(http, genuine, sign(genuine)) for _ in range(3)] == [200, 200, 200]
        (kept,) = received(demo, ben)
        assert (kept.taken_for, kept.code) == (TakenFor.REPLY, "Wants Another Day")
        await until(lambda: code_of("ben45@lab.test") != "" and any(gateways.folder.glob("mails/*.eml")))
        (written,) = [message_from_bytes(one.read_bytes(), policy=policy.default) for one in gateways.folder.glob("mails/*.eml")]
        assert written["Subject"] == "You wrote other ${email} ${first_name} Bcc: all@lab.test"
        assert written["Bcc"] is None

        # Mails: to addresses that we did not make, made to be hard to read, too large; each refused, and nothing changes.
        attempts = demo.store.read_now(lambda tx: tx.attempts.of_job(job_id))
        mailed = next(one for one in attempts if one.address == "ben45@lab.test")
        key = demo.settings.messages.secret.get_secret_value().encode()
        ours = f"reply+{signed(TokenUse.REPLY, mailed.id, key)}@outdial.test"
        false = f"reply+{signed(TokenUse.REPLY, mailed.id, b'another key that is long')}@outdial.test"
        head = f"From: ben45@lab.test\r\nTo: {ours}\r\nMessage-ID: <m1@lab.test>\r\n"
        nested = "".join(f'Content-Type: multipart/mixed; boundary="b{level}"\r\n\r\n--b{level}\r\n' for level in range(500))
        injected = f"{head}Subject: =?utf-8?q?x=0D=0ABcc=3A_all=40lab.test?=\r\n\r\nyes\r\n"

        def deliver(to: str, mail: str) -> int:
            host, port = str(demo.settings.email_gateway[0].lmtp).split(":")
            with smtplib.LMTP(host, int(port), timeout=10) as client:
                try:
                    client.sendmail("ben45@lab.test", [to], mail.encode())
                except smtplib.SMTPRecipientsRefused as refused:
                    return next(iter(refused.recipients.values()))[0]
                except smtplib.SMTPResponseException as refused:
                    return refused.smtp_code
                return 250

        before = code_of("ben45@lab.test")
        assert await asyncio.to_thread(deliver, false, f"{head}\r\nyes\r\n") == 550
        assert await asyncio.to_thread(deliver, "all@outdial.test", f"{head}\r\nyes\r\n") == 550
        assert await asyncio.to_thread(deliver, ours, f"{head}{nested}\r\nyes\r\n") == 550
        assert await asyncio.to_thread(deliver, ours, f"{head}\r\n{'x' * 70}\r\n" + ("x" * 70 + "\r\n") * 90_000) == 552
        assert len(received(demo)) == 2
        assert code_of("ben45@lab.test") == before
        assert [await asyncio.to_thread(deliver, ours, injected) for _ in range(2)] == [250, 250]
        (answer,) = received(demo, "ben45@lab.test")
        assert (answer.code, answer.inbox, answer.subject) == ("Confirmed", InboxState.NONE, "x Bcc: all@lab.test")
        assert code_of("ben45@lab.test") == "Confirmed"
