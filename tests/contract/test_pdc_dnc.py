"""What an app may do with do-not-call lists."""

from __future__ import annotations

import pytest

from pdc import BadValue
from tests.pdc_bench import Bench

pytestmark = pytest.mark.contract


@pytest.mark.row(22)
async def test_a_number_is_barred_asked_for_and_freed(at: Bench) -> None:
    call = await at.opened()
    for address in ("", "+12125550177"):
        assert not await call.pdc.is_dnc(address)
        await call.pdc.add_dnc(address, "asked for it")
        await call.pdc.add_dnc(address)
        assert await call.pdc.is_dnc(address)
        await call.pdc.remove_dnc(address)
        await call.pdc.remove_dnc(address)
        assert not await call.pdc.is_dnc(address)
    for wrong in (call.pdc.is_dnc("twelve"), call.pdc.add_dnc("twelve"), call.pdc.remove_dnc("twelve")):
        with pytest.raises(BadValue):
            await wrong
    assert call.code == ""
