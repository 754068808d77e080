"""A channel without a switch, for tests: each order has the fate that a test says.

Never for users: it reaches nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from dialer.domain.codes import SystemCode
from dialer.domain.node_status import GatewayStatus
from dialer.domain.strategy import Handler
from dialer.errors import Rejected, WireError
from dialer.ports import AttemptOrder, Receipt

TAKEN = Receipt()


class FakeChannel:
    """Implements `ChannelPort`. `answer` says what becomes of an order: a receipt, or the error that `send` raises."""

    def __init__(
        self,
        answer: Callable[[AttemptOrder], Receipt | WireError] = lambda order: TAKEN,
        *,
        places: int = 100,
        patience_s: float = 30.0,
        unheard: SystemCode = SystemCode.MESSAGE_PLAYED,
        refused: SystemCode = SystemCode.CALL_REJECTED,
        missing: str = "",
    ) -> None:
        self.answer, self.places, self.missing = answer, places, missing
        self.patience_s, self.unheard, self.code_when_refused = patience_s, unheard, refused
        self.orders: list[AttemptOrder] = []  # every order that was taken, or refused: the truth

    def cannot(self, handler: Handler) -> str:
        return self.missing

    def room(self, handlers: Sequence[Handler] = ()) -> int:
        return self.places

    def code_of(self, refused: Rejected) -> SystemCode:
        return self.code_when_refused

    def gateways(self) -> Mapping[str, GatewayStatus]:
        return {}

    async def send(self, order: AttemptOrder) -> Receipt:
        self.orders.append(order)
        answer = self.answer(order)
        if isinstance(answer, WireError):
            raise answer
        return answer
