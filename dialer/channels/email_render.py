"""Turn an email's content into the octets of one contact's mail, doing whatever is the same for all contacts only once.

The standard library's email package makes some 270 mails a second on one core. A mail server takes ten times that: so its part
is done when a content is first seen, and only texts, addresses and encodings are made for each contact.
"""

from __future__ import annotations

import base64
import binascii
import re
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import lru_cache

from dialer.channels.email_config import MailAddresses, wire_address
from dialer.domain.email_content import Attachment, EmailContent
from dialer.domain.mail_token import TokenUse, signed_address
from dialer.domain.message_template import header_safe
from dialer.errors import BadInput
from dialer.ports import EmailOrder

CONTENTS_KEPT = 64
LONGEST_PLAIN = 200  # characters of a header that is written as it is
LONGEST_SUBJECT = 2000
WORD = 45  # octets of text in one encoded word: 60 characters of base64 and 12 around them
_URL = re.compile(r"https://[!-~]+\Z")


@dataclass(frozen=True, slots=True)
class _Compiled:
    """What is the same for all mails of one content."""

    content: EmailContent  # kept, so that no other content gets its identity
    sender: bytes
    attachments: bytes  # with the boundaries around them
    outer: str  # a boundary; "" without attachments
    inner: str  # between text and HTML; "" where there is only one of them


class MailWriter:
    """Writes mails from one sender, with answers to our own addresses."""

    def __init__(self, sender: str, answers: MailAddresses) -> None:
        self._sender, self._answers = sender, answers
        self._compiled: OrderedDict[int, _Compiled] = OrderedDict()

    def message_id(self, order: EmailOrder) -> str:
        """The same whenever the attempt is written: a receiver that gets it twice can know."""
        return f"<{order.attempt_id}@{self._answers.domain}>"

    def envelope_sender(self, order: EmailOrder) -> str:
        """Where mail servers send what they could not deliver: an address of this one mail (VERP), signed."""
        return signed_address(TokenUse.BOUNCE, order.attempt_id, self._answers.domain, self._answers.keys[0])

    def write(self, order: EmailOrder, now: datetime) -> bytes:
        """The mail, with CR LF at each line's end and its dots doubled. Raises BadInput for what no header may hold."""
        one = self._prepared(order.content)
        content, values = order.content, order.values
        header = [
            b"From: " + one.sender,
            b"To: " + mailbox(order.name, wire_address(order.address)),
            b"Subject: " + _subject(content.subject.fill(values)),
            b"Date: " + _date(now.replace(microsecond=0)),
            b"Message-ID: " + self.message_id(order).encode(),
            b"Reply-To: " + self._address(TokenUse.REPLY, order),
            b"Auto-Submitted: auto-generated",
            b"X-Auto-Response-Suppress: OOF, AutoReply",
            b"MIME-Version: 1.0",
        ]
        if order.unsubscribe or order.unsubscribe_url:
            header += self._unsubscribe(order)
        body = self._body(one, order)
        if one.outer:
            kind = f'Content-Type: multipart/mixed; boundary="{one.outer}"\r\n\r\n--{one.outer}\r\n'.encode()
            body = kind + body + one.attachments
        return (b"\r\n".join(header) + b"\r\n" + body).replace(b"\n.", b"\n..")

    def _unsubscribe(self, order: EmailOrder) -> list[bytes]:
        mail = b"<mailto:" + self._address(TokenUse.UNSUBSCRIBE, order) + b">"
        if not order.unsubscribe_url:
            return [b"List-Unsubscribe: " + mail]
        if not _URL.match(order.unsubscribe_url) or ">" in order.unsubscribe_url:
            raise BadInput("no https address", where="the unsubscribe address")
        page = b"<" + order.unsubscribe_url.encode() + b">"
        return [b"List-Unsubscribe: " + page + b",\r\n " + mail, b"List-Unsubscribe-Post: List-Unsubscribe=One-Click"]

    def _body(self, one: _Compiled, order: EmailOrder) -> bytes:
        content, values = order.content, order.values
        text = _part("plain", content.text.fill(values)) if content.text else b""
        html = _part("html", content.html.fill_html(values)) if content.html else b""
        if not one.inner:
            return text or html
        cut = f"--{one.inner}".encode()
        kind = f'Content-Type: multipart/alternative; boundary="{one.inner}"\r\n\r\n'.encode()
        return b"".join((kind, cut, b"\r\n", text, cut, b"\r\n", html, cut, b"--\r\n"))

    def _address(self, use: TokenUse, order: EmailOrder) -> bytes:
        return signed_address(use, order.attempt_id, self._answers.domain, self._answers.keys[0]).encode()

    def _prepared(self, content: EmailContent) -> _Compiled:
        found = self._compiled.get(id(content))
        if found is not None:
            return found
        outer = f"=_o{secrets.token_hex(12)}" if content.attachments else ""  # no encoded text ever holds "=_"
        compiled = self._compiled[id(content)] = _Compiled(
            content,
            mailbox(*parseaddr(content.sender or self._sender)),
            b"".join(f"--{outer}\r\n".encode() + _attachment(one) for one in content.attachments) + f"--{outer}--\r\n".encode(),
            outer,
            f"=_i{secrets.token_hex(12)}" if content.text and content.html else "",
        )
        while len(self._compiled) > CONTENTS_KEPT:
            self._compiled.popitem(last=False)
        return compiled


