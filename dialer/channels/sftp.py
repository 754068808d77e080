"""Fetch a file from a server over SFTP, whole, from nobody but the server that was agreed on."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from dialer.errors import BadInput, NotSent, Rejected

CONNECT_S = 10.0
SIGN_IN_S = 20.0
STALL_S = 30.0  # without a byte for so long, the server has stopped sending
CLOSE_S = 5.0

_PIECE = 4 * 1024 * 1024  # octets that are asked for at once
_TRY_AGAIN = (asyncssh.ConnectionLost, asyncssh.DisconnectError, asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)


@dataclass(frozen=True, slots=True, kw_only=True)
class SftpServer:
    """A server and how to sign in. Its key is known before: `host_key` is one, `known_hosts` a file with several."""

    name: str
    host: str
    port: int = 22
    username: str
    password: str = field(default="", repr=False)  # with `key_file`: what opens the key
    key_file: str = ""  # a private key in OpenSSH's form; "" = sign in with the password
    host_key: str = ""  # "ssh-ed25519 AAAA..."
    known_hosts: str = ""  # a file in OpenSSH's form


async def fetch(server: SftpServer, path: str, into: Path) -> int:
    """Copy a file; it appears under the name `into` when it is complete, with the age that it has there. Returns its bytes.

    Raises BadInput for a file that is not there or may not be read, and for a key that cannot; Rejected when the server is not
    the one that was agreed on, or does not let us in; NotSent when it cannot be reached or stops sending, or when the file is
    still being written.
    """
    where = f"{server.name}:{path}"
    options = _options(server)
    try:
        async with asyncio.timeout(CONNECT_S + SIGN_IN_S):
            connection = await asyncssh.connect(server.host, server.port, options=options)
        try:
            async with asyncio.timeout(SIGN_IN_S):
                files = await connection.start_sftp_client()
            return await _copy(files, path, into, where)
        finally:
            connection.close()
            try:
                async with asyncio.timeout(CLOSE_S):
                    await connection.wait_closed()
            except TimeoutError:
                connection.abort()
    except asyncssh.HostKeyNotVerifiable as exc:
        raise Rejected(f"{server.name}: the server's key is not the one that the settings name ({exc})") from exc
    except asyncssh.PermissionDenied as exc:
        raise Rejected(f"{server.name}: the server does not let {server.username!r} in") from exc
    except asyncssh.KeyExchangeFailed as exc:
        raise Rejected(f"{server.name}: {exc}") from exc
    except (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath) as exc:
        raise BadInput("there is no such file", where=where) from exc
    except asyncssh.SFTPPermissionDenied as exc:
        raise BadInput("may not be read", where=where) from exc
    except TimeoutError as exc:
        raise NotSent(f"{where}: the server does not answer in time") from exc
    except _TRY_AGAIN as exc:
        raise NotSent(f"{where}: {exc}") from exc
    except asyncssh.Error as exc:
        raise Rejected(f"{where}: {exc}") from exc
    except OSError as exc:
        raise NotSent(f"{where}: {exc.strerror or exc}") from exc


async def _copy(files: asyncssh.SFTPClient, path: str, into: Path, where: str) -> int:
    async with asyncio.timeout(STALL_S):
        before = await files.stat(path)
    size = before.size or 0
    into.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = into.with_name(into.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        async with asyncio.timeout(STALL_S):
            source = await files.open(path, "rb")
        done = 0
        while done < size:
            async with asyncio.timeout(STALL_S):
                piece = await source.read(min(_PIECE, size - done), done)
            if not piece:
                break
            file.write(piece if isinstance(piece, bytes) else piece.encode())
            done += len(piece)
        file.flush()
        os.fsync(file.fileno())
    async with asyncio.timeout(STALL_S):
        after = await files.stat(path)
    if done != size or (after.size, after.mtime) != (before.size, before.mtime):
        raise NotSent(f"{where}: the file changes while it is fetched")
    if before.mtime is not None:
        os.utime(part, (before.mtime, before.mtime))
    part.replace(into)
    return size


def _options(server: SftpServer) -> asyncssh.SSHClientConnectionOptions:
    try:
        known = _host_keys(server)
        keys = [asyncssh.read_private_key(server.key_file, server.password or None)] if server.key_file else ()
        return asyncssh.SSHClientConnectionOptions(
            username=server.username,
            password=None if server.key_file else server.password,
            client_keys=keys,
            known_hosts=known,
            preferred_auth="publickey" if server.key_file else "password,keyboard-interactive",
            agent_path=None,
            config=None,
            gss_host=None,
            connect_timeout=CONNECT_S,
            login_timeout=SIGN_IN_S,
            keepalive_interval=STALL_S / 3,
        )
    except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError, ValueError) as exc:
        raise BadInput(f"a key cannot be read: {exc}", where=f"sftp {server.name!r}") from exc
    except OSError as exc:
        raise BadInput(f"{exc.filename}: {exc.strerror}", where=f"sftp {server.name!r}") from exc


def _host_keys(server: SftpServer) -> asyncssh.SSHKnownHosts | tuple[list[asyncssh.SSHKey], ...]:
    if server.host_key:
        return [asyncssh.import_public_key(server.host_key)], [], []
    if server.known_hosts:
        return asyncssh.read_known_hosts(server.known_hosts)
    raise BadInput("its key is not known", where=f"sftp {server.name!r}", mend="host_key or known_hosts in the settings")
