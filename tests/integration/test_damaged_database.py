"""A dialer whose database file is damaged places no call: it says so, and what to do."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from dialer.app import Dialer
from dialer.errors import StoreDown
from dialer.settings import Settings
from dialer.store.store import Store

pytestmark = pytest.mark.integration


async def test_a_dialer_does_not_start_on_a_damaged_file_and_says_what_to_do(tmp_path: Path) -> None:
    settings = Settings.model_validate(
        {
            "root": tmp_path,
            "node": {"name": "n1", "data_dir": tmp_path},
            "agents": {"mode": "non_telephony"},
            "log": {"level": "error"},
        }
    )
    store = Store(settings.database_url)
    store.migrate()
    store.close_now()
    file = tmp_path / "outdial.sqlite3"
    known = sqlite3.connect(file)
    (page,) = known.execute("SELECT rootpage FROM sqlite_master WHERE name = 'unmaskings'").fetchone()
    (size,) = known.execute("PRAGMA page_size").fetchone()
    known.close()
    content = bytearray(file.read_bytes())
    content[(page - 1) * size : page * size] = b"\xff" * size  # which nobody reads at a start
    file.write_bytes(content)
    with pytest.raises(StoreDown, match=r"damaged.*restore the last backup"):
        async with Dialer.started(settings):
            pytest.fail("it dials")
    store = Store(settings.database_url)
    try:
        store.hold_engine_lock()  # whoever mends the file is not kept out
    finally:
        store.close_now()
