"""A mail server's answer means what the moment at which it came makes of it."""

from __future__ import annotations

import pytest

from dialer.channels.smtp_codes import Stage, refusal_of, verdict
from dialer.domain.message_state import Refusal
from dialer.errors import NotSent, Rejected

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("stage", "code", "text", "kind", "refusal"),
    [
        (Stage.RECIPIENT, 450, "4.2.0 greylisted", NotSent, None),
        (Stage.RECIPIENT, 550, "5.1.1 no such user", Rejected, Refusal.ADDRESS),
        (Stage.RECIPIENT, 550, "no", Rejected, Refusal.ADDRESS),
        (Stage.RECIPIENT, 552, "5.2.2 mailbox full", Rejected, Refusal.UNREACHABLE),
        (Stage.RECIPIENT, 554, "5.7.1 relay access denied", Rejected, Refusal.ACCOUNT),
        (Stage.SENDER, 550, "no", Rejected, Refusal.ACCOUNT),
        (Stage.SENDER, 553, "5.1.8 bad sender", Rejected, Refusal.ACCOUNT),
        (Stage.SENDER, 530, "5.7.0 log in first", NotSent, None),
        (Stage.FINAL, 554, "5.7.1 spam", Rejected, Refusal.CONTENT),
        (Stage.FINAL, 552, "5.3.4 too big", Rejected, Refusal.CONTENT),
        (Stage.FINAL, 451, "try later", NotSent, None),
    ],
)
def test_the_table_of_answers(stage: Stage, code: int, text: str, kind: type, refusal: Refusal | None) -> None:
    found = verdict(stage, code, text, later_s=1800)
    assert type(found) is kind
    assert getattr(found, "refusal", None) == refusal
    assert refusal_of(None, "5.1.1") is Refusal.ADDRESS
