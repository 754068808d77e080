"""What a mail program reads from our mails is what it reads from those that the standard library writes, for any order."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, default
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dialer.channels.email_config import MailAddresses
from dialer.channels.email_render import MailWriter
from dialer.domain.email_content import Attachment, EmailContent
from dialer.domain.ids import AttemptId
from dialer.domain.message_template import MessageTemplate
from dialer.errors import BadInput
from dialer.ports import EmailOrder

pytestmark = pytest.mark.unit

ANSWERS = MailAddresses(domain="mail.example.org", keys=(b"k" * 32,))
NOW = datetime(2026, 5, 10, 12, tzinfo=UTC)
WRITER = MailWriter("Blood Service <donate@example.org>", ANSWERS)  # one for all orders: what it keeps must fit all of them

MARKS = st.characters(exclude_categories=["Cs"])
IN_A_HEADER = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=120)
TEXTS = st.text(MARKS, max_size=300) | st.text("ab =.\t\r\n$ü€😀", max_size=300) | st.text("x", min_size=900, max_size=1100)
# The library's reader puts a space between two encoded words of a name, though not of a subject, against RFC 2047, 6.2: names
# in other scripts are as short as one word.
PEOPLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120) | st.text(
    st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), max_size=10
)
NAMES = st.sampled_from(["first_name", "city", "Ort", "a b"])
BLANKS = NAMES.map("${{{}}}".format)
FIXED, FIXED_LINE = (texts.map(lambda text: text.replace("${", "")) for texts in (TEXTS, IN_A_HEADER))
PIECES = st.lists(FIXED | BLANKS, min_size=1, max_size=6).map("".join)
SUBJECTS = st.lists(FIXED_LINE | BLANKS, max_size=3).map("".join)
FILES = st.builds(
    Attachment,
    name=IN_A_HEADER.filter(str.strip),
    content_type=st.sampled_from(["application/pdf", "image/png", "text/plain", "application/octet-stream"]),
    data=st.binary(max_size=300),
)


def by_the_library(order: EmailOrder) -> bytes:
    """The same mail as plainly as the standard library writes it."""
    content, values = order.content, order.values
    mail = EmailMessage(policy=SMTP)
    mail["From"] = content.sender or "Blood Service <donate@example.org>"
    mail["To"] = Address(display_name=order.name, addr_spec=order.address)
    mail["Subject"] = content.subject.fill(values)
    mail["Date"] = NOW
    mail["Message-ID"] = f"<{order.attempt_id}@{ANSWERS.domain}>"
    if content.text is not None:
        mail.set_content(content.text.fill(values))
    if content.html is not None:
        (mail.set_content if content.text is None else mail.add_alternative)(content.html.fill_html(values), subtype="html")
    for one in content.attachments:
        main, _, sub = one.content_type.partition("/")
        mail.add_attachment(one.data, maintype=main, subtype=sub, filename=one.name)
    return mail.as_bytes()


def read(octets: bytes) -> dict[str, Any]:
    """All that a mail program shows of it."""
    mail = message_from_bytes(octets, policy=default)
    assert not [defect for part in mail.walk() for defect in part.defects]
    return {
        "people": [(_phrase(one.display_name), one.addr_spec) for name in ("From", "To") for one in mail[name].addresses],
        "subject": str(mail["Subject"]).strip(" "),
        "other headers": [str(mail[name]) for name in ("Date", "Message-ID", "MIME-Version")],
        "structure": [(part.get_content_type(), part.get_content_disposition(), part.get_filename()) for part in mail.walk()],
        "contents": [_content(part) for part in mail.walk() if not part.is_multipart()],
    }


def _phrase(name: str) -> str:
    """White space parts the words of a name, and means no more (RFC 5322, 3.2.5); the library keeps it only where it quotes."""
    return " ".join(name.split())


def _content(part: EmailMessage) -> object:
    content = part.get_content()
    return content.replace("\r\n", "\n").rstrip("\n") if isinstance(content, str) else content


@settings(max_examples=60)
@given(
    subject=SUBJECTS,
    text=st.none() | PIECES,
    html=st.none() | PIECES,
    files=st.lists(FILES, max_size=2),
    values=st.dictionaries(NAMES, IN_A_HEADER),
    name=PEOPLE,
)
def test_any_order_reads_the_same(
    subject: str, text: str | None, html: str | None, files: list[Attachment], values: dict[str, str], name: str
) -> None:
    assume(text or html)
    try:
        content = EmailContent(
            subject=MessageTemplate(subject),
            text=None if text is None else MessageTemplate(text),
            html=None if html is None else MessageTemplate(html),
            attachments=tuple(files),
        )
    except BadInput:
        assume(False)
    order = EmailOrder(attempt_id=AttemptId("0" * 26), address="zoe@lab.test", content=content, values=values, name=name)
    taken = re.sub(rb"(?m)^\.", b"", WRITER.write(order, NOW))  # a mail server takes the first dot of each line away
    # The library folds runs of wide white space in names and subjects wrongly: of these the order itself is the measure.
    assert read(taken) == read(by_the_library(order)) | {
        "people": [("Blood Service", "donate@example.org"), (_phrase(name), "zoe@lab.test")],
        "subject": content.subject.fill(values).strip(" "),
    }
