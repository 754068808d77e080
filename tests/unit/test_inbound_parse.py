"""What comes back to a mail is told apart: answers of people and machines, bounces for good or for now, and the unreadable."""

from __future__ import annotations

import contextlib
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialer.channels.email_config import MailAddresses
from dialer.channels.inbound_parse import Nobodys, Unreadable, read_mail
from dialer.domain.ids import new_attempt_id
from dialer.domain.mail_token import TokenUse, signed_address
from dialer.domain.message_state import MessageState, Refusal
from dialer.lab.mail_answers import bounce_of, reply_to
from dialer.ports import GatewayNews, MessageReceived, MessageUpdate

pytestmark = pytest.mark.unit

KEY = b"k" * 32
ANSWERS = MailAddresses(domain="mail.example.org", keys=(b"new" * 8, KEY))
NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)
ATTEMPT = new_attempt_id()


def address(use: TokenUse) -> str:
    return signed_address(use, ATTEMPT, ANSWERS.domain, KEY)  # with a key that is being replaced


REPLY, BOUNCE, UNSUBSCRIBE = address(TokenUse.REPLY), address(TokenUse.BOUNCE), address(TokenUse.UNSUBSCRIBE)


def read(octets: bytes | str, *, recipient: str = REPLY, sender: str = "zoe@lab.test") -> GatewayNews | Nobodys:
    raw = octets.encode() if isinstance(octets, str) else octets
    return read_mail(re.sub(rb"\r?\n", b"\r\n", raw), gateway="m", recipient=recipient, sender=sender, answers=ANSWERS, now=NOW)


def received(octets: bytes | str, **more: str) -> MessageReceived:
    found = read(octets, **more)
    assert isinstance(found, MessageReceived)
    return found


def told(octets: bytes | str, **more: str) -> MessageUpdate:
    found = read(octets, **more)
    assert isinstance(found, MessageUpdate)
    return found


def ours() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Blood Service <donate@example.org>", "zoe@lab.test", "Will you come?"
    mail["Message-ID"], mail["Reply-To"] = f"<{ATTEMPT}@mail.example.org>", REPLY
    mail["Date"] = "Sun, 10 May 2026 12:00:00 +0000"
    mail.set_content("Hello Zoë,\n\nwill you come? Answer 1 for yes.\n")
    return message_from_bytes(mail.as_bytes(), policy=default)


PLAIN = """From: Zoe <zoe@lab.test>
To: x@mail.example.org
Subject: Re: Will you come?
Message-ID: <abc@lab.test>
{headers}
{body}
"""


def plain(body: str, headers: str = "") -> str:
    return PLAIN.format(headers=headers, body=body) if headers else PLAIN.format(headers="X-A: b", body="\n" + body)


# -- answers -------------------------------------------------------------------------------------------------------------------


def test_a_persons_answer_is_what_they_wrote_and_of_which_mail() -> None:
    found = received(reply_to(ours(), "zoe@lab.test", "1", automatic=False))
    assert (found.text, found.attempt_id, found.sender, found.automatic) == ("1", ATTEMPT, "zoe@lab.test", False)
    assert found.subject == "Re: Will you come?"
    assert found.provider_id.endswith("@lab.test>")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("1\n\nOn Sun, May 10, 2026 at 12:00 Blood Service <donate@example.org> wrote:\n> Hello Zoe,\n> will you come?\n", "1"),
        ("Ja, gern!\n\nAm So., 10. Mai 2026 um 12:00 Uhr schrieb Blood Service <donate@example.org>:\n> Hello\n", "Ja, gern!"),
        ("Oui\n\nLe dim. 10 mai 2026 à 12:00, Blood Service <donate@example.org> a écrit :\n> Hello\n", "Oui"),
        ("STOP\n\n> Hello\n> will you come?\n", "STOP"),
        (
            "yes please\n\n________________________________\nFrom: Blood Service <donate@example.org>\n"
            "Sent: Sunday, May 10, 2026 12:00 PM\nTo: Zoe\nSubject: Will you come?\n\nHello Zoe\n",
            "yes please",
        ),
        ("two\n\nlines\n", "two\n\nlines"),
    ],
)
def test_what_a_program_quoted_is_left_out(body: str, text: str) -> None:
    assert received(plain(body)).text == text


