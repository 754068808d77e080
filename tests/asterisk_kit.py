"""Calls on the lab's Asterisk into a FastAGI server of the test, with a PDC in memory behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path

from dialer.ivr.config import IvrLimits
from dialer.ivr.fake_pdc import FakeCall
from dialer.ivr.prompt_store import PromptStore
from dialer.ivr.tts import CommandTts
from dialer.lab.ami import AmiTalk
from dialer.lab.lab import Lab
from pdc import SessionKey
from tests.ivr_kit import Served, eventually, served
from tests.patience import PATIENCE_S


class Dialled:
    """Places calls on the lab's switch by plain AMI, into the context that ends in our FastAGI server."""

    def __init__(self, lab: Lab, at: Served) -> None:
        self._lab, self._at = lab, at

    async def call(self, app: str, number: str, **more: str) -> SessionKey:
        """Dial; returns when the switch has taken the order. `more` is for `Served.add`."""
        key = self._at.add(app, **more)
        await asyncio.to_thread(self._originate, key, number, {})
        return key

    async def nobody(self, number: str) -> SessionKey:
        """Dial for an agent, of whom there is none: who answers hears the nuisance message."""
        key = self._at.add("")
        waits = {"OUTDIAL_FLOOR": "1", "OUTDIAL_WAIT_S": "1", "OUTDIAL_MORE_S": "0.9"}
        await asyncio.to_thread(self._originate, key, number, waits)
        return key

    async def ended(self, app: str, number: str, *, within_s: float = PATIENCE_S, **more: str) -> FakeCall:
        """Dial, and wait for the end of the session. Returns what is kept of the call."""
        key = await self.call(app, number, **more)
        kept = self._at.pdc.calls[key.attempt_id]
        await eventually(lambda: kept.ended, within_s=within_s, show=lambda: kept)
        return kept

    async def code(self, app: str, number: str, *, within_s: float = PATIENCE_S) -> str:
        """The same; returns the code."""
        return (await self.ended(app, number, within_s=within_s)).code

    async def all_ended(self, keys: Iterable[SessionKey]) -> None:
        """Wait for the end of these sessions. Where one does not come, both ends of its call are shown."""
        kept = {key.attempt_id: self._at.pdc.calls[key.attempt_id] for key in keys}

        def left() -> object:
            missing = [attempt_id for attempt_id, call in kept.items() if not call.ended]
            at_the_carrier = [truth for truth in self._lab.truth() if truth.attempt_id in missing]
            log = (self._lab.switch_instance.folder / "log/messages").read_text().splitlines()[-20:]
            return [kept[attempt_id] for attempt_id in missing], at_the_carrier, self._at.server.stats, log

        await eventually(lambda: all(call.ended for call in kept.values()), show=left)

    async def gone(self) -> None:
        """Wait until neither Asterisk has a channel left."""
        for _ in range(int(PATIENCE_S / 0.1)):
            if await self._lab.channels() == (0, 0):
                return
            await asyncio.sleep(0.1)
        raise AssertionError("channels are left")

    def _originate(self, key: SessionKey, number: str, variables: Mapping[str, str]) -> None:
        host, port = self._at.address
        with AmiTalk(self._lab.switch.host, self._lab.switch.port) as ami:
            ami.login(self._lab.switch.username, self._lab.switch.secret)
            named = {"OUTDIAL_ATTEMPT": key.attempt_id, "OUTDIAL_NONCE": key.nonce, "OUTDIAL_AGI": f"{host}:{port}", **variables}
            answer = ami.action(
                "Originate",
                {
                    "Channel": f"PJSIP/{number}@{self._lab.trunk}",
                    "ChannelId": f"test-{key.attempt_id}",
                    "Context": "outdial",
                    "Exten": "s",
                    "Priority": "1",
                    "Async": "true",
                    "Timeout": "15000",
                    "CallerID": f'"{key.attempt_id}" <{self._lab.caller_id}>',
                    "Variable": ",".join(f"{name}={value}" for name, value in named.items()),
                },
            )
            assert answer.get("Response") == "Success"


@contextlib.asynccontextmanager
async def on_asterisk(
    lab: Lab, folder: Path, tts: Sequence[str], *apps: object, limits: IvrLimits | None = None
) -> AsyncIterator[tuple[Served, Dialled]]:
    prompts = PromptStore(cache=folder, tts=CommandTts(tts))
    assert await prompts.warm(("common", "blood_donation")) == []
    async with served(folder, apps=apps, limits=limits, prompts=prompts) as at:  # type: ignore[arg-type]  # IvrApps
        dialled = Dialled(lab, at)
        yield at, dialled
        await dialled.gone()
