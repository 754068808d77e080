"""What the operator says about an account with Twilio."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from dialer.domain.ids import AttemptId
from dialer.domain.message_names import GATEWAY, SENDER_MEND, SERVICE, SMS_SENDER
from dialer.errors import BadInput

LONGEST_TEXT = 1600  # characters; more is refused (error 21617)
ACCOUNT = re.compile(r"AC[0-9a-fA-F]{32}\Z")

# To Twilio itself, and no part of what it requests and signs: repeat a callback five times, also when we answer 503.
RETRIES = "#rc=5&rp=5xx,ct,rt"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwilioConfig:
    """One gateway. `public_url` is where Twilio reaches our web server: signatures are checked against it, never against what
    a request says of itself."""

    name: str
    account_sid: str
    auth_token: str = field(repr=False)
    sender: str  # a number, a short code, a name, or the SID of a messaging service
    public_url: str  # such as https://dialer.example.org
    old_auth_token: str = field(default="", repr=False)  # still believed in webhooks while a token is being changed
    api_url: str = "https://api.twilio.com"
    max_per_s: float | None = 1.0  # segments; what the sender may send: 1 for a long code, 100 and more for a short code
    max_in_flight: int = 50
    connect_timeout_s: float = 5.0
    answer_timeout_s: float = 15.0
    turn_timeout_s: float = 10.0  # how long an order waits for its turn
    stop_timeout_s: float = 20.0

    def __post_init__(self) -> None:
        _checked(GATEWAY, self.name, "the name of a gateway", "letters, digits, dash and underscore")
        _checked(ACCOUNT, self.account_sid, "account_sid", "AC and 32 hexadecimal digits")
        if not may_send(self.sender):
            raise BadInput(f"{self.sender!r} cannot be it", where="sender", mend=f"{SENDER_MEND}; or a messaging service (MG...)")
        for where, url in (("public_url", self.public_url), ("api_url", self.api_url)):
            parts = urlsplit(url)
            if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.path not in ("", "/"):
                raise BadInput(f"{url!r} is no such address", where=where, mend="https://host, without a path")
        if not self.auth_token:
            raise BadInput("it is empty", where="auth_token")
        if (self.max_per_s is not None and self.max_per_s <= 0) or self.max_in_flight < 1:
            raise BadInput("the limits of a gateway must be positive", where=self.name)

    @property
    def status_path(self) -> str:
        """Where news of messages arrives."""
        return f"/hooks/twilio/{self.name}/status"

    @property
    def inbound_path(self) -> str:
        """Where messages to us arrive; the operator enters it with Twilio."""
        return f"/hooks/twilio/{self.name}/inbound"

    def public(self, path: str) -> str:
        """A path as Twilio sees it."""
        return self.public_url.rstrip("/") + path

    def status_url(self, attempt_id: AttemptId) -> str:
        """The callback of one message: it carries our id, so that news may come before Twilio's answer to us has."""
        return self.public(f"{self.status_path}?attempt={attempt_id}") + RETRIES


def may_send(sender: str) -> bool:
    """Whether it can be the sender of a message."""
    return bool(SMS_SENDER.match(sender) or SERVICE.match(sender))


def _checked(pattern: re.Pattern[str], value: str, where: str, mend: str) -> None:
    if not pattern.match(value):
        raise BadInput(f"{value!r} cannot be it", where=where, mend=mend)
