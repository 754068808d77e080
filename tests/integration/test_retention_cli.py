"""An operator asks what would go, lets it go, and sees what went; an SQLite file is made small again."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dialer.cli.retention import retention_app
from dialer.domain.ids import OrgId
from dialer.store.store import Store
from tests.export_kit import called_job, finish_job
from tests.retention_kit import archived

pytestmark = pytest.mark.integration

KEPT = "[retention]\nattempts = 90\n"


def retention(store: Store, folder: Path, *words: str, kept: str = KEPT) -> Result:
    """Run `dialer retention ...` with these settings."""
    config = folder / "dialer.toml"
    url = store.url.render_as_string(hide_password=False)
    config.write_text(f'[node]\ndata_dir = "{folder}"\n[database]\nurl = "{url}"\n{kept}')
    return CliRunner().invoke(retention_app, [*words, "--config", str(config)], env={"COLUMNS": "200"}, catch_exceptions=False)


async def test_it_is_told_what_would_go_and_what_went(store: Store, org_id: OrgId, tmp_path: Path) -> None:
    await finish_job(await called_job(store, org_id))
    assert "kept for ever" in retention(store, tmp_path, "report", kept="").stdout
    told = retention(store, tmp_path, "report").stdout
    assert "2026-03-01" in told
    full = retention(store, tmp_path, "run", kept=f"{KEPT}keep_free_mb = 1000000\n")
    assert full.exit_code == 2
    assert "make room and try again" in full.stderr
    assert retention(store, tmp_path, "run").exit_code == 0
    assert len(archived(tmp_path)) == 3
    listed = retention(store, tmp_path, "runs").stdout
    assert "3 attempts" in listed
    assert listed.index("done") < listed.index("failed"), "the latest first"
    assert "cannot be written" in listed


async def test_a_database_is_made_small_while_nobody_dials(store: Store, tmp_path: Path) -> None:
    done = retention(store, tmp_path, "compact")
    if store.url.get_backend_name() == "postgresql":
        assert done.exit_code == 2
        assert "autovacuum" in done.stderr
        return
    assert "MB now" in done.stdout
    store.hold_engine_lock()
    assert "another dialer is already serving" in retention(store, tmp_path, "compact").stderr
