"""A browser tab with an agent's telephone in it: SIP over a WebSocket, as JsSIP and SIP.js speak it, and a call's sound."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import ClientSession, ClientWebSocketResponse, WSMsgType

from dialer.lab.web_phones import WebPhone
from tests.web_sound import WebSound

ANSWERS_WITHIN_S = 5.0
STANDS_FOR_S = 600  # how long a registration holds


@dataclass(frozen=True, slots=True)
class SipMessage:
    """One request or response. `headers` keeps their order: a response gives back every Via."""

    start: str
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: str = ""

    @classmethod
    def reading(cls, text: str) -> SipMessage:
        """What came in one frame."""
        head, _, body = text.partition("\r\n\r\n")
        start, *lines = head.split("\r\n")
        parts = (line.partition(":") for line in lines)
        return cls(start, [(name.strip().lower(), value.strip()) for name, _, value in parts], body)

    def of(self, name: str) -> str:
        """The first header of a name; "" where there is none."""
        return next((value for known, value in self.headers if known == name), "")

    def __str__(self) -> str:
        lines = [self.start, *(f"{name}: {value}" for name, value in self.headers), f"content-length: {len(self.body.encode())}"]
        return "\r\n".join((*lines, "", self.body))


class BrowserPhone:
    """Registers, and answers what rings with a voice; one call at a time."""

    def __init__(self, phone: WebPhone, socket: ClientWebSocketResponse, voice_hz: float) -> None:
        self._phone, self._socket, self._voice_hz = phone, socket, voice_hz
        self._here, self._tag, self._us = f"{secrets.token_hex(6)}.invalid", secrets.token_hex(4), f"sip:{phone.name}@lab.invalid"
        self._answers: dict[str, asyncio.Future[SipMessage]] = {}  # by the number and name of the request (CSeq)
        self._number = 0
        self._call: SipMessage | None = None
        self._connecting: asyncio.Task[None] | None = None
        self.sound: WebSound | None = None
        self.calls = 0
        self._rung = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def opened(cls, phone: WebPhone, *, voice_hz: float = 700, trusts: Path | None = None) -> AsyncIterator[BrowserPhone]:
        """Registered for as long as the block runs. `trusts` is a certificate beside those that everybody trusts."""
        trusted = ssl.create_default_context(cafile=trusts) if trusts is not None else True
        async with ClientSession() as http, http.ws_connect(phone.url, protocols=("sip",), ssl=trusted) as socket:
            tab = cls(phone, socket, voice_hz)
            reading = asyncio.create_task(tab._read(), name="a browser's telephone")
            try:
                await tab._register(STANDS_FOR_S)
                yield tab
            finally:
                await tab._quiet()
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)

    async def hang_up(self) -> None:
        """End the call as a person does who presses the red button."""
        assert self._call is not None
        call, self._call = self._call, None
        target = re.sub(r".*<(.+)>.*", r"\1", call.of("contact"))
        headers = [("from", self._tagged(call.of("to"))), ("to", call.of("from")), ("call-id", call.of("call-id"))]
        await self._ask("BYE", target, headers)
        await self._quiet()

    async def die(self) -> None:
        """The tab is killed: the connection is cut, no packet follows, and nobody is told."""
        assert self._socket._response.connection is not None
        transport = self._socket._response.connection.transport
        assert transport is not None
        transport.abort()
        await self._quiet()

    # -- registration --------------------------------------------------------------------------------------------------------

    async def _register(self, seconds: int) -> None:
        status = await self._proven("REGISTER", "sip:lab.invalid", self._us, [("expires", str(seconds))])
        assert status == 200, status

    async def try_to_call(self, number: str) -> int:
        """Call somebody, which no agent's phone may: the status that it is refused with."""
        return await self._proven("INVITE", f"sip:{number}@lab.invalid", f"sip:{number}@lab.invalid", [])

    async def _proven(self, method: str, where: str, to: str, more: list[tuple[str, str]]) -> int:
        """Ask, and again with the password when asked for it: the status in the end."""
        call_id, login = secrets.token_hex(8), list[tuple[str, str]]()
        for _ in range(2):
            headers = [("from", f"<{self._us}>;tag={self._tag}"), ("to", f"<{to}>"), ("call-id", call_id)]
            said = await self._ask(method, where, [*headers, ("contact", self._contact()), *more, *login])
            if said.start.split()[1] != "401":
                break
            login = [("authorization", self._digest(said.of("www-authenticate"), method, where))]
        return int(said.start.split()[1])

    def _digest(self, challenge: str, method: str, where: str) -> str:
        """RFC 7616, with MD5 and qop=auth, which is what switches ask for."""
        asked = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        cnonce, count = secrets.token_hex(8), "00000001"

        def md5(text: str) -> str:
            return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

        secret = md5(f"{self._phone.name}:{asked['realm']}:{self._phone.secret}")
        proof = md5(f"{secret}:{asked['nonce']}:{count}:{cnonce}:auth:{md5(f'{method}:{where}')}")
        words = {"username": self._phone.name, "realm": asked["realm"], "nonce": asked["nonce"], "uri": where, "response": proof}
        words |= {"cnonce": cnonce} | ({"opaque": asked["opaque"]} if "opaque" in asked else {})
        quoted = ", ".join(f'{name}="{value}"' for name, value in words.items())
        return f"Digest {quoted}, qop=auth, nc={count}, algorithm=MD5"

    # -- calls ---------------------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        async for frame in self._socket:
            if frame.type is not WSMsgType.TEXT:
                continue
            message = SipMessage.reading(frame.data)
            if not message.start.startswith("SIP/2.0"):
                await self._asked(message)
            elif int(message.start.split()[1]) >= 200:
                answer = self._answers.pop(message.of("cseq"), None)
                if answer is not None and not answer.done():
                    answer.set_result(message)

    async def _asked(self, request: SipMessage) -> None:
        match request.start.split()[0]:
            case "INVITE" if self._call is None:
                self._call, self.calls = request, self.calls + 1
                sound = self.sound = WebSound(request.body, voice_hz=self._voice_hz)
                self._connecting = asyncio.create_task(self._answer(request, sound), name="a browser answers")
                self._rung.set()
            case "INVITE":
                await self._reply(request, "486 Busy Here")
            case "ACK":
                pass
            case "BYE":
                await self._reply(request, "200 OK")
                self._call = None
                await self._quiet()
            case _:  # OPTIONS, by which the switch looks whether we are there
                await self._reply(request, "200 OK")

    async def connected(self) -> WebSound:
        """The sound of the call that rang, once both ends are connected."""
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            await self._rung.wait()
        assert self.sound is not None
        assert self._connecting is not None
        await self._connecting
        return self.sound

    async def _answer(self, request: SipMessage, sound: WebSound) -> None:
        await self._reply(request, "180 Ringing")
        await self._reply(request, "200 OK", body=await sound.answer())
        await sound.connect()

    async def _quiet(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.gather(self._connecting, return_exceptions=True)
        if self.sound is not None:
            await self.sound.stop()

    # -- the wire ------------------------------------------------------------------------------------------------------------

    async def _ask(self, method: str, target: str, headers: list[tuple[str, str]]) -> SipMessage:
        self._number += 1
        cseq = f"{self._number} {method}"
        via = ("via", f"SIP/2.0/WS {self._here};branch=z9hG4bK{secrets.token_hex(8)}")
        answer: asyncio.Future[SipMessage] = asyncio.get_running_loop().create_future()
        self._answers[cseq] = answer
        message = SipMessage(f"{method} {target} SIP/2.0", [via, ("max-forwards", "70"), ("cseq", cseq), *headers])
        await self._socket.send_str(str(message))
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            return await answer

    async def _reply(self, request: SipMessage, status: str, body: str = "") -> None:
        kept = [(name, value) for name, value in request.headers if name in ("via", "from", "call-id", "cseq", "record-route")]
        headers = [*kept, ("to", self._tagged(request.of("to"))), ("contact", self._contact())]
        headers += [("content-type", "application/sdp")] if body else []
        await self._socket.send_str(str(SipMessage(f"SIP/2.0 {status}", headers, body)))

    def _tagged(self, header: str) -> str:
        return header if ";tag=" in header else f"{header};tag={self._tag}"

    def _contact(self) -> str:
        return f"<sip:{self._phone.name}@{self._here};transport=ws>"
