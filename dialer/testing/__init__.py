"""For tests of IVR apps and of programs around Outdial: the app player and the shipped fakes."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dialer.ivr.driver import Transfer
from dialer.ivr.fake_pdc import FakeCall, FakePdc
from dialer.ivr.player import Player, TextPrompts
from dialer.ivr.prompt_text import PromptTexts
from dialer.ivr.registry import IvrApp
from dialer.ivr.rehearsal import Played, rehearse
from pdc import Contact

if TYPE_CHECKING:
    from dialer.testing.channel import FakeChannel
    from dialer.testing.messages import FakeMessages
    from dialer.testing.voice import FakeVoice

__all__ = [
    "Contact",
    "FakeCall",
    "FakeChannel",
    "FakeMessages",
    "FakePdc",
    "FakeVoice",
    "Played",
    "Player",
    "Transfer",
    "play",
    "rehearse",
]


def play(
    app: IvrApp,
    *,
    keys: str = "",
    contact: Contact | None = None,
    attributes: Mapping[str, str] | None = None,
    parameters: Mapping[str, str] | None = None,
    answered_by: str = "human",
    language: str = "",
    hangup_after: int | None = None,
    transfer: Transfer = Transfer.CONNECTED,
    codes: Collection[str] | None = None,
    prompt_folders: Collection[Path] = (),
    unplayable: Sequence[str] = (),
    default_code: str = "",
) -> Played:
    """Run an IVR app as a contact would hear it: `play(my_app, keys="1").code == "Interested"`.

    `keys` are pressed one question after the other; `-` lets a question pass in silence. `hangup_after=2`: the contact hangs
    up in the middle of the second prompt. `unplayable` are keys of prompts whose file is missing. Works inside and outside of
    a running event loop; inside, `await rehearse(app, Player(keys))` is the direct way.
    """
    player = Player(keys, hangup_after=hangup_after, transfer=transfer, unplayable=unplayable)

    def run() -> Played:
        prompts = TextPrompts(PromptTexts(list(prompt_folders)))  # read before the loop turns: a test may forbid files in it
        return asyncio.run(
            rehearse(
                app,
                player,
                contact=contact,
                attributes=attributes,
                parameters=parameters,
                answered_by=answered_by,
                language=language,
                codes=codes,
                prompts=prompts,
                default_code=default_code,
            )
        )

    if not _in_a_loop():
        return run()
    with ThreadPoolExecutor(1, thread_name_prefix="play") as pool:
        return pool.submit(run).result()


def _in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


# Looked up on first use: an app's test has no need of them.
_ON_FIRST_USE = {
    "FakeVoice": "dialer.testing.voice",
    "FakeMessages": "dialer.testing.messages",
    "FakeChannel": "dialer.testing.channel",
}


def __getattr__(name: str) -> Any:
    if name in _ON_FIRST_USE:
        return getattr(import_module(_ON_FIRST_USE[name]), name)
    raise AttributeError(f"module 'dialer.testing' has no attribute {name!r}")