def mailbox(name: str, address: str) -> bytes:
    """`Name <address>` for a header. Raises BadInput."""
    header_safe(address, "an address")
    shown = f"<{address}>".encode()
    if not name.strip():
        return shown
    if len(name) > LONGEST_PLAIN:
        raise BadInput(f"a name of {len(name)} characters", where="the name of a recipient")
    header_safe(name, "the name of a recipient")
    name = " ".join(name.split())  # a phrase: white space in it only parts its words
    if name.isascii() and "=?" not in name:
        return b'"' + re.sub(r'(["\\])', r"\\\1", name).encode() + b'" ' + shown
    return _words(name) + b"\r\n " + shown


@lru_cache(maxsize=4)
def _date(second: datetime) -> bytes:
    return format_datetime(second).encode()


def _subject(text: str) -> bytes:
    header_safe(text, "the subject")
    if len(text) > LONGEST_SUBJECT:
        raise BadInput(f"{len(text)} characters", where="the subject")
    return text.encode() if text.isascii() and len(text) <= LONGEST_PLAIN and "=?" not in text else _words(text)


def _words(text: str) -> bytes:
    """Encoded words (RFC 2047), one in each line; no character is cut in two."""
    words, room = [b""], WORD
    for mark in text:
        octets = mark.encode()
        if len(octets) > room:
            words.append(b"")
            room = WORD
        words[-1] += octets
        room -= len(octets)
    return b"\r\n ".join(b"=?utf-8?b?" + base64.b64encode(word) + b"?=" for word in words)


def _part(kind: str, text: str) -> bytes:
    """Quoted-printable: every server takes it, and a text stays readable to those who look."""
    # With line feeds alone, and one at its end: the encoder goes by the first line end that it sees.
    lines = text.replace("\r\n", "\n").replace("\r", "\n") + "\n"
    encoded = binascii.b2a_qp(lines.encode(errors="replace"), istext=True).replace(b"\n", b"\r\n")
    head = f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n".encode()
    return head + encoded


def _attachment(one: Attachment) -> bytes:
    main, _, sub = one.content_type.partition("/")
    part = EmailMessage(policy=SMTP)
    part.set_content(one.data, maintype=main, subtype=sub, cte="base64", filename=one.name, disposition="attachment")
    del part["MIME-Version"]
    octets = part.as_bytes()
    return octets if octets.endswith(b"\r\n") else octets + b"\r\n"
