"""Do what one line of an operator's own dialplan asks of the PDC, and leave the answer in channel variables."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import structlog

from dialer.channels.asterisk.agi_handshake import ENDED, LineRequest, NotOurs, check_key
from dialer.channels.asterisk.agi_wire import AgiConnection
from dialer.channels.asterisk.dialplan_words import DIALPLAN_VERBS, given_of, harmless
from pdc import BadValue, NoSession, Pdc, PdcError, SessionKey, SessionPdc

log = structlog.get_logger()

LINE_S = 15.0  # more than both URLs of the PDC take to time out
COMMAND_S = 5.0
BY_CONTACT = "contact"  # what the dialplan says of who hung up


class DialplanBridge:
    """`AGI(agi://${OUTDIAL_AGI}/pdc/set_code,Interested)` sets the code and, in OUTDIAL_RESULT, says OK or what was wrong.

    The channel says whose call it is (OUTDIAL_ATTEMPT, OUTDIAL_NONCE). A value comes in OUTDIAL_VALUE, of which nothing is left
    that a dialplan could obey. A contact that has hung up is no hindrance: an `h` extension can still say how the call went.
    """

    def __init__(self, pdc: Pdc) -> None:
        self._pdc = pdc

    async def serve(self, conn: socket.socket, request: LineRequest, *, proven: Callable[[], object] = lambda: None) -> None:
        """One connection, from its headers on; closes it. `proven` is called when the channel has named a call of ours.

        Raises CallEnded, Rejected, OSError, TimeoutError.
        """
        reader, writer = await asyncio.open_connection(sock=conn, limit=16 * 1024)
        agi = AgiConnection(reader, writer)
        if request.rest:
            reader.feed_data(request.rest)
        try:
            async with asyncio.timeout(LINE_S):
                await self._answer(agi, request, proven)
        finally:
            agi.close()
            await agi.wait_closed()

    async def _answer(self, agi: AgiConnection, request: LineRequest, proven: Callable[[], object]) -> None:
        attempt_id, nonce = await _variable(agi, "OUTDIAL_ATTEMPT"), await _variable(agi, "OUTDIAL_NONCE")
        value = ""
        try:
            check_key(attempt_id, nonce)
            proven()
            call = self._pdc.on(SessionKey(attempt_id=attempt_id, nonce=nonce))
            if request.verb == ENDED:
                ours = request.arguments[:1] != (BY_CONTACT,)
                await call.end_session(hung_up=ours, said_nothing=ours)
                return
            value, result = await self._do(call, request), "OK"
        except NotOurs:
            result = NoSession.kind
        except PdcError as exc:
            log.warning("a line of the dialplan was refused", attempt_id=attempt_id[:40], kind=exc.kind, error=str(exc))
            result = exc.kind
        await _set(agi, "OUTDIAL_VALUE", value)
        await _set(agi, "OUTDIAL_RESULT", result)

    async def _do(self, call: SessionPdc, request: LineRequest) -> str:
        if (verb := DIALPLAN_VERBS.get(request.verb)) is None:
            raise BadValue(f"a dialplan cannot ask for {request.verb}")
        return harmless(await verb.call(call, given_of(verb, request.arguments)))


async def _variable(agi: AgiConnection, name: str) -> str:
    reply = await agi.command("GET", "VARIABLE", name, timeout_s=COMMAND_S, after_hangup=True)
    return reply.data if reply.number == 1 else ""


async def _set(agi: AgiConnection, name: str, value: str) -> None:
    await agi.command("SET", "VARIABLE", name, value, timeout_s=COMMAND_S, after_hangup=True)
