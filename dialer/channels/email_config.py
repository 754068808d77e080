"""What the operator says about the mail server that takes our mails, and about the addresses that answers come back to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from email.utils import parseaddr
from enum import StrEnum

from dialer.domain.message_names import GATEWAY
from dialer.domain.message_template import header_safe
from dialer.errors import BadInput

DOMAIN = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*\Z"
)
# No quotes, no comments, no source routes: what people have. Letters of other scripts need a server that takes them.
LOCAL_PART = re.compile(r"[^\s<>@\"(),:;\\\[\]\x00-\x20\x7f-\x9f]{1,64}\Z")


class MailSecurity(StrEnum):
    """How the connection to the mail server is protected."""

    NONE = "none"  # for a server on this machine
    STARTTLS = "starttls"  # the usual one, on port 587
    TLS = "tls"  # from the first byte, on port 465


@dataclass(frozen=True, slots=True, kw_only=True)
class MailAddresses:
    """The domains and the keys by which bounces and answers find their attempt. The new key comes first, old ones after it."""

    domain: str  # where bounce+..., reply+... and unsubscribe+... are delivered to us
    keys: tuple[bytes, ...] = field(repr=False)

    def __post_init__(self) -> None:
        if not DOMAIN.match(self.domain):
            raise BadInput(f"{self.domain!r} is no domain", where="the domain of answers", mend="such as mail.example.org")
        if not self.keys or any(len(key) < 16 for key in self.keys):
            raise BadInput("too short", where="the key of the answers' addresses", mend="at least 16 octets of chance")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpConfig:
    """One gateway. Times in seconds."""

    name: str
    host: str
    port: int = 587
    security: MailSecurity = MailSecurity.STARTTLS
    username: str = ""
    password: str = field(default="", repr=False)
    ca_file: str = ""  # the certificates that are trusted; the machine's own where it is empty
    sender: str  # such as `Blood Service <donate@example.org>`
    answers: MailAddresses
    hello: str = ""  # what we call ourselves; the domain of the answers where it is empty
    connections: int = 6
    messages_per_connection: int = 500  # then a new one: servers do not like endless ones
    idle_s: float = 20.0  # a connection that was idle for longer is not used any more; servers close theirs after 30 and more
    max_per_s: float | None = None
    connect_timeout_s: float = 10.0
    answer_timeout_s: float = 30.0
    final_timeout_s: float = 120.0  # after the last dot; later than that a mail is in doubt (RFC 5321 has 10 minutes)
    turn_timeout_s: float = 10.0
    later_s: float = 1800.0  # after "not now" (4xx, greylisting)
    backoff_first_s: float = 0.5
    backoff_max_s: float = 30.0
    refused_retry_s: float = 60.0  # a refused login is tried no oftener
    stop_timeout_s: float = 10.0

    def __post_init__(self) -> None:
        if not GATEWAY.match(self.name):
            raise BadInput(f"{self.name!r}", where="the name of a gateway", mend="letters, digits, dash and underscore")
        if not self.host or not 0 < self.port < 65536:
            raise BadInput(f"{self.host}:{self.port}", where="host and port", mend="a name, and 1 to 65535")
        if not is_address(parseaddr(header_safe(self.sender, "sender"))[1]):
            raise BadInput(f"{self.sender!r}", where="sender", mend="Name <address@domain>")
        if self.hello and not DOMAIN.match(self.hello):
            raise BadInput(f"{self.hello!r}", where="hello", mend="a host name")
        if min(self.connections, self.messages_per_connection) < 1 or (self.max_per_s is not None and self.max_per_s <= 0):
            raise BadInput("the limits of a gateway must be positive", where=self.name)
        if self.username and self.security is MailSecurity.NONE:
            raise BadInput("a password would go over the wire in clear", where="security", mend="starttls or tls")


def is_address(address: str) -> bool:
    """Whether it has the plain form of an email address, in any script."""
    local, at, domain = address.rpartition("@")
    if not at or not LOCAL_PART.match(local) or local.startswith(".") or local.endswith(".") or ".." in local:
        return False
    return bool(DOMAIN.match(ascii_domain(domain)))


def wire_address(address: str) -> str:
    """The address with its domain as mail servers know it."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{ascii_domain(domain)}"


def ascii_domain(domain: str) -> str:
    """A domain as mail servers know it; "" where it is none."""
    try:
        return domain.encode("idna").decode("ascii") if not domain.isascii() else domain
    except UnicodeError:
        return ""
