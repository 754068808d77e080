"""SMTP over real sockets: servers that refuse, greylist, close, hang, and what of it a mail may be sent again after."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from dialer.channels.email_config import MailSecurity, SmtpConfig
from dialer.channels.smtp_email import SmtpEmail
from dialer.domain.email_content import Attachment, EmailContent
from dialer.domain.ids import new_attempt_id
from dialer.domain.message_state import Refusal
from dialer.domain.message_template import MessageTemplate
from dialer.errors import MaybeSent, NotSent, Rejected
from dialer.lab.message_behaviours import GatewayFault
from dialer.ports import EmailOrder, GatewayState
from dialer.smtp_connection import KnownConnection
from tests.mail_kit import ANSWERS, CONTENT, SENDER, SILENCE, VALUES, EmailLine, smtp_line
from tests.message_kit import CLOCK
from tests.patience import PATIENCE_S, until

pytestmark = pytest.mark.integration


def is_ready(gateway: SmtpEmail) -> bool:
    return gateway.state() is GatewayState.READY


@pytest.fixture
async def line() -> AsyncIterator[EmailLine]:
    async with smtp_line() as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        yield line


# -- what an answer means ------------------------------------------------------------------------------------------------------


async def test_a_greylisted_mail_may_be_sent_again_after_half_an_hour(line: EmailLine) -> None:
    with pytest.raises(NotSent, match="greylisted") as later:
        await line.send(line.order("60"))
    assert later.value.retry_after_s == 1800
    assert line.port.room() > 0  # one address says nothing of the others


async def test_one_bad_address_does_not_cost_the_others_their_mails_or_their_connections(line: EmailLine) -> None:
    orders = [line.order(ending) for ending in ("45", "48", "45", "51", "45", "60", "45", "67", "45") * 3]
    outcomes = await asyncio.gather(*(line.send(order) for order in orders), return_exceptions=True)
    taken = [line.taken(order.attempt_id) for order in orders]
    assert taken == [int(not isinstance(one, Exception)) for one in outcomes] == [1, 0] * 4 + [1] + ([1, 0] * 4 + [1]) * 2
    assert line.provider.connections <= 3


async def test_after_the_last_dot_a_refusal_is_certain_and_silence_is_not() -> None:
    async with smtp_line(**SILENCE) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        with pytest.raises(NotSent, match="451"):
            await line.send(line.order("67"))
        for fault in (GatewayFault.HANG_AFTER, GatewayFault.RESET_AFTER):
            order = line.order("45")
            line.plan(order.address, fault)
            with pytest.raises(MaybeSent):
                await line.send(order)
            assert line.taken(order.attempt_id) == 1


async def test_before_the_last_dot_nothing_was_sent_whatever_happens(line: EmailLine) -> None:
    order = line.order("61")  # 421 at RCPT, and the connection is closed
    with pytest.raises(NotSent):
        await line.send(order)
    assert line.taken(order.attempt_id) == 0
    assert await line.send(line.order("45"))


async def test_a_connection_that_the_server_closed_while_it_idled_is_no_doubt(line: EmailLine) -> None:
    await line.send(line.order("45"))
    line.provider.cut()
    order = line.order("45")
    await line.send(order)
    assert line.taken(order.attempt_id) == 1


async def test_a_mail_that_the_server_says_is_too_large_is_not_begun() -> None:
    big = Attachment(name="big.bin", content_type="application/octet-stream", data=b"x" * 20_000)
    content = EmailContent(subject=MessageTemplate("x"), text=MessageTemplate("x"), attachments=(big,))
    async with smtp_line(mail={"size_limit": 10_000}) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        with pytest.raises(Rejected) as no:
            await line.send(line.order("45", content=content))
        assert no.value.refusal == Refusal.CONTENT


async def test_an_address_in_another_script_needs_a_server_that_takes_it(line: EmailLine) -> None:
    order = line.order("45", address="zoë45@köln.test")
    await line.send(order)
    assert line.provider.kept[-1].to == "zoë45@xn--kln-sna.test"
    async with smtp_line(mail={"smtputf8": False}) as old:
        await until(lambda: old.port.state() is GatewayState.READY)
        with pytest.raises(Rejected) as no:
            await old.send(old.order("45", address="zoë45@köln.test"))
        assert no.value.refusal == Refusal.ADDRESS


async def test_what_would_be_a_header_or_a_command_is_refused_before_anything_is_written(line: EmailLine) -> None:
    content = EmailContent(subject=MessageTemplate("Hi ${x}"), text=MessageTemplate("x"))
    for evil in ("\r\nBcc: all@example.org", "\n.\r\nMAIL FROM:<x@y>", "\0"):
        for order in (
            line.order("45", content=content, values={"x": evil}),
            line.order("45", name=evil),
            line.order("45", address=f"a@b.test{evil}"),
            line.order("45", unsubscribe_url=f"https://x.org/{evil}"),
        ):
            with pytest.raises(Rejected):
                await line.send(order)
    assert line.provider.truth.entries == []


async def test_a_mail_goes_under_its_own_signed_sender_and_answers_come_back_to_it(line: EmailLine) -> None:
    order = line.order("41")
    await line.send(order)
    (kept,) = line.provider.kept
    assert kept.sender.startswith(f"bounce+{order.attempt_id}")
    assert kept.parsed["Reply-To"].startswith(f"reply+{order.attempt_id}")
    await until(lambda: line.desk.received(order.address))
    (answer,) = line.desk.received(order.address)
    assert (answer.text, answer.subject, answer.attempt_id) == ("1", "Re: Will you come, Zoë?", order.attempt_id)


async def test_nobody_listening_is_not_sent_and_a_server_that_comes_back_is_found() -> None:
    async with smtp_line() as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        await line.provider.stop()
        order = line.order("45")
        with pytest.raises(NotSent):
            await line.send(order)
        assert (line.port.state(), line.port.room()) == (GatewayState.CONNECTING, 0)
        await line.provider.start()
        await until(lambda: line.port.state() is GatewayState.READY)
        await line.send(order)
        assert line.taken(order.attempt_id) == 1


async def test_a_mail_goes_over_a_new_connection_where_the_server_has_just_closed_the_one_that_waited(line: EmailLine) -> None:
    order = line.order("45")
    line.provider.cut()  # of which we hear when the mail is begun
    await line.send(order)
    assert line.taken(order.attempt_id) == 1


async def test_a_gateway_that_is_stopped_at_any_moment_of_connecting_ends_and_leaves_no_connection(line: EmailLine) -> None:
    assert isinstance(line.port, SmtpEmail)
    for moment in range(60):  # turns of the loop: a connection is there after some twenty
        gateway = SmtpEmail(line.port.config, CLOCK)
        await gateway.start()
        for _ in range(moment):
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            await gateway.stop()
        assert gateway.state() is GatewayState.DOWN
    await until(lambda: line.provider.open <= 1)  # the one of the line itself


async def test_a_mail_that_waits_for_its_turn_when_the_gateway_stops_is_not_sent() -> None:
    async with smtp_line(max_per_s=1.0) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        first, second = line.order("45"), line.order("45")
        await line.send(first)
        late = asyncio.create_task(line.send(second))
        await asyncio.sleep(0)
        await line.port.stop()
        with pytest.raises(NotSent, match="down"):
            await late
        assert (line.taken(first.attempt_id), line.taken(second.attempt_id)) == (1, 0)
        assert line.provider.open == 0


async def test_orders_that_find_no_free_connection_in_time_are_not_sent() -> None:
    async with smtp_line(connections=1, turn_timeout_s=0.1, final_timeout_s=0.4) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        first = line.order("45")
        line.plan(first.address, GatewayFault.HANG_AFTER)
        outcomes = await asyncio.gather(line.send(first), line.send(line.order("45")), return_exceptions=True)
        assert [type(one) for one in outcomes] == [MaybeSent, NotSent]


# -- protection ----------------------------------------------------------------------------------------------------------------


def certificate(folder: Path) -> tuple[Path, Path]:
    """A key and a certificate for localhost."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = folder / "cert.pem", folder / "key.pem"
    certificate_file.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate_file, key_file


