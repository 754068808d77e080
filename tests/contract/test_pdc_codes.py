"""What an app may say of how its call went."""

from __future__ import annotations

import pytest

from dialer.domain.codes import APP_SYSTEM_CODES
from pdc import PdcError, UnassociatedCode, UnknownCode
from tests.pdc_bench import Bench

pytestmark = pytest.mark.contract


@pytest.mark.row(18)
async def test_the_last_code_before_the_end_wins(at: Bench) -> None:
    call = await at.opened()
    await call.pdc.set_code("Interested")
    await call.pdc.set_code("not  INTERESTED")  # names are the same without regard to case and spaces
    await call.pdc.set_code("not  INTERESTED")
    assert call.code == "Not interested"
    await call.pdc.end_session(outcome="Interested")
    assert call.code == "Interested"


@pytest.mark.row(23)
async def test_the_campaigns_codes_are_those_associated_with_it_and_the_systems_for_apps(at: Bench) -> None:
    call = await at.opened()
    codes = await call.pdc.completion_codes()
    assert {code.name for code in codes if code.kind == "custom"} == {"Interested", "Not interested"}
    assert {code.name for code in codes if code.kind == "system"} == {code.value for code in APP_SYSTEM_CODES}
    for code in codes:  # each of them may be set
        await call.pdc.set_code(code.name)
        assert call.code == code.name


@pytest.mark.row(6)
@pytest.mark.parametrize(("name", "error"), [("Nobody's", UnknownCode), ("Elsewhere", UnassociatedCode), ("", UnknownCode)])
async def test_a_code_that_may_not_be_used_is_a_typed_error_and_changes_nothing(
    at: Bench, name: str, error: type[PdcError]
) -> None:
    call = await at.opened()
    await call.pdc.set_code("Interested")
    with pytest.raises(error):
        await call.pdc.set_code(name)
    if name:
        with pytest.raises(error):
            await call.pdc.end_session(outcome=name)
    assert call.code == "Interested"
    await call.pdc.end_session(outcome="No Input")  # still open; a system code is always the campaign's
    assert call.code == "No Input"


async def test_an_opt_out_is_kept_at_once_and_is_the_code_until_another_is_set(at: Bench) -> None:
    call = await at.opened()
    await call.pdc.opt_out("pressed 9")
    await call.pdc.opt_out("pressed 9")
    assert call.place.opted_out(call.key)
    assert await call.pdc.is_dnc()
    assert call.code == "Opted Out"
    await call.pdc.end_session()
    assert call.code == "Opted Out"