def test_an_answer_in_html_alone_is_read_without_its_quote_and_its_scripts() -> None:
    page = (
        "<html><head><style>p{}</style></head><body><div>Ja &amp; gern</div><script>alert(1)</script>"
        "<blockquote>Hello Zoe<br>will you come?</blockquote></body></html>"
    )
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "zoe@lab.test", "Re"
    mail.set_content(page, subtype="html")
    assert received(mail.as_bytes()).text == "Ja & gern"


def test_an_answer_without_its_token_is_found_by_the_mail_that_it_answers() -> None:
    for header in (f"In-Reply-To: <{ATTEMPT}@mail.example.org>", f"References: <x@y>\n <{ATTEMPT.upper()}@MAIL.example.org>"):
        assert received(plain("1", header + "\n"), recipient="donate@example.org").attempt_id == ATTEMPT
    other = received(plain("1", f"In-Reply-To: <{ATTEMPT}@elsewhere.org>\n"), recipient="donate@example.org")
    assert other.attempt_id is None  # a person's mail all the same


def test_a_mail_without_an_id_has_one_that_stays_the_same() -> None:
    mail = plain("1").replace("Message-ID: <abc@lab.test>\n", "")
    assert received(mail).provider_id == received(mail).provider_id != ""


@pytest.mark.parametrize("message_id", ["", "<>", "< >", "none"])
def test_an_id_that_says_nothing_makes_one_message_of_no_two(message_id: str) -> None:
    first, second = (received(plain(text).replace("<abc@lab.test>", message_id)) for text in ("STOP", "START"))
    assert first.provider_id != second.provider_id


@pytest.mark.parametrize("encoding", ["8bit", "base64"])
@pytest.mark.parametrize(
    "charset", ["x-unknown", "iso-8859-8-i", "utf8mb4", "default", "hex", "idna", "punycode", "undefined", '"']
)
def test_an_encoding_that_nobody_knows_is_no_reason_to_lose_an_opt_out(charset: str, encoding: str) -> None:
    body = "STOP" if encoding == "8bit" else "U1RPUA=="
    kind = f"Content-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: {encoding}\n"
    assert received(plain(body, kind)).text == "STOP"


def test_letters_of_no_declared_encoding_are_read_as_most_programs_write_them() -> None:
    for encoding in ("utf-8", "latin-1"):
        found = received(plain("Ja, für dich").replace("Will you come?", "für Zoë").encode(encoding))
        assert (found.text, found.subject) == ("Ja, für dich", "Re: für Zoë")


@pytest.mark.parametrize(
    "broken", ["From: @a,<<b", "From: a@[", "Content-Type: ;;", "Content-Disposition: =?x?", "Date: =?", "To: @"]
)
def test_a_header_that_breaks_every_rule_is_no_reason_to_refuse_a_mail(broken: str) -> None:
    assert received(f"{broken}\nMessage-ID: <a@lab.test>\nSubject: Re\n\nSTOP\n").text == "STOP"


def test_a_complaint_about_spam_is_an_opt_out() -> None:
    text = "This is a complaint."
    complaint = (
        "From: fbl@isp.test\nSubject: complaint\nMessage-ID: <f@isp.test>\nMIME-Version: 1.0\n"
        f"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\nContent-Type: text/plain\n\n{text}\n"
        "--b\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n"
        f"--b\nContent-Type: message/rfc822\n\nMessage-ID: <{ATTEMPT}@mail.example.org>\nSubject: x\n\nhello\n--b--\n"
    )
    for recipient in ("donate@example.org", BOUNCE, REPLY):
        found = received(complaint, recipient=recipient)
        assert (found.text, found.attempt_id, found.automatic) == ("UNSUBSCRIBE", ATTEMPT, True)
    good = received(complaint.replace("abuse", "not-spam"), recipient=REPLY)
    assert (good.text, good.automatic) == (text, True)
    stranger = complaint.replace("@mail.example.org", "@elsewhere.org")
    assert isinstance(read(stranger, recipient="donate@example.org"), Nobodys)


