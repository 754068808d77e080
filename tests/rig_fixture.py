"""The `rig` fixture: a whole dialer on the session's lab, gone again after the test."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from dialer.lab.lab import Lab
from dialer.lab.obtain import obtain_tool
from tests.leaks import keep
from tests.rig import APPS, Rig


@pytest.fixture(scope="session")
def tts() -> Sequence[str]:
    """The command that speaks prompts."""
    return tuple(obtain_tool("espeak-ng", lambda _text: None))


@pytest.fixture
def port() -> Iterator[int]:
    """A port that nobody else gets before the test's dialer takes it, nor between two of its lives: it is bound, not used."""
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


@pytest.fixture
def rig(lab: Lab, tmp_path: Path, tts: Sequence[str]) -> Iterator[Rig]:
    """A dialer that is not yet started."""
    made = Rig(lab=lab, folder=tmp_path, tts=tts)
    try:
        yield made
    finally:
        made.close()


@pytest.fixture
def make_rig(lab: Lab, tmp_path: Path, tts: Sequence[str]) -> Iterator[Callable[[str], Rig]]:
    """Dialers that run beside each other on the shared lab, each under its own name."""
    made: list[Rig] = []

    def make(node: str) -> Rig:
        folder = tmp_path / node
        folder.mkdir()
        made.append(Rig(lab=lab, folder=folder, tts=tts, node=node))
        return made[-1]

    try:
        yield make
    finally:
        for one in made:
            one.close()


@pytest.fixture(scope="module")
def running(lab: Lab, tmp_path_factory: pytest.TempPathFactory, tts: Sequence[str]) -> Iterator[Rig]:
    """A dialer that all tests of a module share: each gives it campaigns of its own."""
    made = Rig(lab=lab, folder=tmp_path_factory.mktemp("running"), tts=tts, node="shared", apps=APPS)
    try:
        made.start()
        if made.process is not None:
            keep(made.process.pid)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def floor(lab: Lab, tmp_path_factory: pytest.TempPathFactory, tts: Sequence[str]) -> Iterator[Rig]:
    """A dialer with a desk for agents, shared by the tests of a module."""
    made = Rig(lab=lab, folder=tmp_path_factory.mktemp("floor"), tts=tts, node="floor", workers=1, desk_listen="127.0.0.1:0")
    try:
        made.start()
        if made.process is not None:
            keep(made.process.pid)
        yield made
    finally:
        made.close()
