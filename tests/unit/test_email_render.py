"""A mail is one contact's, readable by every mail program, and nothing that a contact is called changes what it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.channels.email_config import MailAddresses, MailSecurity, SmtpConfig, is_address, wire_address
from dialer.channels.email_render import MailWriter
from dialer.domain.email_content import Attachment, EmailContent
from dialer.domain.ids import new_attempt_id
from dialer.domain.mail_token import TokenUse, read_address
from dialer.domain.message_template import MessageTemplate
from dialer.errors import BadInput
from dialer.ports import EmailOrder

pytestmark = pytest.mark.unit

ANSWERS = MailAddresses(domain="mail.example.org", keys=(b"k" * 32,))
SENDER = "Blood Service <donate@example.org>"
NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)


def order(subject: str = "Hi", text: str | None = "Hello", html: str | None = None, **more: Any) -> EmailOrder:
    content = EmailContent(
        subject=MessageTemplate(subject),
        text=MessageTemplate(text) if text is not None else None,
        html=MessageTemplate(html) if html is not None else None,
        attachments=more.pop("attachments", ()),
        sender=more.pop("sender", ""),
    )
    return EmailOrder(**{"attempt_id": new_attempt_id(), "address": "zoe@lab.test", "content": content, **more})


def written(one: EmailOrder) -> bytes:
    return MailWriter(SENDER, ANSWERS).write(one, NOW)


def read(octets: bytes) -> EmailMessage:
    """As a receiver's program reads it, after the mail server has taken the doubled dots away."""
    lines = [line[1:] if line.startswith(b".") else line for line in octets.split(b"\r\n")]
    mail = message_from_bytes(b"\r\n".join(lines), policy=default)
    assert not mail.defects
    assert all(not part.defects for part in mail.walk())
    return mail


def text_of(mail: EmailMessage, kind: str) -> str:
    body = mail.get_body(preferencelist=(kind,))
    assert body is not None
    return str(body.get_content()).replace("\r\n", "\n")


def test_a_mail_has_its_texts_its_attachments_and_its_ways_back() -> None:
    pdf = Attachment(name="Anfahrt für Zoë.pdf", content_type="application/pdf", data=bytes(range(256)) * 9)
    one = order(
        "Will you come, ${first_name}?",
        "Hello ${first_name},\n\nwe need you in ${city}.\n",
        "<p>Hello <b>${first_name}</b></p>",
        values={"first_name": "Zoë", "city": "Köln"},
        name="Zoë Müller",
        unsubscribe_url="https://dialer.example.org/u/1",
        attachments=(pdf,),
    )
    mail = read(written(one))
    assert mail["Subject"] == "Will you come, Zoë?"
    assert (mail["From"], mail["To"]) == ("Blood Service <donate@example.org>", "Zoë Müller <zoe@lab.test>")
    assert text_of(mail, "plain").rstrip() == "Hello Zoë,\n\nwe need you in Köln."
    assert text_of(mail, "html").rstrip() == "<p>Hello <b>Zoë</b></p>"
    (attached,) = mail.iter_attachments()
    assert (attached.get_filename(), attached.get_content_type(), attached.get_content()) == (
        pdf.name,
        pdf.content_type,
        pdf.data,
    )
    assert mail["Message-ID"] == f"<{one.attempt_id}@mail.example.org>"
    assert read_address(TokenUse.REPLY, mail["Reply-To"], ANSWERS.keys) == one.attempt_id
    assert read_address(TokenUse.BOUNCE, MailWriter(SENDER, ANSWERS).envelope_sender(one), ANSWERS.keys) == one.attempt_id
    one_click, by_mail = (part.strip(" <>") for part in mail["List-Unsubscribe"].split(","))
    assert one_click == "https://dialer.example.org/u/1"
    assert read_address(TokenUse.UNSUBSCRIBE, by_mail.removeprefix("mailto:"), ANSWERS.keys) == one.attempt_id
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Date"].datetime == NOW


def test_a_mail_with_one_text_has_one_part_and_without_an_address_to_unsubscribe_no_such_header() -> None:
    for kind, one in (("plain", order(text="Hello")), ("html", order(text=None, html="<p>Hello</p>"))):
        mail = read(written(one))
        assert mail.get_content_type() == f"text/{kind}"
        assert mail["List-Unsubscribe"] is None


def test_where_there_is_no_page_to_unsubscribe_a_mail_does_it() -> None:
    one = order(unsubscribe=True)
    mail = read(written(one))
    by_mail = mail["List-Unsubscribe"].strip(" <>")
    assert read_address(TokenUse.UNSUBSCRIBE, by_mail.removeprefix("mailto:"), ANSWERS.keys) == one.attempt_id
    assert mail["List-Unsubscribe-Post"] is None


