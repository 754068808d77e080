"""The `rig` fixture: a whole dialer on the session's lab, gone again after the test."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from dialer.lab.lab import Lab
from dialer.lab.obtain import obtain_tool
from tests.rig import Rig


@pytest.fixture(scope="session")
def tts() -> Sequence[str]:
    """The command that speaks prompts."""
    return tuple(obtain_tool("espeak-ng", lambda _text: None))


@pytest.fixture
def rig(lab: Lab, tmp_path: Path, tts: Sequence[str]) -> Iterator[Rig]:
    """A dialer that is not yet started."""
    made = Rig(lab=lab, folder=tmp_path, tts=tts)
    try:
        yield made
    finally:
        made.close()
