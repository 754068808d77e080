"""Read what a strategy writes to contacts: the texts of SMS and email, with blanks for the contact's attributes."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import Any

from dialer.domain.channel import misshapen
from dialer.domain.contact import Address
from dialer.domain.email_content import CONTENT_TYPE, UNSUBSCRIBE_URL
from dialer.domain.message_names import GATEWAY, SENDER_MEND, SERVICE, SMS_SENDER
from dialer.domain.message_template import MessageTemplate, header_safe
from dialer.domain.sms_text import MAX_SEGMENTS, outside_gsm7, size_of
from dialer.domain.strategy import AttachedFile, EmailHandler, Handler, SmsHandler
from dialer.domain.wording import Wording
from dialer.errors import BadInput
from dialer.services.marked_yaml import Table
from dialer.services.strategy_conditions import Shown, read_senders

SMS_KEYS = ("text", "gateway", "sender", "senders", "valid_for_s")
EMAIL_KEYS = ("subject", "text", "html", "attachments", "gateway", "sender", "senders", "unsubscribe")

_LONGEST_VALID_S = 7 * 24 * 3600.0
_LONGEST_SUBJECT = 500
_MOST_ATTACHMENTS = 10
_FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._ -]{0,120}")  # a name in the folder of attachments, and no way out of it
_FEW = 3  # characters outside of GSM-7: so few are a slip; a text full of them is in another script


def read_sms(table: Table, state: str, places: dict[str, int]) -> dict[str, Any]:
    """The keys of `sms:` that are its own."""
    places[f"{state}.text"] = table.values.get("text", table.node).start_mark.line + 1
    text = _template(table, "text", required=True) or MessageTemplate("")
    if UNSUBSCRIBE_URL in text.names:
        table.bad("text", f"has ${{{UNSUBSCRIBE_URL}}}, which only mails have", "STOP ends messages")
    if size_of(text.fill({})).segments > MAX_SEGMENTS:
        table.bad("text", f"is more than {MAX_SEGMENTS} segments")
    valid = table.number("valid_for_s", 0.0, least=60, most=_LONGEST_VALID_S) if table.has("valid_for_s") else None
    return {"text": text, "valid_for_s": valid, **_shown(table, _SMS_SENDER)}


def read_email(table: Table) -> dict[str, Any]:
    """The keys of `email:` that are its own."""
    subject = _template(table, "subject", required=True) or MessageTemplate("")
    try:
        header_safe(subject.text, "")
    except BadInput as wrong:
        table.bad("subject", wrong.what, wrong.mend)
    if UNSUBSCRIBE_URL in subject.names:
        table.bad("subject", f"has no place for ${{{UNSUBSCRIBE_URL}}}", "put it into the text")
    if len(subject.text) > _LONGEST_SUBJECT:
        table.bad("subject", f"is longer than {_LONGEST_SUBJECT} characters")
    text, html = _template(table, "text"), _template(table, "html")
    if text is None and html is None:
        table.bad("text", "is missing", "a mail has a `text`, `html`, or both")
    return {
        "subject": subject,
        "text": text,
        "html": html,
        "attachments": _attachments(table),
        "unsubscribe": table.truth("unsubscribe", True),
        **_shown(table, _MAIL_SENDER),
    }


def characters_that_cost(handler: SmsHandler) -> str:
    """The few characters by which a text of Latin letters needs twice as many segments; "" where there are none."""
    foreign = outside_gsm7(handler.text.fill({}))
    return foreign if len(foreign) <= _FEW else ""


def without_a_way_to_stop(handler: Handler, wording: Wording) -> bool:
    """Whether whoever reads the message is not told how to have no more: no word for it, no page, no List-Unsubscribe.

    A text that is nothing but blanks may say so in what fills them.
    """
    match handler:
        case SmsHandler(text=text):
            bodies = [text]
        case EmailHandler(unsubscribe=False):  # else every mail has List-Unsubscribe
            bodies = [body for body in (handler.text, handler.html) if body is not None]
        case _:
            return False
    written = "\n".join(body.fill({}) for body in bodies)
    has_page = any(UNSUBSCRIBE_URL in body.names for body in bodies)
    return bool(written.strip()) and not has_page and not wording.tells_how_to_stop(written)


def _template(table: Table, key: str, *, required: bool = False) -> MessageTemplate | None:
    text = table.text(key, required=required)
    if not table.has(key):
        return None
    if not text:
        table.bad(key, "is empty")
    try:
        return MessageTemplate(text)
    except BadInput as wrong:
        table.bad(key, wrong.what, wrong.mend)
        return None


def _shown(table: Table, shown: Shown) -> dict[str, Any]:
    gateway = table.text("gateway")
    if gateway and not GATEWAY.match(gateway):
        table.bad("gateway", "must be the name of a gateway of the settings", "letters, digits, dash and underscore")
    return {"sender": shown.check(table, "sender"), "gateway": gateway, "senders": read_senders(table, shown)}


def _may_send_sms(sender: str) -> bool:
    return bool(SMS_SENDER.match(sender) or SERVICE.match(sender))


def _may_send_mail(sender: str) -> bool:
    try:
        header_safe(sender, "")
    except BadInput:
        return False
    return not misshapen(Address(name="", value=parseaddr(sender)[1], channel="email"))


_SMS_SENDER = Shown("sender", _may_send_sms, "cannot be the sender of a text message", f"{SENDER_MEND}; or MG...")
_MAIL_SENDER = Shown("sender", _may_send_mail, "cannot be the sender of a mail", "for example Blood Service <donate@example.org>")


def _attachments(email: Table) -> tuple[AttachedFile, ...]:
    found = []
    for at, node in email.items("attachments"):
        table = Table.read(node, at, email.mistakes, ("file", "name", "type"))
        if table is None:
            continue
        file, kind = table.text("file", required=True), table.text("type", required=True)
        if table.has("file") and not _FILE.fullmatch(file):
            table.bad("file", "must be the name of a file in the folder of attachments")
        if table.has("type") and not CONTENT_TYPE.match(kind):
            table.bad("type", "must be a content type", "for example application/pdf")
        name = table.text("name", file)
        try:
            header_safe(name, "")
        except BadInput as wrong:
            table.bad("name", wrong.what, wrong.mend)
        found.append(AttachedFile(file=file, name=name, content_type=kind))
    if len(found) > _MOST_ATTACHMENTS:
        email.bad("attachments", f"has more than {_MOST_ATTACHMENTS} files")
    return tuple(found)
