"""Sign the addresses that answers to our mails come back to, so that nobody can make up an answer."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import StrEnum

from dialer.domain.ids import ALPHABET, AttemptId, base_32

SIGNATURE = 16  # characters of 5 bits: what nobody guesses, and still leaves the local part under its 64
_TOKEN = re.compile(rf"([{ALPHABET}]{{26}})([{ALPHABET}]{{{SIGNATURE}}})\Z")


class TokenUse(StrEnum):
    """What a signed address is for. A token of one use opens no other."""

    BOUNCE = "bounce"  # the envelope's sender: mail servers write here when a mail cannot be delivered
    REPLY = "reply"  # where a person's answer goes
    UNSUBSCRIBE = "unsubscribe"  # the one-click address in the header


def signed(use: TokenUse, attempt_id: AttemptId, key: bytes) -> str:
    """The token of one attempt for one use: lower-case letters and digits, which mail servers carry unchanged."""
    return f"{attempt_id}{_signature(use, attempt_id, key)}"


def read_token(use: TokenUse, token: str, keys: Sequence[bytes]) -> AttemptId | None:
    """The attempt of a token that one of our keys signed for this use, else None. The new key comes first, old ones after it."""
    found = _TOKEN.match(token.lower())  # some mail servers change the case of an address
    if not found:
        return None
    attempt_id = AttemptId(found[1])
    genuine = [hmac.compare_digest(_signature(use, attempt_id, key), found[2]) for key in keys]
    return attempt_id if any(genuine) else None


def signed_address(use: TokenUse, attempt_id: AttemptId, domain: str, key: bytes) -> str:
    """`bounce+<token>@domain`."""
    return f"{use.value}+{signed(use, attempt_id, key)}@{domain}"


def read_address(use: TokenUse, address: str, keys: Sequence[bytes]) -> AttemptId | None:
    """The attempt of an address that `signed_address` made, at whatever domain; else None."""
    local, at, _domain = address.strip().strip("<>").rpartition("@")
    name, plus, token = local.lower().partition("+")
    return read_token(use, token, keys) if at and plus and name == use.value else None


def _signature(use: TokenUse, attempt_id: AttemptId, key: bytes) -> str:
    digest = hmac.digest(key, f"{use.value}:{attempt_id}".encode(), hashlib.sha256)
    return base_32(int.from_bytes(digest[:10]), SIGNATURE)
