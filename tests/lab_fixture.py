"""The `lab` fixture: one telephone laboratory for the whole session, shared by every test that places real calls.

A module whose agents have browsers for telephones gets one of its own, `web_lab`, and what a browser has to know, `web_phone`.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from dialer.lab.lab import Lab
from dialer.lab.web_phones import WebPhone
from tests.leaks import keep
from tests.patience import PATIENCE_S


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A switch and a carrier. A test that breaks a part of it starts a lab of its own instead."""
    with _kept(tmp_path_factory.mktemp("lab") / "shared") as running:
        yield running


@pytest.fixture(scope="module")
def web_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab whose switch serves a telephone in a browser."""
    with _kept(tmp_path_factory.mktemp("web") / "lab", webrtc=True) as running:
        yield running


@pytest.fixture
def web_phone(web_lab: Lab) -> WebPhone:
    """What a browser has to know."""
    assert web_lab.web_phone is not None
    return web_lab.web_phone


@contextlib.contextmanager
def _kept(folder: Path, *, webrtc: bool = False) -> Iterator[Lab]:
    """A lab that goes on between tests: its processes are no leak of one of them."""
    with Lab.running(folder, webrtc=webrtc) as running:
        for instance in (running.switch_instance, running.carrier_instance):
            keep(instance.keeper_pid)
        yield running


@contextlib.contextmanager
def own_dialplan(lab: Lab, contexts: str) -> Iterator[None]:
    """Contexts of an operator's own in the switch's files, beside what is shipped."""
    extensions = lab.switch_instance.folder / "etc" / "extensions.conf"
    shipped = extensions.read_text()
    try:
        extensions.write_text(shipped + contexts)
        lab.switch_instance.rx("dialplan reload")
        yield
    finally:
        extensions.write_text(shipped)
        lab.switch_instance.rx("dialplan reload")


def no_calls_left(lab: Lab, *, within_s: float = PATIENCE_S) -> None:
    """Wait until neither instance has a channel; fails where one stays."""
    deadline = time.monotonic() + within_s
    while (left := asyncio.run(lab.channels())) != (0, 0):
        assert time.monotonic() < deadline, f"channels left on switch and carrier: {left}"
        time.sleep(0.1)
