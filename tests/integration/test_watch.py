"""A promised time is measured without the moments in which others had the processor."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from tests.patience import PATIENCE_S, Watch

pytestmark = pytest.mark.integration


def test_a_watch_stands_while_who_is_asked_wants_a_processor_and_has_none() -> None:
    (cpu, *_) = os.sched_getaffinity(0)
    computes = [subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) for _ in range(2)]
    try:
        for one in computes:
            os.sched_setaffinity(one.pid, {cpu})  # the two of them have one between them
        began, watch = time.monotonic(), Watch(lambda: [one.pid for one in computes])
        while watch.lost_s() < 0.2:
            assert time.monotonic() - began < PATIENCE_S
            time.sleep(0.02)
        assert watch.spent_s() <= time.monotonic() - began - 0.2
    finally:
        for one in computes:
            one.kill()
            one.wait()


def test_where_nobody_is_asked_it_is_a_watch_like_any_other() -> None:
    watch = Watch(lambda: ())
    assert watch.lost_s() == 0.0
    assert watch.spent_s() >= 0.0
    assert watch.is_over(0.0)
    assert not watch.is_over(60.0)