def test_writing_an_attempt_again_gives_the_same_id_and_two_contents_are_never_mixed_up() -> None:
    writer = MailWriter(SENDER, ANSWERS)
    first, second = order("One", "first"), order("Two", "second", sender="Another <other@example.org>")
    for one, sender in ((first, "donate"), (second, "other"), (first, "donate")):
        mail = read(writer.write(one, NOW))
        assert mail["Message-ID"] == writer.message_id(one)
        assert sender in mail["From"]
    for number in range(100):  # more than are kept
        assert text_of(read(writer.write(order("x", f"text {number}"), NOW)), "plain").strip() == f"text {number}"


BAD = ["\r\nBcc: all@example.org", "\n\nbody", "\rX: y", "\0", "\x85", "\u2028"]


@pytest.mark.parametrize("evil", BAD)
def test_no_value_can_begin_a_line_of_the_header(evil: str) -> None:
    for one in (
        order("Hi ${x}", values={"x": f"Zoë{evil}"}),
        order(name=f"Zoë{evil}"),
        order(unsubscribe_url=f"https://x.org/{evil}"),
    ):
        with pytest.raises(BadInput):
            written(one)


def test_in_the_body_values_are_text() -> None:
    one = order("x", "${x}", "<p>${x}</p>", values={"x": "\r\n.\r\nMAIL FROM:<evil>\r\n--=_i"})
    octets = written(one)
    assert b"\r\n.\r\n" not in octets
    mail = read(octets)
    assert text_of(mail, "plain").strip() == ".\nMAIL FROM:<evil>\n--=_i"
    assert len(list(mail.iter_parts())) == 2
    html = order("x", None, "<p>${x}</p>", values={"x": "<img src=x onerror=alert(1)>"})
    assert "<img" not in text_of(read(written(html)), "html")


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=300), st.text(max_size=80))
def test_any_text_arrives_and_every_line_is_short_and_plain(text: str, subject: str) -> None:
    one = order("Re: ${s}", "${t}", values={"t": text, "s": subject})
    try:
        octets = written(one)
    except BadInput:
        return  # what no header may hold is refused above
    assert octets.isascii()
    assert max(len(line) for line in octets.split(b"\r\n")) <= 998
    assert b"\n" not in octets.replace(b"\r\n", b"")
    assert b"\r\n.\r\n" not in octets
    got = text_of(read(octets), "plain").rstrip("\n")
    assert got == text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    assert " ".join(str(read(octets)["Subject"]).split()) == " ".join(f"Re: {subject}".split())


@pytest.mark.parametrize(
    ("address", "right"),
    [
        ("a@b.test", True),
        ("first.last+tag@sub.example.org", True),
        ("zoë@köln.test", True),
        ("o'hara@example.org", True),
        ("a@b", True),
        ("", False),
        ("a", False),
        ("@b.test", False),
        ("a@", False),
        ("a b@c.test", False),
        ("a@b.test\r\nRCPT TO:<c@d>", False),
        ("a>@b.test", False),
        ('"a b"@c.test', False),
        ("a..b@c.test", False),
        (".a@c.test", False),
        ("a@-b.test", False),
        ("a@b..test", False),
        ("a,b@c.test", False),
        ("x" * 65 + "@c.test", False),
        ("a@" + "x" * 64 + ".test", False),
        ("a@[127.0.0.1]", False),
        ("a\0@b.test", False),
    ],
)
def test_an_address_is_what_people_have_and_nothing_that_a_server_could_read_as_more(address: str, right: bool) -> None:
    assert is_address(address) is right


def test_a_domain_in_another_script_goes_as_servers_know_it() -> None:
    assert wire_address("zoe@köln.test") == "zoe@xn--kln-sna.test"
    assert b"To: <zoe@xn--kln-sna.test>" in written(replace(order(), address="zoe@köln.test"))


def test_a_configuration_that_cannot_work_is_refused_with_its_place() -> None:
    right: dict[str, Any] = {
        "name": "m",
        "host": "h",
        "sender": SENDER,
        "answers": ANSWERS,
        "username": "u",
        "password": "secret",
    }
    shown = repr(SmtpConfig(**right))
    assert "secret" not in shown
    assert "kkkk" not in shown
    for field, value in (
        ("name", "a/b"),
        ("host", ""),
        ("port", 70_000),
        ("sender", "Blood Service"),
        ("sender", "x\r\n <a@b.test>"),
        ("hello", "not a host"),
        ("connections", 0),
        ("max_per_s", 0),
        ("security", MailSecurity.NONE),  # with a password
    ):
        with pytest.raises(BadInput):
            SmtpConfig(**{**right, field: value})
    for wrong in (
        {"domain": "no domain", "keys": (b"k" * 32,)},
        {"domain": "a.b", "keys": ()},
        {"domain": "a.b", "keys": (b"short",)},
    ):
        with pytest.raises(BadInput):
            MailAddresses(**wrong)