def test_files_that_come_with_an_answer_are_counted_and_logos_are_not() -> None:
    mail = EmailMessage()
    mail["From"], mail["Subject"] = "zoe@lab.test", "Re"
    mail.set_content("see below")
    mail.add_attachment(b"%PDF", maintype="application", subtype="pdf", filename="Überweisung für März.pdf")  # RFC 2231
    mail.add_attachment(b"GIF", maintype="image", subtype="gif", filename="logo.gif", cid="<logo@lab.test>")
    found = received(mail.as_bytes())
    assert (found.text, found.attached) == ("see below", 1)


def test_one_click_by_mail_is_the_word_for_it() -> None:
    found = received(plain("anything"), recipient=UNSUBSCRIBE)
    assert (found.text, found.attempt_id) == ("UNSUBSCRIBE", ATTEMPT)


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated; owner-email=x",
        "Precedence: bulk",
        "Precedence: auto_reply",
        "X-Autoreply: yes",
        "X-Autorespond: vacation",
        "X-Auto-Response-Suppress: All",
        "X-Auto-Reply: yes",
        "X-POST-MessageClass: 9; Autoresponder",
        "List-Id: <a.b>",
    ],
)
def test_a_machines_answer_is_known_as_one(header: str) -> None:
    found = received(plain("I am away", header + "\n"))
    assert (found.automatic, found.attempt_id) == (True, ATTEMPT)


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: Will you come?",
        "Out of Office: Will you come?",
        "Automatische Antwort: Will you come?",
        "Abwesenheitsnotiz: Will you come?",
        "=?utf-8?q?R=C3=A9ponse_automatique_=3A_Will_you_come=3F?=",
        "Respuesta automática: Will you come?",
    ],
)
def test_an_absence_is_known_by_what_programs_put_before_the_subject(subject: str) -> None:
    assert received(plain("not here").replace("Re: Will you come?", subject)).automatic
    assert not received(plain("1").replace("Re: Will", f"Re: {subject}")).automatic  # a person's answer to such a mail


def test_a_header_that_mail_servers_write_for_people_makes_no_machine_of_them() -> None:
    assert not received(plain("1", "Feedback-ID: 1.eu-central-1.x:AmazonSES\n")).automatic


def test_a_person_is_no_machine_and_an_empty_envelope_sender_is_one() -> None:
    assert not received(plain("1", "Auto-Submitted: no\n")).automatic
    assert received(plain("1"), sender="").automatic
    assert received(plain("1").replace("Zoe <zoe@lab.test>", "MAILER-DAEMON@lab.test")).automatic
    assert isinstance(read(plain("news", "List-Id: <a.b>\n"), recipient="donate@example.org"), Nobodys)


# -- bounces -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "state", "refusal", "code"),
    [
        ("no mailbox", MessageState.BOUNCED, Refusal.ADDRESS, "5.1.1"),
        ("rejected", MessageState.BOUNCED, Refusal.CONTENT, "5.7.1"),
        ("delayed", MessageState.DELAYED, None, "4.4.1"),
        ("delivered", MessageState.DELIVERED, None, "2.0.0"),
    ],
)
def test_a_bounce_says_for_good_or_for_now(kind: str, state: MessageState, refusal: Refusal | None, code: str) -> None:
    octets = bounce_of(ours(), BOUNCE, "zoe@lab.test", kind)
    for recipient in (BOUNCE, "donate@example.org"):  # by the signed address, or by the mail that it gives back
        found = told(octets, recipient=recipient, sender="")
        assert (found.state, found.refusal, found.code, found.attempt_id) == (state, refusal, code, ATTEMPT)
        assert found.provider_id == f"<{ATTEMPT}@mail.example.org>"