class Closed:
    """A mail server that wants a password."""

    def __init__(self) -> None:
        self.kept = 0

    def check(self, server: SMTP, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"me", b"secret")
        return AuthResult(success=right, handled=False)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.kept += 1
        return "250 ok"


@contextlib.asynccontextmanager
async def closed_server(folder: Path, *, tls: bool = False) -> AsyncIterator[tuple[Closed, int, Path]]:
    """`tls`: from the first byte, and not by STARTTLS."""
    certificate_file, key_file = certificate(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate_file, key_file)
    handler, known = Closed(), set[KnownConnection]()
    server = await asyncio.get_running_loop().create_server(
        lambda: KnownConnection(
            handler,
            known,
            hostname="localhost",
            tls_context=None if tls else context,
            require_starttls=not tls,
            auth_required=True,
            auth_require_tls=not tls,
            authenticator=handler.check,
        ),
        "localhost",
        0,
        ssl=context if tls else None,
    )
    try:
        yield handler, server.sockets[0].getsockname()[1], certificate_file
    finally:
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.05)
        await until(lambda: not known)  # it has heard that its clients are gone


async def test_a_password_goes_over_tls_only_and_a_wrong_one_is_told_once(tmp_path: Path) -> None:
    async with closed_server(tmp_path) as (handler, port, trusted):
        settings: dict[str, Any] = {
            "name": "smtp",
            "host": "localhost",
            "port": port,
            "security": MailSecurity.STARTTLS,
            "username": "me",
            "sender": SENDER,
            "answers": ANSWERS,
            "stop_timeout_s": 0.5,
        }
        for password, ca_file, state in (
            ("secret", str(trusted), GatewayState.READY),
            ("wrong", str(trusted), GatewayState.REFUSED),
            ("secret", "", GatewayState.CONNECTING),  # a certificate that nobody vouches for
        ):
            port_ = SmtpEmail(SmtpConfig(**settings, password=password, ca_file=ca_file), CLOCK)
            await port_.start()
            if state is GatewayState.CONNECTING:
                await asyncio.sleep(0.2)
            await until(lambda gateway=port_, wanted=state: gateway.state() is wanted)  # type: ignore[misc]
            if state is GatewayState.READY:
                async with smtp_line() as line:
                    await port_.send(line.order("45"))
                assert handler.kept == 1
            await port_.stop()


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")  # it does not see the TLS below it
async def test_mails_go_over_tls_whichever_way_it_begins_large_ones_too(tmp_path: Path) -> None:
    large = Attachment(name="large.bin", content_type="application/octet-stream", data=b"x" * 3_000_000)
    content = EmailContent(subject=MessageTemplate("x"), text=MessageTemplate("x"), attachments=(large,))
    for security in (MailSecurity.STARTTLS, MailSecurity.TLS):
        async with closed_server(tmp_path, tls=security is MailSecurity.TLS) as (handler, port, trusted):
            config = SmtpConfig(
                name="smtp",
                host="localhost",
                port=port,
                security=security,
                username="me",
                password="secret",
                ca_file=str(trusted),
                sender=SENDER,
                answers=ANSWERS,
                connections=1,
                stop_timeout_s=0.5,
            )
            gateway = SmtpEmail(config, CLOCK)
            await gateway.start()
            await until(partial(is_ready, gateway))
            for one in (CONTENT, content, CONTENT):
                await gateway.send(EmailOrder(attempt_id=new_attempt_id(), address="zoe@lab.test", content=one, values=VALUES))
            assert handler.kept == 3
            await gateway.stop()
