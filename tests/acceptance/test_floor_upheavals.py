"""A floor on real calls when something happens to it in mid-shift: the budget holds, and nobody is left in silence."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from dialer.demo_floor.order import FloorOrder
from dialer.demo_floor.run import shift_on
from dialer.demo_floor.upheaval import read_upheaval
from dialer.demo_floor.verdict import FloorVerdict
from dialer.domain.pacing_plan import PacingKind
from dialer.lab.lab import Lab
from dialer.pacing.distributions import Bell, Lognormal

pytestmark = pytest.mark.acceptance


async def shift(
    lab: Lab, folder: Path, tts: Sequence[str], upheavals: Sequence[str], *, shift_s: float, talk_s: float
) -> FloorVerdict:
    """Six agents, and people who answer soon, most of them."""
    order = FloorOrder(
        agents=6,
        minutes=shift_s / 60,
        pacing=PacingKind.PREDICTIVE,
        cap=0.2,  # of the few who answer in so short a shift
        persons=0.87,
        person_rings=Bell(0.8, 0.3, 0.3, 1.5),
        ring_timeout_s=3.0,
        talk=Lognormal(talk_s, 0.2),
        wrap=Lognormal(0.5, 0.5),
        speed=1.0,
        upheavals=tuple(map(read_upheaval, upheavals)),
    )
    return await shift_on(lab, folder, order, tts, say=lambda _text: None, watch=lambda _agents, _seconds: None)


@pytest.mark.row(64)
@pytest.mark.parametrize("upheavals", [("half-leave@0.075", "cut@0.1"), ("answers:10-60@0.06",)])
async def test_the_budget_holds_when_the_floor_or_the_list_changes_at_once(
    lab: Lab, tmp_path: Path, tts: Sequence[str], upheavals: Sequence[str]
) -> None:
    found = await shift(lab, tmp_path / "dialer", tts, upheavals, shift_s=8.0, talk_s=2.5)
    assert found.broken == ()
    assert sum(one.joined_at is not None for one in found.persons) > 3
    assert found.unseen == 0
