"""What the settings say of text messages and emails: gateways, the way back to us, and how long ends are waited for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, StringConstraints

from dialer.settings.section import Listen, Port, Seconds, Section
from dialer.settings.sources import At

GatewayName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")]
Url = Annotated[str, StringConstraints(pattern=r"^(https?://[^\s/]+/?)?$")]
PerSecond = Annotated[float, Field(gt=0, le=10_000)]
Security = Literal["none", "starttls", "tls"]
NONE = SecretStr("")

LEAST = 16  # characters of the secret that signs addresses


class Web(Section):
    """[web]: the web server to which providers bring news of messages, and people their wish to get no more."""

    listen: Listen | None = None  # none = there is none
    public_url: Url = ""  # where the world reaches it: signatures are checked against this address
    allow_remote: bool = False  # it is not encrypted: a web server with TLS stands before it


class Messages(Section):
    """[messages]: what holds for all gateways."""

    sms_wait_s: Annotated[float, Field(ge=1, le=7 * 86_400)] = 3600.0  # so long the end of a text message is waited for
    email_wait_s: Annotated[float, Field(ge=1, le=7 * 86_400)] = 300.0  # so long a bounce is waited for
    attachments: Path = Path("config/attachments")
    secret: SecretStr = NONE  # signs the addresses that bounces, answers and opt-outs come back to
    secret_file: Path | None = None
    old_secret: SecretStr = NONE  # believed still, while the secret is changed
    old_secret_file: Path | None = None


class SmsGateway(Section):
    """[[sms_gateway]]: a provider of text messages; the first is the usual one."""

    name: GatewayName
    type: Literal["twilio", "smpp"]
    sender: Annotated[str, Field(min_length=1)]
    secret: SecretStr = NONE  # Twilio's auth token, or the password of SMPP
    secret_file: Path | None = None
    max_per_s: PerSecond | None = None  # segments of the whole gateway
    sender_per_s: PerSecond | None = None  # segments of each sender
    answer_s: Seconds = 15.0  # later than that a message is in doubt
    # Twilio
    account_sid: str = ""
    old_secret: SecretStr = NONE
    old_secret_file: Path | None = None
    api_url: Url = "https://api.twilio.com"
    max_in_flight: Annotated[int, Field(ge=1, le=10_000)] = 50
    # SMPP
    host: str = ""
    port: Port = 2775
    system_id: str = ""
    system_type: str = ""
    tls: bool = False
    window: Annotated[int, Field(ge=1, le=1000)] = 20
    long_messages: Literal["udh", "payload"] = "udh"
    receipt_ids: Literal["same", "hex-in-answer"] = "same"
    default_alphabet: Literal["gsm", "latin-1", "ascii"] = "gsm"  # what the centre means by data coding 0
    refusals: dict[str, str] = Field(default_factory=dict)  # the provider's own status -> whose doing it is
    tag_messages: bool = False  # show our attempt id to the message centre: for a laboratory


class EmailGateway(Section):
    """[[email_gateway]]: a mail server that takes our mails; the first is the usual one."""

    name: GatewayName
    host: Annotated[str, Field(min_length=1)]
    port: Port = 587
    security: Security = "starttls"
    username: str = ""
    secret: SecretStr = NONE
    secret_file: Path | None = None
    ca_file: Path | None = None
    sender: Annotated[str, Field(min_length=1)]
    answers_domain: Annotated[str, Field(min_length=1)]  # bounce+..., reply+... and unsubscribe+... there are delivered to us
    connections: Annotated[int, Field(ge=1, le=1000)] = 6
    max_per_s: PerSecond | None = None
    sender_per_s: PerSecond | None = None
    answer_s: Seconds = 120.0  # after its last line; later than that a mail is in doubt
    greylist_s: Seconds = 1800.0  # a mail that the server would not take now is tried again after so long
    lmtp: Listen | None = None  # where our mail server delivers what comes back
    mailboxes: tuple[str, ...] = ()  # further addresses whose mails are ours
    imap_host: str = ""  # or a mailbox from which it is fetched
    imap_port: Port = 993
    imap_security: Security = "tls"
    imap_username: str = ""
    imap_secret: SecretStr = NONE
    imap_secret_file: Path | None = None
    imap_folder: str = "INBOX"
    imap_every_s: Seconds = 30.0


_OF_TYPE = {
    "twilio": {"account_sid", "old_secret", "old_secret_file", "api_url", "max_in_flight"},
    "smpp": {
        *("host", "port", "system_id", "system_type", "tls", "window"),
        *("long_messages", "receipt_ids", "default_alphabet", "refusals", "tag_messages"),
    },
}
_NEEDED = {"twilio": ("account_sid",), "smpp": ("host", "system_id")}


def message_checks(raw: Mapping[str, Any]) -> Iterator[tuple[At, str]]:
    """What one key alone cannot tell of messages."""
    web, kept = _table(raw, "web"), _table(raw, "messages")
    sms, email = _tables(raw, "sms_gateway"), _tables(raw, "email_gateway")
    names: list[str] = []
    for section, gateways in (("sms_gateway", sms), ("email_gateway", email)):
        for index, one in enumerate(gateways):
            name = str(one.get("name", ""))
            if name and name in names:
                yield (section, index, "name"), f"a second gateway is called {name!r}: names are unique"
            names.append(name)
    for index, one in enumerate(sms):
        yield from _sms_checks(index, one)
    if any(one.get("type") == "twilio" for one in sms):
        for key in ("listen", "public_url"):
            if not web.get(key):
                yield ("web", key), "is missing: Twilio brings its news there"
    url = str(web.get("public_url", ""))
    if url.startswith("http://") and (urlsplit(url).hostname or "") not in ("localhost", "127.0.0.1", "::1"):
        yield ("web", "public_url"), "must begin with https://: what comes there names people"
    for index, one in enumerate(email):
        yield from _email_checks(index, one)
    if email and not kept.get("secret") and "secret_file" not in kept:
        yield ("messages", "secret"), "is missing (or secret_file): it tells our own bounces from others' (openssl rand -hex 32)"
    for name in ("secret", "old_secret"):
        if 0 < len(str(kept.get(name, ""))) < LEAST and kept.get(name) != "unread":
            yield ("messages", name), f"must have at least {LEAST} characters of chance (openssl rand -hex 32)"


def _sms_checks(index: int, one: Mapping[str, Any]) -> Iterator[tuple[At, str]]:
    kind = one.get("type")
    if kind not in _OF_TYPE:
        return
    for other, keys in _OF_TYPE.items():
        for key in sorted(keys & one.keys()) if other != kind else ():
            yield ("sms_gateway", index, key), f"is for gateways of the type {other!r}"
    for key in _NEEDED[str(kind)]:
        if not one.get(key):
            yield ("sms_gateway", index, key), "is missing"
    if not one.get("secret") and "secret_file" not in one:
        yield ("sms_gateway", index, "secret"), "is missing (or secret_file)"
    refusals = one.get("refusals")
    for status in refusals if isinstance(refusals, Mapping) else ():
        if not re.fullmatch(r"0x[0-9A-Fa-f]{1,8}", str(status)):
            yield ("sms_gateway", index, "refusals"), f'{status!r} is no status: "0x432"'


def _email_checks(index: int, one: Mapping[str, Any]) -> Iterator[tuple[At, str]]:
    if one.get("username") and not one.get("secret") and "secret_file" not in one:
        yield ("email_gateway", index, "secret"), "is missing (or secret_file)"
    if one.get("username") and one.get("security") == "none":
        yield ("email_gateway", index, "security"), "a password would go over the wire in clear: starttls or tls"
    if one.get("imap_host"):
        if not one.get("imap_username"):
            yield ("email_gateway", index, "imap_username"), "is missing"
        if not one.get("imap_secret") and "imap_secret_file" not in one:
            yield ("email_gateway", index, "imap_secret"), "is missing (or imap_secret_file)"


def _table(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = raw.get(name)
    return found if isinstance(found, Mapping) else {}


def _tables(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = raw.get(name)
    return [one if isinstance(one, Mapping) else {} for one in found] if isinstance(found, list) else []
