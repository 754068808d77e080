"""A real Postfix from Debian's packages, on free ports of the loopback, with its queue in a folder of the test."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from dialer.lab import debian
from dialer.lab.ports import free_ports

OWNER, DROP = "mail", "news"  # a user and a group of every Debian, which must differ from each other and from nobody
SERVICES = """127.0.0.1:{port} inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
smtp unix - - n - - smtp
relay unix - - n - - smtp
lmtp unix - - n - - lmtp
error unix - - n - - error
retry unix - - n - - error
scache unix - - n - 1 scache
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""
SETTINGS = """compatibility_level = 3.6
queue_directory = {folder}/spool
daemon_directory = {folder}/bin
command_directory = {folder}/bin
data_directory = {folder}/data
meta_directory = {folder}/etc
shlib_directory = no
mail_owner = {owner}
setgid_group = {drop}
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
myhostname = mta.lab.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
default_database_type = texthash
alias_maps =
alias_database =
local_recipient_maps =
relayhost = [127.0.0.1]:{world}
relay_domains = {domain}
transport_maps = inline:{{ {domain}=lmtp:inet:127.0.0.1:{lmtp} }}
smtp_host_lookup = native
smtpd_peername_lookup = no
smtpd_recipient_restrictions = permit_mynetworks, reject
smtpd_tls_security_level = none
smtp_tls_security_level = none
queue_run_delay = 1s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
fast_flush_domains =
"""


@contextmanager
def postfix(*, world: int, domain: str, lmtp: int) -> Iterator[int]:
    """Its SMTP port. It relays mail to `domain` by LMTP, and all other mail to the SMTP server on `world`."""
    if os.getuid():
        pytest.skip("Postfix's master starts for root only")
    if reason := debian.can_unpack():
        pytest.skip(f"there is no Postfix to be had: {reason}")
    owner, drop = pwd.getpwnam(OWNER), grp.getgrnam(DROP)
    folder, port = Path(tempfile.mkdtemp(prefix="outdial-postfix-")), free_ports().smtp
    folder.chmod(0o755)  # its daemons are other users
    try:
        _programs(debian.unpacked("postfix", ("postfix",), lambda _text: None), folder)
        values = {"folder": folder, "owner": OWNER, "drop": DROP, "world": world, "domain": domain, "lmtp": lmtp}
        (folder / "etc").mkdir()
        (folder / "etc/main.cf").write_text(SETTINGS.format(**values))
        (folder / "etc/master.cf").write_text(SERVICES.format(port=port))
        _queue(folder, owner.pw_uid, drop.gr_gid)
        master = subprocess.Popen([folder / "bin/master", "-c", folder / "etc", "-d"], stdin=subprocess.DEVNULL)
        try:
            _await(port, master, folder)
            yield port
        except BaseException:
            print((folder / "maillog").read_text())  # noqa: T201  shown by pytest where the test fails
            raise
        finally:
            master.terminate()
            master.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _programs(prefix: Path, folder: Path) -> None:
    """Postfix's programs start each other by their names: each name is a line that starts the program with its own libraries."""
    libraries, own = prefix / "usr/lib" / debian.architecture()[1], prefix / "usr/lib/postfix"
    loader = next(iter(sorted(libraries.glob("ld-linux-*.so.*"))))
    (folder / "bin").mkdir()
    for program in (own / "sbin").iterdir():
        name = folder / "bin" / program.name
        name.write_text(f'#!/bin/sh\nexec {loader} --library-path {libraries}:{own} {program} "$@"\n')
        name.chmod(0o755)


def _queue(folder: Path, owner: int, drop: int) -> None:
    (folder / "spool/pid").mkdir(parents=True)
    (folder / "data").mkdir()
    os.chown(folder / "data", owner, -1)
    for name in ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace"]:
        (folder / "spool" / name).mkdir(mode=0o700)
        os.chown(folder / "spool" / name, owner, -1)
    for name, mode in (("maildrop", 0o730), ("public", 0o710)):
        (folder / "spool" / name).mkdir()
        os.chown(folder / "spool" / name, owner, drop)
        (folder / "spool" / name).chmod(mode)


def _await(port: int, master: subprocess.Popen[bytes], folder: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                assert client.recv(100).startswith(b"220")
                return
        except OSError:
            log = folder / "maillog"
            told = log.read_text() if log.exists() else ""
            assert master.poll() is None, f"Postfix ended: {told}"
            assert time.monotonic() < deadline, f"Postfix is not ready in time: {told}"
            time.sleep(0.02)
