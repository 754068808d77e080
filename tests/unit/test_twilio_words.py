"""What Twilio says, and how it signs: the tables and the forms, without a network."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from twilio.request_validator import RequestValidator

from dialer.channels.retry_after import retry_after_s
from dialer.channels.twilio_codes import reason_of, state_of, verdict
from dialer.channels.twilio_config import TwilioConfig
from dialer.domain.message_state import MessageState, Refusal
from dialer.errors import BadInput, MaybeSent, NotSent, Rejected
from dialer.lab.twilio_wire import signature

pytestmark = pytest.mark.unit

OURS = "+15550100000"


def test_a_full_queue_with_twilio_is_not_sent_and_30001_is_nobodys_fault() -> None:
    full = verdict(400, 21611, "queue", None)
    assert isinstance(full, NotSent)
    assert full.retry_after_s == 60
    assert reason_of(30001) is Refusal.NETWORK
    assert isinstance(verdict(503, None, "", 5.0), MaybeSent)
    assert isinstance(verdict(302, None, "", None), MaybeSent)
    refused = verdict(400, 99999, "", None)
    assert isinstance(refused, Rejected)
    assert refused.refusal == Refusal.NETWORK


def test_retry_after_is_read_as_seconds_or_as_a_date() -> None:
    assert retry_after_s("7") == 7
    soon = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert retry_after_s(soon) == pytest.approx(29.5, abs=1.0)
    assert [retry_after_s(text) for text in (None, "", "soon", "-4")] == [None, None, None, 0.0]


def test_a_configuration_that_cannot_work_is_refused_with_its_place() -> None:
    right: dict[str, Any] = {
        "name": "t",
        "account_sid": "AC" + "0" * 32,
        "auth_token": "secret",
        "sender": OURS,
        "public_url": "https://dialer.example.org",
    }
    assert "secret" not in repr(TwilioConfig(**right))
    for field, value in (
        ("name", "a/b"),
        ("account_sid", "SK" + "0" * 32),
        ("auth_token", ""),
        ("sender", "twelve letters"),
        ("public_url", "dialer.example.org"),
        ("public_url", "https://dialer.example.org/path"),
        ("max_per_s", 0),
    ):
        with pytest.raises(BadInput):
            TwilioConfig(**{**right, field: value})


def test_the_laboratory_signs_as_twilios_own_library_checks() -> None:
    fields = {"Body": "ä=&", "From": "+1555", "To": "+1556"}
    url = "https://dialer.example.org/hooks?x=1&y=%20"
    assert RequestValidator("token").validate(url, fields, signature("token", url, fields))


def test_an_error_number_says_whose_doing_it_was_and_a_message_out_of_time_is_expired() -> None:
    assert [reason_of(code) for code in ("30005", 21610, "what", "", None)] == [
        Refusal.ADDRESS,
        Refusal.OPTED_OUT,
        Refusal.NETWORK,
        None,
        None,
    ]
    assert state_of("failed", "30036") is MessageState.EXPIRED
    assert state_of("failed", 30007) is MessageState.FAILED
    assert state_of("dancing", None) is None