@pytest.mark.parametrize(
    ("status", "words", "refusal", "code"),
    [
        ("Status: 5.1.10\n", "smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound", Refusal.ADDRESS, "5.1.10"),
        ("Status: 5.4.1\n", "smtp;550 5.4.1 Recipient address rejected: Access denied. AS(2018)", Refusal.ADDRESS, "5.4.1"),
        ("Status: 5.2.2\n", "smtp;554 5.2.2 mailbox full; QuotaExceededException", Refusal.UNREACHABLE, "5.2.2"),
        ("Status: 5.0.0\n", "smtp; 550 No such user here", Refusal.ADDRESS, "5.0.0"),
        ("Status: 5.0.0\n", "smtp; 554 This user doesn't have a yahoo.com account", Refusal.ADDRESS, "5.0.0"),
        ("Status: 5.0.0\n", "smtp; 554 rejected for policy reasons", Refusal.NETWORK, "5.0.0"),
        ("", "smtp; 550-5.1.1 The account that you tried to reach does not exist", Refusal.ADDRESS, "5.1.1"),
    ],
)
def test_a_bounce_that_says_little_in_numbers_is_read_by_its_words(status: str, words: str, refusal: Refusal, code: str) -> None:
    octets = bounce_of(ours(), BOUNCE, "zoe@lab.test", "no mailbox").replace(b"Status: 5.1.1\r\n", status.encode())
    found = told(re.sub(rb"Diagnostic-Code: .*", f"Diagnostic-Code: {words}".encode(), octets), recipient=BOUNCE, sender="")
    assert (found.state, found.refusal, found.code) == (MessageState.BOUNCED, refusal, code)


def test_a_server_that_gave_up_trying_is_an_end_and_not_the_addresss_fault() -> None:
    octets = bounce_of(ours(), BOUNCE, "zoe@lab.test", "no mailbox").replace(b"Status: 5.1.1", b"Status: 4.4.7")
    found = told(octets, recipient=BOUNCE, sender="")
    assert (found.state, found.refusal) == (MessageState.EXPIRED, Refusal.UNREACHABLE)


def test_a_forged_bounce_changes_nothing() -> None:
    octets = bounce_of(ours(), BOUNCE, "zoe@lab.test", "no mailbox").replace(ATTEMPT.encode(), new_attempt_id().encode())
    forged = octets.replace(b"@mail.example.org>", b"@elsewhere.org>")
    assert isinstance(read(forged, recipient="bounce+" + "0" * 42 + "@mail.example.org", sender=""), Nobodys)


ODD = """From: MAILER-DAEMON@qmail.test
To: x
Subject: failure notice

Hi. This is the qmail-send program at qmail.test.
I'm afraid I wasn't able to deliver your message to the following addresses.
This is a permanent error; I've given up. Sorry it didn't work out.

<zoe@lab.test>:
Sorry, no mailbox here by that name. (#5.1.1)

--- Below this line is a copy of the message.
"""


def test_a_bounce_in_a_form_of_its_own_is_recognised() -> None:
    found = told(ODD, recipient=BOUNCE, sender="")
    assert (found.state, found.refusal, found.attempt_id) == (MessageState.BOUNCED, Refusal.ADDRESS, ATTEMPT)


def test_an_out_of_office_to_the_bounce_address_is_no_bounce() -> None:
    found = received(plain("I am away", "Auto-Submitted: auto-replied\n"), recipient=BOUNCE, sender="")
    assert (found.automatic, found.attempt_id, found.text) == (True, ATTEMPT, "I am away")


# -- what is made to be hard to read -------------------------------------------------------------------------------------------


