"""Let other people's programs make attempts: the channel "custom"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import structlog

from dialer.domain.action import ActionRequest, CustomAction
from dialer.domain.codes import SystemCode
from dialer.domain.node_status import GatewayStatus
from dialer.domain.strategy import CustomHandler, Handler
from dialer.errors import Rejected
from dialer.ports import AttemptOrder, Receipt
from dialer.services.plugin_threads import PluginThreads, TooLong

log = structlog.get_logger()

PLACES = 64  # actions at once on one node; a job's own ports are the narrower limit


class CustomActions:
    """The installed custom actions by name; implements `ports.ChannelPort`."""

    patience_s = 0.0  # an action's end is its return: nothing is told later
    unheard = SystemCode.UNKNOWN

    def __init__(self, known: Mapping[str, CustomAction], *, places: int = PLACES) -> None:
        self._known = dict(known)
        self._threads = PluginThreads(places)

    def cannot(self, handler: Handler) -> str:
        """Whether the handler's action is missing."""
        if isinstance(handler, CustomHandler) and handler.action not in self._known:
            known = ", ".join(sorted(self._known)) or "none"
            return f"the custom action {handler.action!r} is not installed (installed: {known})"
        return ""

    def room(self, handlers: Sequence[Handler] = ()) -> int:
        """How many actions could begin now; one that hangs keeps its place."""
        return self._threads.free

    def code_of(self, refused: Rejected) -> SystemCode:
        """An action that is not there is a mistake of the application."""
        return SystemCode.APPLICATION_ERROR

    def gateways(self) -> Mapping[str, GatewayStatus]:
        """A program has no gateway."""
        return {}

    async def send(self, order: AttemptOrder) -> Receipt:
        """Let the action make the attempt. Raises Rejected where it is not installed, and nothing else."""
        handler = order.handler
        if not isinstance(handler, CustomHandler) or (because := self.cannot(handler)):
            raise Rejected(because if isinstance(handler, CustomHandler) else f"{handler.state!r} is no custom action")
        request = ActionRequest(
            action=handler.action,
            parameters=handler.parameters,
            campaign=order.campaign,
            job_id=order.job_id,
            attempt_id=order.attempt_id,
            handler=handler.state,
            contact_id=order.contact_id,
            address_name=order.address_name,
            address=order.address,
            language=order.language,
            time_zone=order.time_zone,
            attributes=order.attributes,
        )
        try:
            said = await self._threads.run(self._known[handler.action], request, limit_s=handler.time_limit_s)
        except TooLong as trouble:
            return _failed(handler.action, order, str(trouble))
        except Exception as trouble:  # the outer edge of another's program
            log.exception("a custom action raised", action=handler.action, attempt=order.attempt_id)
            return _failed(handler.action, order, f"{type(trouble).__name__}: {trouble}")
        if said is None or said == "":
            return Receipt(code=handler.default_code or SystemCode.ACTION_COMPLETED, system_code=SystemCode.ACTION_COMPLETED)
        if not isinstance(said, str):
            return _failed(handler.action, order, f"it returned {said!r:.80} and not the name of a code")
        return Receipt(code=said, system_code=SystemCode.ACTION_COMPLETED)


def _failed(action: str, order: AttemptOrder, because: str) -> Receipt:
    log.error("a custom action failed", action=action, attempt=order.attempt_id, because=because)
    return Receipt(code=SystemCode.APPLICATION_ERROR, system_code=SystemCode.APPLICATION_ERROR, note=because[:400])
