"""Read what Twilio posts to our web server: news of our messages, and messages to us. Only what it signed is believed."""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from dialer.channels.twilio_codes import reason_of, state_of
from dialer.channels.twilio_config import TwilioConfig
from dialer.domain.ids import ALPHABET, AttemptId
from dialer.domain.wording import Wish
from dialer.errors import BadInput, Forged
from dialer.ports import Clock, MessageReceived, MessageUpdate

SIGNATURE_HEADER = "X-Twilio-Signature"
MAX_FIELDS = 100
ASKED = {wish.name: wish for wish in Wish}  # OptOutType: a keyword of Advanced Opt-Out, which may be none that we know
Form = Sequence[tuple[str, str]]  # every field as it came, repeated ones too: the signature covers them all


class TwilioWebhooks:
    """The web server hands over path and query as they came, the form and the signature, and answers 204 once it is on disk.

    Both methods raise Forged (answer 403) and BadInput (signed, and yet not what it should be: answer 400).
    """

    def __init__(self, config: TwilioConfig, clock: Clock) -> None:
        from twilio.request_validator import RequestValidator

        self._config, self._clock = config, clock
        self._validators = [RequestValidator(token) for token in (config.auth_token, config.old_auth_token) if token]
        # With and without the port: Twilio itself is not of one mind, and its library tries both.
        self._bases = tuple(dict.fromkeys((config.public(""), *_with_and_without_port(config.public("")))))

    def status(self, path: str, form: Form, signature: str) -> MessageUpdate:
        """News of a message of ours. Idempotent: the same news twice is the same update twice."""
        fields = self._genuine(path, form, signature)
        said = fields.get("MessageStatus") or fields.get("SmsStatus", "")
        sid = fields.get("MessageSid") or fields.get("SmsSid", "")
        code = fields.get("ErrorCode", "")
        state = state_of(said, code)
        if state is None or not sid:
            raise BadInput(f"the state {said!r} of message {sid!r}", where="a status callback of Twilio")
        return MessageUpdate(
            gateway=self._config.name,
            state=state,
            at=self._clock.now(),
            attempt_id=attempt_in(path),
            provider_id=sid,
            refusal=reason_of(code or "30008") if state.failed else None,
            code=code,
            text=fields.get("ErrorMessage", ""),
        )

    def inbound(self, path: str, form: Form, signature: str) -> MessageReceived:
        """A message to one of our numbers."""
        fields = self._genuine(path, form, signature)
        sid = fields.get("MessageSid") or fields.get("SmsSid", "")
        if not sid or not fields.get("From"):
            raise BadInput("no MessageSid or no From", where="an incoming message of Twilio")
        return MessageReceived(
            gateway=self._config.name,
            provider_id=sid,
            sender=fields["From"],
            recipient=fields.get("To", ""),
            text=fields.get("Body", ""),
            at=self._clock.now(),
            asks=ASKED.get(fields.get("OptOutType", "").upper()),
            attached=_count(fields.get("NumMedia", "")),
        )

    def _genuine(self, path: str, form: Form, signature: str) -> dict[str, str]:
        if not signature or not path.startswith("/") or len(form) > MAX_FIELDS:
            raise Forged("a webhook without a signature")
        signed = _MultiForm(form)
        given = signature.encode()
        if not any(
            hmac.compare_digest(validator.compute_signature(base + path, signed).encode(), given)
            for validator in self._validators
            for base in self._bases
        ):
            raise Forged("a webhook whose signature is wrong")
        return dict(form)


class _MultiForm(dict[str, list[str]]):
    """What the library asks for: a mapping with `getall`."""

    def __init__(self, form: Form) -> None:
        super().__init__()
        values = defaultdict[str, list[str]](list)
        for name, value in form:
            values[name].append(value)
        self.update(values)

    def getall(self, name: str) -> list[str]:
        return self[name]


def attempt_in(path: str) -> AttemptId | None:
    """Our id in the query of a callback."""
    given = parse_qs(urlsplit(path).query).get("attempt", [""])[0]
    return AttemptId(given) if len(given) == 26 and not set(given) - set(ALPHABET) else None


def _count(said: str) -> int:
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 4 else 0


def _with_and_without_port(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = parts.netloc.rpartition(":")[0] if parts.port else parts.netloc
    return parts._replace(netloc=host).geturl(), parts._replace(netloc=f"{host}:{port}").geturl()
