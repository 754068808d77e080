"""The rules that hold for every test: one category each, no sockets in unit tests, seeds shown, nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import gc
import importlib.util
import inspect
import os
import random
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
import pytest_socket
import structlog
import typer.testing
from blockbuster import blockbuster_ctx

from tests.categories import complaint_about, rank
from tests.leaks import leaked_tasks, no_processes_left

TESTS = Path(__file__).parent
SEED = int(os.environ.get("OUTDIAL_SEED") or secrets.randbelow(2**32))

# Hundreds of processes are started by the tests: one that compiles every module anew needs thrice the time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

os.environ.setdefault("COLUMNS", "160")  # what a command prints may not depend on the terminal that runs the tests

# Else each command of a test would have all of them built anew, which takes three times as long as the command.
vars(typer.testing)["_get_command"] = functools.cache(typer.main.get_command)

pytest_plugins = [
    "pytester",
    *(name for name in ("tests.lab_fixture", "tests.database_fixture", "tests.rig_fixture") if importlib.util.find_spec(name)),
]

# A slow machine is not a fault of the property; the failing example is printed in a form that can be pasted back.
hypothesis.settings.register_profile("house", deadline=None, print_blob=True)
hypothesis.settings.load_profile("house")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("hypothesis_seed", None) is None:
        config.option.hypothesis_seed = SEED


def pytest_report_header() -> str:
    return f"seed: {SEED} (OUTDIAL_SEED={SEED} repeats it)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    complaints = {complaint_about(item.path.relative_to(TESTS).as_posix(), _marks(item)) for item in items} - {""}
    if complaints:
        raise pytest.UsageError("\n".join(sorted(complaints)))
    items.sort(key=lambda item: rank(_marks(item)))
    if hasattr(config, "workerinput"):
        _side_by_side(items)


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there before the first test is nobody's leftover: each look for some (`house_rules`) need not go through it."""
    gc.collect()
    gc.freeze()


def _side_by_side(items: list[pytest.Item]) -> None:
    """Where workers take file after file: calls, which wait, beside what computes, the long ones first and none at the end."""
    calling = {item.path for item in items if "lab" in getattr(item, "fixturenames", ())}
    tests, ranks = Counter(item.path for item in items), {item.path: rank(_marks(item)) for item in items}
    longest_first = sorted(tests, key=lambda path: (-ranks[path], -tests[path], path))
    places: dict[Path, float] = {}
    for share, paths in ((0.7, calling), (1.0, tests.keys() - calling)):
        mine = [path for path in longest_first if path in paths]
        places |= {path: share * place / len(mine) for place, path in enumerate(mine)}
    items.sort(key=lambda item: (places[item.path], item.path))


def _marks(item: pytest.Item) -> set[str]:
    return {mark.name for mark in item.iter_markers()}


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Give chance that the seed in the header of the run repeats."""
    return random.Random(f"{SEED}:{request.node.nodeid}")


@pytest.fixture(autouse=True)
def logs_as_before() -> Iterator[None]:
    """Undo what a command did to the log: its lines would go to a stream that is closed by then."""
    before = structlog.get_config() if structlog.is_configured() else None
    yield
    if before is None:
        structlog.reset_defaults()
    else:
        structlog.configure(**before)


@pytest.fixture(autouse=True)
def house_rules(request: pytest.FixtureRequest) -> Iterator[None]:
    """Apply the rules of the test's category around it."""
    category = request.path.relative_to(TESTS).parts[0]
    if category == "unit":
        with _nothing_but_thought():
            yield
    elif category == "contract":
        yield
    else:
        with no_processes_left(request.node.nodeid):
            if inspect.iscoroutinefunction(request.function):
                request.getfixturevalue("no_tasks_left")
            yield
        gc.collect()  # a forgotten socket or file warns now, in the test that forgot it


@contextlib.contextmanager
def _nothing_but_thought() -> Iterator[None]:
    """Forbid sockets, and calls that would block the event loop; the loop's own wake-up pair is a Unix socket."""
    pytest_socket.disable_socket(allow_unix_socket=True)
    try:
        with blockbuster_ctx(scanned_modules=["dialer", "pdc"]):
            yield
    finally:
        pytest_socket.enable_socket()


@pytest.fixture
async def no_tasks_left() -> AsyncIterator[None]:
    before = asyncio.all_tasks()
    yield
    left = leaked_tasks(before)
    assert not left, "asyncio tasks left behind by this test:\n  " + "\n  ".join(left)
