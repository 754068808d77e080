"""A real Dovecot from Debian's packages, on free ports of the loopback: mails come in by LMTP, and are read over IMAP."""

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

import pytest

from dialer.lab import debian
from dialer.lab.ports import free_ports

OWNER = "mail"  # a user of every Debian
USER, PASSWORD = "reply", "secret"  # any user may log in, and all of them have the one mailbox
SETTINGS = """dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
base_dir = /mail/run
state_dir = /mail/state
log_path = /mail/log
protocols = imap lmtp
listen = 127.0.0.1
ssl = no
auth_allow_cleartext = yes
default_internal_user = {owner}
default_internal_group = {owner}
default_login_user = nobody
first_valid_uid = 1
first_valid_gid = 1
mail_driver = maildir
mail_path = /mail/box
mail_uid = {owner}
mail_gid = {owner}
recipient_delimiter = +
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    home = /mail/home
  }}
}}
service imap-login {{
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service lmtp {{
  inet_listener lmtp {{
    port = {lmtp}
  }}
}}
"""
# Its programs know each other by where Debian has them. So it runs in a root folder of its own, whose mounts end with it.
START = """set -e
mount --bind {prefix}/usr {root}/usr
mount --bind /dev {root}/dev
mount --bind {work} {root}/mail
exec chroot {root} /usr/sbin/dovecot -F -c /mail/dovecot.conf
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dovecot:
    """A mail store that is up."""

    imap: int
    lmtp: int
    box: Path

    def mails(self, *, seen: bool) -> int:
        """How many mails there are that somebody has marked as seen, or has not."""
        marks = [one.name.partition(":2,")[2] for folder in ("cur", "new") for one in (self.box / folder).glob("*")]
        return sum(("S" in one) is seen for one in marks)


@contextmanager
def dovecot() -> Iterator[Dovecot]:
    """One mailbox, into which everything is put that comes by LMTP for whomever."""
    if os.getuid():
        pytest.skip("Dovecot gets a root folder of its own, which only root can make")
    if reason := debian.can_unpack():
        pytest.skip(f"there is no Dovecot to be had: {reason}")
    prefix = debian.unpacked("dovecot", ("dovecot-imapd", "dovecot-lmtpd"), lambda _text: None)
    folder, ports = Path(tempfile.mkdtemp(prefix="outdial-dovecot-")), free_ports()
    try:
        root, work = _folders(folder)
        values = {"owner": OWNER, "password": PASSWORD, "imap": ports.control, "lmtp": ports.smtp}
        (work / "dovecot.conf").write_text(SETTINGS.format(**values))
        start = START.format(prefix=prefix, root=root, work=work)
        master = subprocess.Popen(["unshare", "--mount", "sh", "-c", start], stdin=subprocess.DEVNULL)
        try:
            for port in (ports.control, ports.smtp):
                _await(port, master, work / "log")
            yield Dovecot(imap=ports.control, lmtp=ports.smtp, box=work / "box")
        finally:
            master.terminate()
            master.wait(10)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folders(folder: Path) -> tuple[Path, Path]:
    """A root folder in which nothing is but what is mounted there, and the one that it works in."""
    root, work, owner = folder / "root", folder / "work", pwd.getpwnam(OWNER)
    for name in ("usr", "dev", "etc", "tmp", "mail"):
        (root / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / name).symlink_to(f"usr/{name}")
    users = {"root": (0, 0), "nobody": (65534, 65534), OWNER: (owner.pw_uid, owner.pw_gid)}
    (root / "etc/passwd").write_text("".join(f"{name}:x:{uid}:{gid}::/:/bin/false\n" for name, (uid, gid) in users.items()))
    (root / "etc/group").write_text("".join(f"{name}:x:{gid}:\n" for name, (_, gid) in users.items()))
    for name in ("box", "home"):
        (work / name).mkdir(parents=True)
        os.chown(work / name, owner.pw_uid, owner.pw_gid)
    folder.chmod(0o755)  # its processes are other users
    return root, work


def _await(port: int, master: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 20
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
                assert client.recv(100)
                return
        except OSError:
            told = log.read_text() if log.exists() else ""
            assert master.poll() is None, f"Dovecot ended: {told}"
            assert time.monotonic() < deadline, f"Dovecot is not ready in time: {told}"
            time.sleep(0.02)
