"""What the contract tests share: each test runs at every bench."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pdc_bench import BENCHES, Bench
from tests.queue_bench import QueueBench, asterisk_bench, fake_bench, linked


@pytest.fixture(params=list(BENCHES))
async def at(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A PDC under test."""
    make_place, make_way = BENCHES[request.param]
    async with make_place(request.getfixturevalue("sqlite_template")) as place, make_way(place.pdc) as pdc:
        yield Bench(place=place, pdc=pdc)


@pytest.fixture(params=["fake", "asterisk"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[QueueBench]:
    """Queues of a switch that is linked."""
    made = fake_bench() if request.param == "fake" else asterisk_bench(request.getfixturevalue("lab"))
    async with linked(made) as queues:
        yield queues
