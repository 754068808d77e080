"""What an agent is told of the keys that a contact presses: nothing, that there was one, or which; and only while they talk."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dialer.domain import agent_commands as do
from dialer.domain import desk_happenings as it
from dialer.domain.agent import KeysTold
from dialer.domain.agent_events import KeyPressed, as_kept
from tests.desk_kit import FIRST, RULES, SECOND, Played, talking

pytestmark = pytest.mark.unit

KEY = it.KeyHeard(attempt_id=FIRST, key="7")


def keys(desk: Played) -> list[str]:
    return [one.key for one in desk.events if isinstance(one, KeyPressed)]


@pytest.mark.parametrize(("told", "heard"), [(KeysTold.NONE, []), (KeysTold.HIDDEN, [""]), (KeysTold.SHOWN, ["7"])])
def test_an_agent_is_told_of_keys_as_the_campaign_lets_them(told: KeysTold, heard: list[str]) -> None:
    ann = talking(replace(RULES, keys=told))
    assert ann.do(KEY) == ()
    assert keys(ann) == heard


def test_keys_of_somebody_who_does_not_hear_the_agent_are_told_to_nobody() -> None:
    ann = talking(replace(RULES, keys=KeysTold.SHOWN))
    ann.do(it.KeyHeard(attempt_id=SECOND, key="1"))
    ann.do(do.Hold(), KEY, do.Resume(), do.Consult(number="+15550199"), it.ConsultAnswered(), KEY)
    assert keys(ann) == []
    ann.do(do.StartConference(), KEY, do.Release(), KEY)
    assert keys(ann) == ["7"]


def test_a_key_is_written_down_nowhere() -> None:
    ann = talking(replace(RULES, keys=KeysTold.SHOWN))
    ann.do(KEY)
    (told,) = [one for one in ann.events if isinstance(one, KeyPressed)]
    assert "'7'" not in f"{KEY}{told}"
    assert as_kept(told) == replace(told, key="")
