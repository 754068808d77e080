"""Every test module belongs to one category, and says so."""

from __future__ import annotations

import asyncio
import socket

import pytest
import pytest_socket

from tests.categories import CATEGORIES, complaint_about, rank

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_module_with_the_mark_of_its_folder_is_accepted(category: str) -> None:
    assert complaint_about(f"{category}/test_x.py", {category, "parametrize"}) == ""


@pytest.mark.parametrize(
    ("path", "marks", "words"),
    [
        ("unit/test_x.py", set(), "it has no category mark; write `pytestmark = pytest.mark.unit`"),
        ("unit/store/test_x.py", {"asyncio"}, "no category mark"),  # a folder below the category's
        ("unit/test_x.py", {"faults"}, "it is marked faults; write `pytestmark = pytest.mark.unit`"),
        ("faults/test_x.py", {"faults", "unit"}, "it is marked unit and faults"),
        ("test_x.py", {"unit"}, "lives in one of the folders"),  # beside the folders
        ("browser/test_x.py", {"unit"}, "lives in one of the folders"),  # no such category
    ],
)
def test_a_module_without_its_category_is_refused_with_the_mend(path: str, marks: set[str], words: str) -> None:
    assert words in complaint_about(path, marks)


def test_quick_categories_run_first() -> None:
    shuffled = [{"faults"}, {"unit", "asyncio"}, {"acceptance"}, {"contract"}, {"integration"}]
    assert sorted(shuffled, key=rank)[0] == {"unit", "asyncio"}
    assert sorted(shuffled, key=rank)[-1] == {"faults"}


def test_a_unit_test_cannot_open_a_socket() -> None:
    with pytest.warns(UserWarning, match="tried to use socket"), pytest.raises(pytest_socket.SocketBlockedError):
        socket.socket(socket.AF_INET)


async def test_an_event_loop_works_without_sockets() -> None:
    assert await asyncio.to_thread(lambda: 3) == 3
