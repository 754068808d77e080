"""Files are fetched over SFTP from a real OpenSSH server, whole, and from no server but the one that was agreed on."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncssh
import pytest
import structlog
from typer.testing import CliRunner

from dialer.channels.sftp import SftpServer, fetch
from dialer.cli.contacts import contacts_app
from dialer.errors import BadInput, NotSent, OutdialError, Rejected
from dialer.store.store import Store
from tests.leaks import kept
from tests.patience import PATIENCE_S
from tests.source_kit import ids_on, write_people
from tests.sshd import Sshd, missing, running_sshd

pytestmark = pytest.mark.integration

STRANGER = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture(scope="module")
def sshd() -> Iterator[Sshd]:
    """One server for the tests of this module."""
    if reason := missing():
        pytest.skip(reason)
    with ExitStack() as stack:
        with kept():
            server = stack.enter_context(running_sshd())
        yield server


def run(*words: str, fails: bool = False) -> str:
    result = CliRunner().invoke(contacts_app, words, catch_exceptions=False)
    assert (result.exit_code != 0) is fails, result.output
    return result.output


@pytest.mark.row(89)
def test_a_file_on_an_openssh_server_becomes_contacts(
    sshd: Sshd, ready_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "dialer.toml"
    config.write_text(
        f'[database]\nurl = "{ready_url}"\n[[sftp]]\nname = "partner"\nhost = "127.0.0.1"\nport = {sshd.port}\n'
        f'username = "{sshd.username}"\nkey_file = "{sshd.user_key}"\nhost_key = "{sshd.host_key}"\n'
    )
    monkeypatch.setenv("OUTDIAL_CONFIG", str(config))
    monkeypatch.setenv("COLUMNS", "200")
    store = Store(ready_url)
    try:
        there = write_people(sshd.files / "people.csv", 300, bad_every=100)
        run("source", "add", "Partner", "--list", "People", "--sftp", "partner", "--path", str(there))
        said = run("source", "run", "Partner")
        assert "completed (every row was read)" in said
        org_id = store.write_now(lambda tx: tx.organisations.ensure("default"))
        assert len(ids_on(store, org_id)) == 297
        assert list((tmp_path / "var" / "imports" / "fetched").iterdir()) == []  # the copy is gone
        there.unlink()
        assert "failed" in (said := run("source", "run", "Partner", fails=True))
        assert "there is no such file" in said
        write_people(there, 310)
        assert "completed" in run("source", "resume", "Partner")
        assert len(ids_on(store, org_id)) == 310
    finally:
        store.close_now()
        structlog.reset_defaults()  # a run in the foreground says what is logged, and where: here it was the command's own output


class _Doorkeeper(asyncssh.SSHServer):
    """Lets in who knows the word."""

    def begin_auth(self, username: str) -> bool:
        return True

    def password_auth_supported(self) -> bool:
        return True

    def validate_password(self, username: str, password: str) -> bool:
        return password == "let me in"


@asynccontextmanager
async def answering(folder: Path, files: type[asyncssh.SFTPServer] = asyncssh.SFTPServer) -> AsyncIterator[SftpServer]:
    """A server inside this process, whose files can be made to misbehave."""
    key, before = asyncssh.generate_private_key("ssh-ed25519"), asyncio.all_tasks()
    server = await asyncssh.listen(
        "127.0.0.1",
        0,
        server_factory=_Doorkeeper,
        server_host_keys=[key],
        sftp_factory=lambda channel: files(channel, chroot=str(folder).encode()),
    )
    port = server.sockets[0].getsockname()[1]
    host_key = key.export_public_key().decode().strip()
    try:
        yield SftpServer(name="partner", host="127.0.0.1", port=port, username="outdial", password="let me in", host_key=host_key)
    finally:
        server.close()
        async with asyncio.timeout(PATIENCE_S):
            await server.wait_closed()
            # The server's own tasks for connections that have ended need a moment more to see it.
            for task in asyncio.all_tasks() - before - {asyncio.current_task()}:
                await asyncio.wait({task})


async def test_a_fetched_file_is_the_same_with_the_same_age_and_for_our_eyes_only(tmp_path: Path) -> None:
    source = tmp_path / "people.csv"
    source.write_bytes(os.urandom(10_000_000))
    os.utime(source, (1_700_000_000, 1_700_000_000))
    known = tmp_path / "known_hosts"
    async with answering(tmp_path) as server:
        known.write_text(f"[127.0.0.1]:{server.port} {server.host_key}\n")
        into = tmp_path / "in" / "copy.csv"
        assert await fetch(replace(server, host_key="", known_hosts=str(known)), "/people.csv", into) == 10_000_000
    assert into.read_bytes() == source.read_bytes()
    assert (into.stat().st_mtime, into.stat().st_mode & 0o777, into.parent.stat().st_mode & 0o777) == (
        1_700_000_000,
        0o600,
        0o700,
    )
    assert [one.name for one in into.parent.iterdir()] == ["copy.csv"]


@pytest.mark.parametrize(
    ("changes", "path", "error", "told"),
    [
        ({"password": "please"}, "/people.csv", Rejected, "does not let 'outdial' in"),
        ({"host_key": STRANGER}, "/people.csv", Rejected, "the server's key is not the one that the settings name"),
        ({"port": 1}, "/people.csv", NotSent, "partner:/people.csv"),
        ({"host_key": ""}, "/people.csv", BadInput, "its key is not known"),
        ({"host_key": "ssh-ed25519 AAAA"}, "/people.csv", BadInput, "a key cannot be read"),
        ({"key_file": "/nowhere/key"}, "/people.csv", BadInput, "/nowhere/key: No such file"),
        ({}, "/nobody.csv", BadInput, "partner:/nobody.csv: there is no such file"),
    ],
)
async def test_what_does_not_work_is_told_in_plain_words(
    tmp_path: Path, changes: dict[str, Any], path: str, error: type[OutdialError], told: str
) -> None:
    write_people(tmp_path / "people.csv", 3)
    async with answering(tmp_path) as server:
        with pytest.raises(error, match=told):
            await fetch(replace(server, **changes), path, tmp_path / "in" / "copy.csv")
    assert not (tmp_path / "in" / "copy.csv").exists()


class _Writing(asyncssh.SFTPServer):
    """Somebody still writes the file while it is read."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        with Path(file_obj.name.decode() if isinstance(file_obj.name, bytes) else file_obj.name).open("ab") as more:
            more.write(b"q,Q,+12029999999\n")
        found = super().read(file_obj, offset, size)
        assert isinstance(found, bytes)
        return found


class _Breaking(asyncssh.SFTPServer):
    """The line breaks in the middle."""

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:
        self.channel.get_connection().abort()
        raise asyncssh.SFTPFailure("gone")


@pytest.mark.parametrize(("files", "told"), [(_Writing, "changes while it is fetched"), (_Breaking, "partner:/people.csv")])
async def test_half_a_file_is_never_taken_for_a_whole_one(tmp_path: Path, files: type[asyncssh.SFTPServer], told: str) -> None:
    write_people(tmp_path / "people.csv", 3)
    async with answering(tmp_path, files) as server:
        with pytest.raises(NotSent, match=told):
            await fetch(server, "/people.csv", tmp_path / "in" / "copy.csv")
    assert not (tmp_path / "in" / "copy.csv").exists()
