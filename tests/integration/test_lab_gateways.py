"""The lab's message gateways: every row of their table does what it says, and they write down what really happened."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dialer.app_messages import gateway_configs
from dialer.channels.email_config import MailSecurity, SmtpConfig
from dialer.channels.smpp_config import SmppConfig
from dialer.channels.smpp_sms import SmppSms
from dialer.channels.smtp_email import SmtpEmail
from dialer.channels.twilio_config import TwilioConfig
from dialer.channels.twilio_sms import TwilioSms
from dialer.domain.ids import new_attempt_id
from dialer.domain.message_state import MessageState
from dialer.errors import MaybeSent, WireError
from dialer.lab.dialer_settings import write_dialer_settings
from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.lab import Lab
from dialer.lab.message_behaviours import MESSAGE_BEHAVIOURS, GatewayFault, MessageBehaviour
from dialer.lab.ports import free_ports
from dialer.ports import GatewayState, SmsOrder
from dialer.settings import load_settings
from tests.mail_kit import ANSWERS, SENDER, smtp_line
from tests.message_kit import CLOCK, OURS, Desk, SmsLine, smpp_line, twilio_line
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def gateways(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    process = GatewayProcess(folder=tmp_path_factory.mktemp("gateways"), ports=free_ports(), sms=True, email=True)
    process.start(detached=False)
    yield process
    process.stop()
    assert process.pid == 0


@asynccontextmanager
async def up(port: Any) -> AsyncIterator[Any]:
    await port.start()
    await until(lambda: port.state() is GatewayState.READY)
    try:
        yield port
    finally:
        await port.stop()


async def test_the_gateways_of_a_process_take_messages_and_keep_their_own_account(gateways: GatewayProcess) -> None:
    plan = gateways.plan
    twilio = TwilioConfig(
        name="t",
        account_sid=plan["account_sid"],
        auth_token=plan["auth_token"],
        sender=OURS,
        public_url="http://127.0.0.1:9",
        api_url=gateways.twilio_url,
        max_per_s=None,
        answer_timeout_s=PATIENCE_S,
    )
    smpp = SmppConfig(
        name="s",
        host="127.0.0.1",
        port=plan["smpp"],
        system_id=plan["system_id"],
        password=plan["password"],
        sender=OURS,
        tag_messages=True,
    )
    smtp = SmtpConfig(name="m", host="127.0.0.1", port=plan["smtp"], security=MailSecurity.NONE, sender=SENDER, answers=ANSWERS)
    desk = Desk()
    ports = (TwilioSms(twilio, CLOCK), SmppSms(smpp, CLOCK, desk.take), SmtpEmail(smtp, CLOCK))
    async with up(ports[0]) as by_twilio, up(ports[1]) as by_smpp, up(ports[2]) as by_mail:
        orders = [SmsOrder(attempt_id=new_attempt_id(), number=f"+155501000{ending}", text="Hi") for ending in ("45", "41")]
        await by_twilio.send(orders[0])
        await by_smpp.send(orders[1])
        await until(lambda: desk.received("+15550100041"))
        async with smtp_line() as unused:
            mail = unused.order("45")
        await by_mail.send(mail)
        hung = SmsOrder(attempt_id=new_attempt_id(), number="+15550100145", text="Hi")
        assert await asyncio.to_thread(gateways.tell, "/plan", {hung.number: "reset after"}) == 204
        with pytest.raises(MaybeSent):
            await by_twilio.send(hung)
        assert await asyncio.to_thread(gateways.tell, "/write", {"from": "+1555777", "to": OURS, "text": "hello"}) == 204
        await until(lambda: desk.received("+1555777"))
    accepted = {one["attempt_id"]: one["gateway"] for one in gateways.truth() if one["event"] == "accepted"}
    wanted = {orders[0].attempt_id: "twilio", orders[1].attempt_id: "smpp", mail.attempt_id: "email", hung.attempt_id: "twilio"}
    assert {attempt: accepted[attempt] for attempt in wanted} == wanted
    assert gateways.plan_file.stat().st_mode & 0o077 == 0
    assert list((gateways.folder / "mails").glob("*.eml"))
    assert gateways.log_tail() == ""


def test_a_plan_that_makes_no_sense_is_refused(gateways: GatewayProcess) -> None:
    for path, body in (("/plan", {"+1": "dance"}), ("/plan", []), ("/answers", {"lmtp": "nowhere"}), ("/write", {"from": "+1"})):
        assert gateways.tell(path, body) == 400
    assert gateways.tell("/answers", {"sms_url": "http://127.0.0.1:9/x", "lmtp": "127.0.0.1:2424"}) == 204


def test_the_gateways_die_with_a_starter_that_is_killed(tmp_path: Path) -> None:
    program = "\n".join(
        (
            "import pathlib, sys",
            "from dialer.lab.gateway_process import GatewayProcess",
            "from dialer.lab.ports import free_ports",
            "process = GatewayProcess(folder=pathlib.Path(sys.argv[1]), ports=free_ports(), sms=True, email=False)",
            "process.start(detached=False)",
            "print('up', flush=True)",
            "sys.stdin.read()",
        )
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert starter.stdin is not None
    assert starter.stdout is not None
    assert starter.stdout.readline() == b"up\n"
    process = GatewayProcess(folder=tmp_path, ports=free_ports(), sms=True, email=False)
    assert process.alive()
    starter.kill()
    starter.wait()
    starter.stdin.close()
    starter.stdout.close()
    process._gone(5)
    assert not process.alive()


# -- the table -------------------------------------------------------------------------------------------------------------------


async def outcome(line: SmsLine, row: MessageBehaviour) -> tuple[str, MessageState | None, str]:
    """What `send` says, where the message ends, and what its person answers."""
    order = line.order(row.ending.replace("XX", "99"))
    try:
        await line.send(order)
        said = "Accepted"
    except WireError as failed:
        said = type(failed).__name__
        if row.fault is GatewayFault.BUSY_ONCE:
            await until(line.port.room)
            await line.send(order)
    if not line.taken(order.attempt_id):
        return said, None, ""
    if said == "MaybeSent":  # without its id there may be no news that could be matched
        return said, row.state, ""
    state = await line.ends(order)
    if row.replies:
        await until(lambda: line.desk.received(order.number))
    return said, state, line.desk.received(order.number)[0].text if row.replies else ""


@pytest.mark.parametrize("gateway", [smpp_line, twilio_line])
async def test_every_row_of_the_table_does_what_it_says_by_sms(gateway: Callable[..., Any]) -> None:
    async with gateway(answer_timeout_s=2.0) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        rows = [row for row in MESSAGE_BEHAVIOURS if row.fault not in (GatewayFault.BUSY_ONCE, GatewayFault.RESET_AFTER)]
        alone = [row for row in MESSAGE_BEHAVIOURS if row not in rows]  # they hold up or cut what else is on the wire
        found = dict(zip(rows, await asyncio.gather(*(outcome(line, row) for row in rows)), strict=True))
        for row in alone:
            await until(lambda: line.port.state() is GatewayState.READY)
            found[row] = await outcome(line, row)
        for row, (said, state, text) in found.items():
            assert said in row.send, row.ending
            assert (state, text) == (row.state, row.replies), row.ending
        assert Counter(said for said, _state, _text in found.values())["Rejected"] == 2


BY_EMAIL = {
    MessageState.UNDELIVERED: MessageState.BOUNCED,
    MessageState.FAILED: MessageState.BOUNCED,
    MessageState.EXPIRED: MessageState.DELAYED,
}


async def test_every_row_of_the_table_does_what_it_says_by_email() -> None:
    async with smtp_line(final_timeout_s=2.0, connections=8) as line:
        await until(lambda: line.port.state() is GatewayState.READY)

        async def outcome(row: MessageBehaviour) -> None:
            order = line.order(row.ending.replace("XX", "99"))
            try:
                await line.send(order)
                said = "Accepted"
            except WireError as failed:
                said = type(failed).__name__
            assert said in row.send, row.ending
            taken = said in ("Accepted", "MaybeSent")
            assert line.taken(order.attempt_id) == int(taken), row.ending
            if taken and row.state is not None and (wanted := BY_EMAIL.get(row.state)):
                await until(lambda: line.states(order) == [wanted])
            if taken and row.replies:
                await until(lambda: [one.text for one in line.desk.received(order.address)] == [row.replies])

        await asyncio.gather(*(outcome(row) for row in MESSAGE_BEHAVIOURS))


def test_the_settings_of_a_lab_with_gateways_reach_them_and_hear_their_answers(
    lab: Lab, gateways: GatewayProcess, tmp_path: Path
) -> None:
    with_gateways = replace(lab, folder=tmp_path, gateways=gateways)
    settings = load_settings(write_dialer_settings(with_gateways, apps=tmp_path, tts=["espeak-ng"]))
    configs = gateway_configs(settings)
    twilio, centre = configs.sms
    assert isinstance(twilio, TwilioConfig)
    assert isinstance(centre, SmppConfig)
    assert (twilio.api_url, twilio.auth_token) == (gateways.twilio_url, gateways.plan["auth_token"])
    assert (centre.port, centre.password) == (gateways.ports.smpp, gateways.plan["password"])
    assert [one.port for one in configs.email] == [gateways.ports.smtp]
    assert twilio.public(twilio.inbound_path) == f"http://127.0.0.1:{gateways.ports.hooks}/hooks/twilio/twilio/inbound"
