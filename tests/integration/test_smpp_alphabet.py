"""Text messages through a centre whose default alphabet is not that of GSM arrive as they were written, in both directions."""

from __future__ import annotations

import pytest

from dialer.domain.sms_text import CentreAlphabet
from dialer.ports import GatewayState
from dialer.smpp_pdu import Address
from tests.message_kit import OURS, smpp_line
from tests.patience import until

pytestmark = pytest.mark.integration

LONG = "Grüße {an} alle_ @ " * 10  # 190 characters and 20 more septets for braces: two segments


@pytest.mark.parametrize("centre", CentreAlphabet)
async def test_texts_and_answers_arrive_as_they_were_written_whatever_alphabet_the_centre_has(
    centre: CentreAlphabet,
) -> None:
    async with smpp_line(default_alphabet=centre) as line:
        await until(lambda: line.port.state() is GatewayState.READY)
        for text in ("Hello_@ {you}", "Grüße", "5 € ΔΩ", "ça va", "Привет", LONG):
            order = line.order("45", text=text)
            accepted = await line.send(order)
            segments = sorted(line.provider.truth.accepted(order.attempt_id), key=lambda one: int(one["segment"]))
            assert "".join(one["text"] for one in segments) == text
            assert accepted.segments == len(segments)
            await line.provider.receive(order.number, Address(number=OURS[1:]), text)
            assert [one.text for one in line.desk.received(order.number)] == [text]


async def test_a_text_is_cut_where_its_centre_cannot_be_told_it_in_one_alphabet() -> None:
    for centre, segments in ((CentreAlphabet.GSM, 1), (CentreAlphabet.LATIN_1, 2), (CentreAlphabet.ASCII, 2)):
        async with smpp_line(default_alphabet=centre) as line:
            await until(lambda: line.port.state() is GatewayState.READY)
            assert (await line.send(line.order("45", text="x" * 100 + "€"))).segments == segments
