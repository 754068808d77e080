"""No line of a log shows whom we called or wrote to."""

from __future__ import annotations

import pytest

from dialer.logs import mask_addresses

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("to +15550100123", "to +15*******23"),
        ("550 <zoe.mueller@example.org>: no such user", "550 <z***@example.org>: no such user"),
        ("zoë@köln.test, a+b@c.test", "z***@köln.test, a***@c.test"),
        ("twice @ nothing", "twice @ nothing"),
    ],
)
def test_numbers_and_addresses_are_masked_wherever_they_stand(said: str, shown: str) -> None:
    event = mask_addresses(None, "info", {"event": "x", "why": said, "attempt_id": "00000000000000000000000000"})
    assert event["attempt_id"] == "00000000000000000000000000"
    assert event["why"] == shown
    assert "zoe.mueller" not in str(event)
    assert "zoë" not in str(event)
