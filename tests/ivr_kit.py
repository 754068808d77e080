"""What tests of the IVR side share: a speech engine that hums, a server with a fake PDC, and apps that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from array import array
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dialer import Call, Outcome, ivr_app
from dialer.channels.asterisk.fastagi import FastAgiServer
from dialer.ivr.audio import Speech, wav_bytes
from dialer.ivr.call import CallSettings
from dialer.ivr.config import IvrLimits
from dialer.ivr.fake_pdc import FakePdc
from dialer.ivr.prompt_store import PromptStore
from dialer.ivr.registry import Apps, IvrApp
from dialer.ivr.tts import TtsFailed
from dialer.ivr_apps import SHIPPED_APPS
from pdc import Contact, Pdc, SessionKey
from tests.fake_asterisk import SwitchCall
from tests.patience import PATIENCE_S

NONCE = "nonce-of-a-test-call"


class Hum:
    """A speech engine that gives a tenth of a second of sound for any text, or fails."""

    def __init__(self, *, broken: bool = False, gate: asyncio.Event | None = None) -> None:
        self.said: list[str] = []
        self.broken, self._gate = broken, gate

    @property
    def identity(self) -> str:
        return "hum"

    async def speak(self, text: str, language: str) -> bytes:
        self.said.append(text)
        if self._gate is not None:
            await self._gate.wait()
        if self.broken:
            raise TtsFailed("the engine is down")
        return wav_bytes(Speech(16000, array("h", [0, 900, 0, -900] * 400)))


@ivr_app("raises")
async def raises(call: Call) -> Outcome:
    """Fall over."""
    raise RuntimeError("a mistake of the author")


@ivr_app("hangs")
async def hangs(call: Call) -> Outcome:
    """Wait for nothing."""
    await asyncio.sleep(9999)
    return Outcome.NO_INPUT


@ivr_app("stubborn")
async def stubborn(call: Call) -> Outcome:
    """Wait for nothing, and refuse to be cancelled, more than once."""
    for _ in range(3):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(9999)
    return Outcome.NO_INPUT


@ivr_app("computes")
async def computes(call: Call) -> Outcome:
    """Compute without end."""
    n = 0
    while True:
        n += 1


@ivr_app("exits")
async def exits(call: Call) -> Outcome:
    """Try to end the process."""
    raise SystemExit(3)


@ivr_app("says_nothing")
async def says_nothing(call: Call) -> Outcome:
    """Return no outcome."""
    return None  # type: ignore[return-value]  # the mistake that this app is for


@ivr_app("wrong_code")
async def wrong_code(call: Call) -> Outcome:
    """Return a code that nobody has defined."""
    await call.play("common.no_input")
    return Outcome("Quite unheard of")


MISBEHAVED = (raises, hangs, stubborn, computes, exits, says_nothing, wrong_code)


async def eventually(
    condition: Callable[[], bool], within_s: float = PATIENCE_S, *, show: Callable[[], object] = lambda: ""
) -> None:
    """Wait until something has become true; `show` is what helps where it does not."""
    late = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < late, f"it did not come true in time {show()}"
        await asyncio.sleep(0.01)


def blocking_app(release: threading.Event) -> IvrApp:
    """An app that blocks its thread in C until `release` is set."""

    @ivr_app("blocks")
    async def blocks(call: Call) -> Outcome:
        """Block."""
        release.wait(60)
        return Outcome.NO_INPUT

    return blocks


@dataclass(slots=True, kw_only=True)
class Served:
    """A running server, and how to place calls to it."""

    server: FastAgiServer
    pdc: FakePdc
    address: tuple[str, int]
    tts: Hum

    def add(self, app: str, **more: str) -> SessionKey:
        """An answered call that waits for its app."""
        attributes = {"donor": "", "first_name": more.get("first_name", "Ann")}
        contact = Contact(user_contact_id="1", address="+15550100", attributes=attributes)
        answered_by, dialplan = more.get("answered_by", "human"), more.get("dialplan", "")
        return self.pdc.add_call(app=app, contact=contact, nonce=NONCE, answered_by=answered_by, dialplan=dialplan)

    async def call(self, app: str, keys: Sequence[str] = (), *, limit_s: float = PATIENCE_S, **how: object) -> SwitchCall:
        """Place one call and wait for its end."""
        key = self.add(app)
        call = SwitchCall(nonce=NONCE, attempt_id=key.attempt_id, keys=keys, **how)  # type: ignore[arg-type]  # test words
        async with asyncio.timeout(limit_s):
            return await call.run(self.address)

    def code(self, call: SwitchCall) -> str:
        """The completion code that the call was given."""
        return self.pdc.calls[call.attempt_id].code


@contextlib.asynccontextmanager
async def served(
    cache: Path,
    *,
    apps: Sequence[IvrApp] = (),
    limits: IvrLimits | None = None,
    tts: Hum | None = None,
    pdc: Pdc | None = None,
    fake: FakePdc | None = None,
    prompts: PromptStore | None = None,
) -> AsyncIterator[Served]:
    """A FastAGI server in this process. `pdc` stands before `fake`, where a transport is to be tested."""
    known = fake or FakePdc(codes=sorted({code for app in SHIPPED_APPS for code in app.codes}))
    hum = tts or Hum()
    listener = socket.create_server(("127.0.0.1", 0), backlog=512)
    server = FastAgiServer(
        listener,
        pdc=pdc or known,
        apps=Apps((*SHIPPED_APPS, *MISBEHAVED, *apps)),
        prompts=prompts or PromptStore(cache=cache, tts=hum),
        settings=CallSettings(transfer_trunk="carrier", recordings=cache),
        limits=limits,
    )
    await server.start()
    try:
        yield Served(server=server, pdc=known, address=listener.getsockname()[:2], tts=hum)
    finally:
        await server.stop()
        listener.close()
