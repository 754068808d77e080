"""How Twilio writes: messages, lists, errors and signatures, as its published documents describe them."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime
from urllib.parse import parse_qs, urlsplit

from aiohttp import web

from dialer.domain.sms_text import size_of

VERSION = "2010-04-01"
LONGEST = 1600  # characters of one message


@dataclass(slots=True, kw_only=True)
class Taken:
    """One message that this Twilio has accepted, or received from a person."""

    sid: str
    to: str
    sender: str
    service: str | None
    text: str
    callback: str
    direction: str = "outbound-api"
    status: str = "queued"
    error: int | None = None
    made: datetime = field(default_factory=lambda: datetime.now(UTC))
    sent: datetime | None = None
    updated: datetime = field(default_factory=lambda: datetime.now(UTC))


def resource(message: Taken, account_sid: str) -> dict[str, object]:
    """A message as the API shows it."""
    uri = f"/{VERSION}/Accounts/{account_sid}/Messages/{message.sid}"
    return {
        "account_sid": account_sid,
        "api_version": VERSION,
        "body": message.text,
        "date_created": format_datetime(message.made),
        "date_sent": format_datetime(message.sent) if message.sent else None,
        "date_updated": format_datetime(message.updated),
        "direction": message.direction,
        "error_code": message.error,
        "error_message": None,
        "from": message.sender or None,
        "messaging_service_sid": message.service,
        "num_media": "0",
        "num_segments": str(size_of(message.text).segments),
        "price": None,
        "price_unit": "USD",
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def signature(auth_token: str, url: str, fields: Mapping[str, str]) -> str:
    """X-Twilio-Signature as its security page describes it: the address, then every field's name and value, sorted by name."""
    text = url + "".join(name + fields[name] for name in sorted(fields))
    return base64.b64encode(hmac.digest(auth_token.encode(), text.encode(), hashlib.sha1)).decode()


def attempt_in(url: str) -> str:
    """The dialer's own id, which it writes into the address of the callback."""
    return parse_qs(urlsplit(url).query).get("attempt", [""])[0]


def malformed(form: Mapping[str, str]) -> web.Response | None:
    """Twilio's answer to a form that lacks something, or None."""
    if not form.get("To"):
        return error(400, 21604, "A 'To' phone number is required.")
    if not form["To"].removeprefix("+").isdecimal() or not 3 <= len(form["To"]) <= 16:
        return error(400, 21211, f"Invalid 'To' Phone Number: {form['To']}")
    if not form.get("From") and not form.get("MessagingServiceSid"):
        return error(400, 21603, "A 'From' phone number is required.")
    if not form.get("Body"):
        return error(400, 21602, "Message body is required.")
    if len(form["Body"]) > LONGEST:
        return error(400, 21617, "The concatenated message body exceeds the 1600 character limit.")
    return None


def matches(message: Taken, query: Mapping[str, str]) -> bool:
    """Whether a message belongs into a list that was asked for."""
    if query.get("To") not in (None, message.to) or query.get("From") not in (None, message.sender):
        return False
    for name, wanted in query.items():
        if name.startswith("DateSent"):
            if message.sent is None:
                return False
            sent, day = message.sent.date(), date.fromisoformat(wanted[:10])
            if not {"DateSent": sent == day, "DateSent<": sent <= day, "DateSent>": sent >= day}.get(name, True):
                return False
    return True


def error(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """An error in Twilio's form."""
    told = {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status}
    return web.Response(status=status, text=json.dumps(told), content_type="application/json", headers=headers)


def new_sid() -> str:
    """The id of a new message."""
    return "SM" + secrets.token_hex(16)