def nested(depth: int) -> bytes:
    body = b"hello"
    for number in range(depth):
        body = b'Content-Type: multipart/mixed; boundary="b%d"\r\n\r\n--b%d\r\n%b\r\n--b%d--\r\n' % (number, number, body, number)
    return b"From: a@b.test\r\n" + body


@pytest.mark.parametrize(
    "octets",
    [
        nested(1000),
        b'From: a@b.test\r\nContent-Type: multipart/mixed; boundary="x"\r\n\r\n' + b"--x\r\n\r\nhi\r\n" * 50_000 + b"--x--\r\n",
        b"From: a@b.test\r\n" + b"X: y\r\n" * 100_000 + b"\r\nhi",
        b"From: a@b.test\r\n" + b"Content-Type: message/rfc822\r\n\r\n" * 500,
    ],
    ids=["deep", "wide", "long header", "mails in mails"],
)
def test_a_bomb_is_refused_quickly(octets: bytes) -> None:
    began = datetime.now(UTC)
    with pytest.raises(Unreadable):
        read_mail(octets, gateway="m", recipient=REPLY, sender="a@b.test", answers=ANSWERS, now=NOW)
    assert (datetime.now(UTC) - began).total_seconds() < 1


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"no header at all",
        b"\x00\xff" * 500,
        b"From: a@b.test\r\nContent-Type: text/plain; charset=klingon\r\n\r\nhi",
        b'From: a@b.test\r\nContent-Type: text/plain; charset="\x00"\r\n\r\nhi',
        b"From: a@b.test\r\nContent-Transfer-Encoding: base64\r\n\r\n!!!!",
        b"From: a@b.test\r\nContent-Type: multipart/mixed\r\n\r\nno boundary",
        b'From: a@b.test\r\nContent-Type: multipart/report; boundary="x"\r\n\r\n'
        b"--x\r\nContent-Type: message/delivery-status\r\n\r\n--x--",
        b"From: =?utf-8?b?////?= <@@>\r\nSubject: =?x?q?=ZZ?=\r\n\r\nhi",
        b"From: a@b.test\r\nDate: never\r\nTo: ;;;,,,<<>>\r\nIn-Reply-To: \xff\r\n\r\nhi",
    ],
)
def test_what_the_world_sends_is_a_mail_or_unreadable_and_never_an_accident(octets: bytes) -> None:
    try:
        found = read_mail(octets, gateway="m", recipient=REPLY, sender="a@b.test", answers=ANSWERS, now=NOW)
    except Unreadable:
        return
    assert isinstance(found, MessageReceived | MessageUpdate | Nobodys)


NAMES = ["From", "To", "Subject", "Content-Type", "Message-ID", "References", "Auto-Submitted", "Precedence", "Date"]
TYPES = [b"multipart/report; boundary=x", b"text/html; charset=utf-16", b"message/rfc822", b'multipart/mixed; boundary="x"']
FIELDS = st.lists(st.tuples(st.sampled_from(NAMES), st.one_of(st.binary(max_size=60), st.sampled_from(TYPES))), max_size=8)


@given(FIELDS, st.binary(max_size=300), st.sampled_from([REPLY, BOUNCE, UNSUBSCRIBE, "x@y.z"]))
@settings(max_examples=150)
def test_random_headers_and_bodies_are_no_accident(fields: list[tuple[str, bytes]], body: bytes, recipient: str) -> None:
    octets = b"".join(f"{name}: ".encode() + value + b"\r\n" for name, value in fields) + b"\r\n" + body
    with contextlib.suppress(Unreadable):
        read_mail(octets, gateway="m", recipient=recipient, sender="", answers=ANSWERS, now=NOW)


def test_text_that_makes_patterns_slow_is_read_in_no_time() -> None:
    began = datetime.now(UTC)
    for body in ("\n" * 100_000, " \n" * 50_000, "On " * 30_000, "> x\n" * 20_000, "From: a\nTo: b\n" * 10_000):
        received(plain("1\n" + body))
    assert (datetime.now(UTC) - began).total_seconds() < 2
