"""Nobody can make up the address that an answer to one of our mails comes back to."""

from __future__ import annotations

import pytest

from dialer.domain.ids import ALPHABET, new_attempt_id
from dialer.domain.mail_token import TokenUse, read_address, read_token, signed, signed_address

pytestmark = pytest.mark.unit

KEY, OLD = b"k" * 32, b"o" * 32
ATTEMPT = new_attempt_id()


def test_a_signed_address_is_read_back_also_where_a_server_changed_its_case() -> None:
    address = signed_address(TokenUse.BOUNCE, ATTEMPT, "mail.example.org", KEY)
    assert len(address.partition("@")[0]) <= 64
    for seen in (address, address.upper(), f" <{address}> ", address.replace("mail.example.org", "relay.example.net")):
        assert read_address(TokenUse.BOUNCE, seen, [KEY]) == ATTEMPT


def test_a_token_of_one_use_or_of_another_key_opens_nothing() -> None:
    address = signed_address(TokenUse.REPLY, ATTEMPT, "example.org", KEY)
    assert read_address(TokenUse.BOUNCE, address.replace("reply+", "bounce+"), [KEY]) is None
    assert read_address(TokenUse.REPLY, address, [OLD]) is None
    assert read_address(TokenUse.REPLY, address, [OLD, KEY]) == ATTEMPT  # after a change of keys
    assert read_address(TokenUse.REPLY, address, []) is None


def test_every_changed_character_breaks_the_signature() -> None:
    token = signed(TokenUse.UNSUBSCRIBE, ATTEMPT, KEY)
    assert read_token(TokenUse.UNSUBSCRIBE, token, [KEY]) == ATTEMPT
    for place, mark in enumerate(token):
        other = ALPHABET[(ALPHABET.index(mark) + 1) % len(ALPHABET)]
        assert read_token(TokenUse.UNSUBSCRIBE, token[:place] + other + token[place + 1 :], [KEY]) is None


@pytest.mark.parametrize("address", ["", "reply", "reply+@x", "reply+abc@x", "reply+" + "z" * 42, "+@", "a@b", "reply@x"])
def test_other_addresses_are_nobodys(address: str) -> None:
    assert read_address(TokenUse.REPLY, address, [KEY]) is None
