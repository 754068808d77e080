"""How a campaign's pacing is checked and said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from dialer.domain.agent import KeysTold
from dialer.domain.inbound_plan import Blend
from dialer.domain.pacing_plan import AbandonBudget, ExpertRatio, Pacing, PacingKind, PredictiveStyle
from dialer.domain.service_level import ServiceLevel
from dialer.errors import BadInput
from dialer.services.pacing_plans import agent_codes, check_pacing, check_turn
from dialer.services.pacing_words import parse_pacing

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"lines_per_agent": 0.5}, "lines per agent"),
        ({"least_ring_s": 14.0}, "least ring"),
        ({"least_ring_s": 500.0}, "least ring"),
        ({"least_ring_s": float("nan")}, "least ring"),
        ({"lines_per_agent": float("nan")}, "lines per agent"),
        ({"budget": AbandonBudget(percent=-1)}, "abandon budget"),
        ({"budget": AbandonBudget(threshold_s=90)}, "abandon threshold"),
        ({"budget": AbandonBudget(credit=True)}, "abandon credit"),
        ({"level": ServiceLevel(percent=49)}, "service level"),
        ({"level": ServiceLevel(percent=101)}, "service level"),
        ({"level": ServiceLevel(percent=float("nan"))}, "service level"),
        ({"level": ServiceLevel(within_s=0.25)}, "answer within"),
        ({"level": ServiceLevel(within_s=0.0)}, "answer within"),
        ({"level": ServiceLevel(within_s=float("inf"))}, "answer within"),
        ({"level": ServiceLevel(percent=90, within_s=2.1)}, "answer within"),  # who waits longer than 2 s is abandoned
        ({"ratio": ExpertRatio(least_hit_rate=0)}, "least hit rate"),
        ({"ratio": ExpertRatio(least_hit_rate=0.6, most_hit_rate=0.5)}, "most hit rate"),
        ({"ratio": ExpertRatio(first_hit_rate=0.05)}, "first hit rate"),
        ({"preview_s": 0.0}, "preview"),
        ({"wrap_up_s": -1.0}, "wrap-up"),
        ({"extensions_most": 21}, "extensions"),
        ({"skills": {"Turkish": 11}}, "skill Turkish"),
        ({"skills": {" ": 3}}, "skill"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_and_says_where(wrong: dict[str, Any], where: str) -> None:
    with pytest.raises(BadInput, match=where):
        check_pacing(replace(Pacing(), **wrong))


def test_a_plan_is_said_with_what_concerns_its_kind() -> None:
    assert str(Pacing()) == "agentless"
    assert "late rings given up from 20 s on" in str(parse_pacing("progressive", ["least-ring=20 s"]))
    assert "late rings never given up" in str(parse_pacing("predictive", ["least-ring=none"]))
    cruise = Pacing(kind=PacingKind.PREDICTIVE, skills={"Turkish": 3}, agents=("ann",))
    assert "cruise control; abandoned: 3 % in 24h, 2 s from answer, plain; wrap-up 60 s + 2 × 60 s" in str(cruise)
    assert str(cruise).endswith("skills Turkish 3; agents ann")
    expert = replace(cruise, style=PredictiveStyle.EXPERT_CALLING_RATIO)
    assert "expert calling ratio by work time, hit rates 0.1 to 1, at first 0.5 for 50 calls" in str(expert)
    assert "1.5 lines for each free agent" in str(Pacing(kind=PacingKind.PROGRESSIVE, lines_per_agent=1.5))
    assert "called after 20 s" in str(Pacing(kind=PacingKind.PREVIEW, preview_s=20))
    assert "wrap-up without limit" in str(Pacing(kind=PacingKind.MANUAL, wrap_up_s=None))


def test_a_running_job_changes_its_kind_but_neither_gets_nor_loses_its_agents() -> None:
    progressive, preview = Pacing(kind=PacingKind.PROGRESSIVE), Pacing(kind=PacingKind.PREVIEW)
    check_turn(progressive, preview)
    with pytest.raises(BadInput, match="get or lose its agents"):
        check_turn(Pacing(), preview)


def test_agents_of_manual_campaigns_may_say_what_only_the_network_knows_elsewhere() -> None:
    assert "Call Busy" not in agent_codes(Pacing(kind=PacingKind.PREVIEW), ("Sold",))
    assert {"Sold", "Call Busy", "Ring No Answer"} <= set(agent_codes(Pacing(kind=PacingKind.MANUAL), ("Sold",)))


def test_a_plan_is_read_as_people_write_it_and_what_is_not_given_stays() -> None:
    before = parse_pacing("predictive", ["style = expert calling ratio", "abandon=2.5 %", "abandon-window=30d", "wrap-up=none"])
    assert (before.kind, before.style) == (PacingKind.PREDICTIVE, PredictiveStyle.EXPERT_CALLING_RATIO)
    assert (before.budget.percent, before.budget.window.value, before.wrap_up_s) == (2.5, "30d", None)
    month = parse_pacing(None, ["abandon-credit=yes"], before)
    check_pacing(month)
    assert "on credit" in str(replace(month, style=PredictiveStyle.CRUISE_CONTROL))
    level = parse_pacing(None, ["service-level=99 %", "answer-within=0.5 s", "style=cruise control"], before)
    assert level.level == ServiceLevel(percent=99, within_s=0.5)
    assert "; service level 99 % in 0.5 s" in str(level)
    assert parse_pacing(None, ["service level=none"], level).level == ServiceLevel(within_s=0.5)
    after = parse_pacing(None, ["watch=update time", "skills=Turkish 8, Sales", "zip tone=no", "preview=20 s"], before)
    assert (after.kind, after.budget, after.ratio.watch.value) == (before.kind, before.budget, "update_time")
    assert parse_pacing(None, ["keys=hidden"], before).keys is KeysTold.HIDDEN
    assert (after.skills, after.zip_tone, after.preview_s) == ({"Turkish": 8, "Sales": 5}, False, 20)
    asked = ["inbound = support, sales", "inbound-levels=2, 4, 8", "inbound-waits=20, 40, 60", "blend=automatic", "blend-back=10"]
    gives_way = parse_pacing(None, asked, after).inbound
    assert (gives_way.queues, gives_way.levels, gives_way.waits_s) == (("support", "sales"), (2, 4, 8), (20.0, 40.0, 60.0))
    assert (gives_way.blend, gives_way.blend_after_s, gives_way.blend_back_s) == (Blend.AUTOMATIC, 5.0, 10.0)
    none = parse_pacing(None, ["inbound=none", "inbound-waits=none"], replace(after, inbound=gives_way)).inbound
    assert (none.queues, none.levels, none.waits_s) == ((), (2, 4, 8), ())


@pytest.mark.parametrize(
    ("kind", "knob", "said"),
    [
        ("warp", "wrap-up=3", "one of: agentless"),
        (None, "service-level=most", "no number"),
        (None, "service-level=30", "50 to 100"),
        (None, "answer-within=0.15", "whole tenths of a second"),
        (None, "least-ring=10", "the law lets nobody hang up before 15 s"),
        ("predictive", "inbound=support/../etc", "is no queue"),
        ("predictive", "inbound=a,b,c,d,e,f,g,h,i,j,k", "at most 10"),
        ("predictive", "inbound-levels=3, 1, 6", "three numbers that grow"),
        ("predictive", "inbound-levels=1, 2", "three numbers that grow"),
        ("predictive", "inbound-waits=0, 20, 40", "1 to 3600"),
        ("predictive", "blend=now", "by hand, automatic"),
        ("manual", "wrap-up", "one of: style="),
        ("manual", "speed=3", "one of: style="),
        ("manual", "wrap-up=soon", "no number"),
        ("manual", "extensions=-1", "whole number"),
        ("manual", "zip-tone=maybe", "yes or no"),
        ("manual", "keys=all", "one of: none, hidden, shown"),
        ("manual", "abandon=-1", "abandon budget"),
        ("manual", "abandon-window=week", "one of: 24h"),
    ],
)
def test_what_is_no_plan_is_refused_with_what_could_be_written(kind: str, knob: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        parse_pacing(kind, [knob])
