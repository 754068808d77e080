"""What the contract tests share: each test runs at every bench."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.pdc_bench import BENCHES, Bench


@pytest.fixture(params=list(BENCHES))
async def at(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """A PDC under test."""
    make_place, make_way = BENCHES[request.param]
    async with make_place(request.getfixturevalue("sqlite_template")) as place, make_way(place.pdc) as pdc:
        yield Bench(place=place, pdc=pdc)
