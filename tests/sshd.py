"""A real OpenSSH server on a free port of this machine, for files over SFTP: Debian's own, unpacked as the lab's programs are."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh

from dialer.lab import debian
from dialer.lab.ports import free_port

PROGRAMS = ("usr/sbin/sshd", "usr/lib/openssh/sshd-session", "usr/lib/openssh/sshd-auth")
STARTED_WITHIN_S = 10.0


@dataclass(frozen=True)
class Sshd:
    """A server that is up: who may sign in, with which key, and the key by which it is known."""

    port: int
    username: str
    user_key: Path
    host_key: str
    files: Path  # a folder that it can read


def missing() -> str:
    """Why there can be none on this machine; "" where there can."""
    return debian.can_unpack()


@contextmanager
def running_sshd() -> Iterator[Sshd]:
    """Start one, as the user that we are, or as a user without rights when we are root."""
    folder = Path(tempfile.mkdtemp(prefix="outdial-sshd-"))
    folder.chmod(0o755)
    process = None
    try:
        command = _programs(folder)
        host, user = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
        host.write_private_key(folder / "host")
        user.write_private_key(folder / "user")
        user.write_public_key(folder / "authorized")
        (folder / "host").chmod(0o600)
        (folder / "files").mkdir(mode=0o755)
        port = free_port()
        (folder / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {folder}/host\nPidFile none\nAuthorizedKeysFile {folder}/authorized\n"
            f"StrictModes no\nUsePAM no\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n"
            f"SshdSessionPath {folder}/sshd-session\nSshdAuthPath {folder}/sshd-auth\n"
        )
        account = _account()
        if os.getuid() == 0:
            for path in (folder / "host", folder / "authorized"):
                os.chown(path, account.pw_uid, account.pw_gid)
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, "-D", "-e", "-f", str(folder / "sshd_config")],
                stderr=log,
                stdin=subprocess.DEVNULL,
                user=account.pw_uid,
                group=account.pw_gid,
                extra_groups=[],
            )
        _wait_until_up(process, port, folder / "log")
        public = host.export_public_key().decode().strip()
        yield Sshd(port=port, username=account.pw_name, user_key=folder / "user", host_key=public, files=folder / "files")
    finally:
        if process is not None:
            process.terminate()
            process.wait(10)
        shutil.rmtree(folder, ignore_errors=True)


def _programs(folder: Path) -> list[str]:
    """What starts the server. Its parts are copied to where an ordinary user can read them: the cache may be root's alone."""
    unpacked = debian.unpacked("sshd", ("openssh-server",), print)
    libraries = unpacked / "usr/lib" / debian.architecture()[1]
    loader = next(iter(sorted(libraries.glob("ld-linux-*.so.*"))))
    own = folder / "lib"
    own.mkdir()
    for program in PROGRAMS:
        shutil.copy2(unpacked / program, own / Path(program).name)
        listed = [str(loader), "--library-path", str(libraries), "--list", str(unpacked / program)]
        for line in subprocess.run(listed, capture_output=True, text=True, check=True, timeout=20).stdout.splitlines():
            library = Path(line.split("=>")[-1].split("(")[0].strip())
            if library.is_absolute() and not (own / library.name).exists():
                shutil.copy(library, own / library.name)
    shutil.copy(loader, own / loader.name)
    command = [str(own / loader.name), "--library-path", str(own)]
    for name in ("sshd-session", "sshd-auth"):  # the server starts these by itself, and not by this loader
        script = folder / name
        script.write_text(f'#!/bin/sh\nexec {" ".join(command)} {own}/{name} "$@"\n')
        script.chmod(0o755)
    return [*command, str(own / "sshd")]


def _account() -> pwd.struct_passwd:
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    return pwd.getpwnam("daemon")


def _wait_until_up(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + STARTED_WITHIN_S
    while time.monotonic() < deadline and process.poll() is None:
        with socket.socket() as probe:
            probe.settimeout(1.0)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"sshd does not start:\n{log.read_text()[-2000:]}")
