"""The `lab` fixture: one telephone laboratory for the whole session, shared by every test that places real calls."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator

import pytest

from dialer.lab.lab import Lab
from tests.leaks import keep


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A switch and a carrier. A test that breaks a part of it starts a lab of its own instead."""
    with Lab.running(tmp_path_factory.mktemp("lab") / "shared") as running:
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


def no_calls_left(lab: Lab, *, within_s: float = 10.0) -> None:
    """Wait until neither instance has a channel; fails where one stays."""
    deadline = time.monotonic() + within_s
    while (left := asyncio.run(lab.channels())) != (0, 0):
        assert time.monotonic() < deadline, f"channels left on switch and carrier: {left}"
        time.sleep(0.1)
