"""Unpack Debian packages into a folder of our own, without root and without touching the machine's packages."""

from __future__ import annotations

import fcntl
import os
import platform
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dialer.lab.errors import LabFailed

SUITE = "forky"  # Debian 14; bookworm and trixie have no Asterisk at all
MIRROR = "OUTDIAL_DEBIAN_MIRROR"  # the address of a Debian archive, for a machine whose own apt sources name none
KEYRINGS = ("/usr/share/keyrings/debian-archive-keyring.gpg", "/usr/share/keyrings/debian-archive-keyring.pgp")
ARCHITECTURES = {"x86_64": ("amd64", "x86_64-linux-gnu"), "aarch64": ("arm64", "aarch64-linux-gnu")}

# Packages that apt is told are there already: only maintainer scripts, or modules that the lab never loads, want them.
# It halves the download. A name that a later Debian renames costs a bigger download and nothing else.
# Not here: libopus0, libvorbis0a and libvorbisenc2, without which espeak-ng does not start where the machine has none itself.
NOT_NEEDED = [
    "adduser",
    "passwd",
    "perl",
    "perl-base",
    "libperl5.42",
    "perl-modules-5.42",
    "gnupg",
    "dirmngr",
    "gpg",
    "gpgsm",
    "gpg-agent",
    "python3",
    "libcodec2-1.2",
    "libcurl4t64",
    "libglib2.0-0t64",
    "libgmime-3.0-0t64",
    "libical3t64",
    "libiksemel3",
    "libjack-jackd2-0",
    "libjwt2",
    "libldap2",
    "liblua5.1-0",
    "libneon27t64",
    "libodbc2",
    "libopencore-amrnb0",
    "libopencore-amrwb0",
    "libopusenc0",
    "libopusfile0",
    "libportaudio2",
    "libpq5",
    "libradcli4",
    "libsnmp45",
    "libsybdb5",
    "libunbound8",
    "libvo-amrwbenc0",
    "libvorbisfile3",
    "libspandsp2t64",
    "media-types",
    "netbase",
]

RECIPE = 2  # in the folder's name: count it up when NOT_NEEDED changes, so that an older unpacking is not taken for this one
FRESH_S = 3600.0  # lists that are no older are taken as they are

Say = Callable[[str], None]


def cache_folder() -> Path:
    """Where unpacked programs are kept: OUTDIAL_CACHE, or `outdial` in the user's cache folder."""
    if own := os.environ.get("OUTDIAL_CACHE"):
        return Path(own).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "outdial"


def architecture() -> tuple[str, str]:
    """Debian's name for this machine's architecture, and its library folder. Raises LabFailed on any other machine."""
    try:
        return ARCHITECTURES[platform.machine()]
    except KeyError:
        raise LabFailed(
            f"no Debian packages are known for a {platform.machine()} machine: install Asterisk 20 or newer"
        ) from None


def can_unpack() -> str:
    """ "" where Debian packages can be fetched and unpacked on this machine, else the reason why not."""
    if platform.machine() not in ARCHITECTURES:
        return f"no Debian packages are known for {platform.machine()}"
    for program in ("apt-get", "dpkg-deb"):
        if not shutil.which(program):
            return f"there is no {program} here"
    if not any(Path(keyring).exists() for keyring in KEYRINGS):
        return "the Debian archive keyring is missing (apt-get install debian-archive-keyring)"
    if not mirror():
        return f"this machine's apt sources name no Debian archive: set {MIRROR} to the address of one"
    return ""


def unpacked(name: str, packages: Sequence[str], say: Say) -> Path:
    """The folder into which `packages` and what they need are unpacked; made on first use.

    Two processes never unpack at once, and an interrupted unpacking is never taken for a whole one: the folder gets its
    name only when it is complete. Every package is verified by apt against Debian's signature. Raises LabFailed.
    """
    folder = cache_folder() / f"debian-{SUITE}-{architecture()[0]}-{RECIPE}" / name
    if folder.is_dir():
        return folder
    if reason := can_unpack():
        raise LabFailed(f"{name} cannot be taken from Debian: {reason}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.parent / "lock", say):
        if not folder.is_dir():
            for left in folder.parent.glob(".unpacking-*"):  # of a process that was interrupted: we hold the lock, so it is dead
                shutil.rmtree(left, ignore_errors=True)
            work = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=folder.parent))
            try:
                debs = _download(folder.parent / "apt", packages, say)
                say(f"Unpacking {len(debs)} packages into {folder}")
                with ThreadPoolExecutor(max_workers=2) as pool:  # xz is the cost, and it is one core per package
                    list(pool.map(lambda deb: _run(["dpkg-deb", "-x", str(deb), str(work)]), debs))
                for deb in debs:
                    deb.unlink()
                work.chmod(0o755)
                work.rename(folder)
            finally:
                shutil.rmtree(work, ignore_errors=True)
    return folder


def mirror(folder: Path = Path("/etc/apt")) -> str:
    """The Debian mirror of the environment, or the one that this machine uses itself by its apt sources; "" if there is none."""
    if named := os.environ.get(MIRROR):
        return named.rstrip("/")
    for file in [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]:
        if file.suffix not in (".list", ".sources") or not file.is_file():
            continue
        for line in file.read_text(errors="replace").splitlines():
            words = line.split()
            if not words or line.lstrip().startswith("#") or (words[0] not in ("deb", "URIs:")):
                continue
            for word in words[1:]:
                parts = urlsplit(word)
                if parts.scheme in ("http", "https") and "debian" in parts.path.split("/"):
                    return word.rstrip("/")
    return ""


def _download(apt: Path, packages: Sequence[str], say: Say) -> list[Path]:
    for part in ("state/lists/partial", "cache/archives/partial"):
        (apt / part).mkdir(parents=True, exist_ok=True)
    arch = architecture()[0]
    keyring = next(keyring for keyring in KEYRINGS if Path(keyring).exists())
    where = mirror()
    (apt / "sources.list").write_text(f"deb [signed-by={keyring}] {where} {SUITE} main\n")
    _pretend(apt, NOT_NEEDED)
    # Given by -c, so that it is read after the machine's own settings: those keep their say about proxies, and nothing else.
    (apt / "apt.conf").write_text(
        f"""#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Update::Pre-Invoke;
#clear Dir::Etc::trustedparts;
Dir::State "{apt}/state";
Dir::State::status "{apt}/status";
Dir::Cache "{apt}/cache";
Dir::Cache::archives "archives/";
Dir::Etc::sourcelist "{apt}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{arch}";
APT::Install-Recommends "false";
APT::Get::AllowUnauthenticated "false";
Acquire::AllowInsecureRepositories "false";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled "false";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled "false";
APT::Sandbox::User "";
Debug::NoLocking "true";
"""
    )
    apt_get = ["apt-get", "-c", str(apt / "apt.conf"), "-q", "-y"]
    read = apt / "lists-read"
    if not read.exists() or not 0 <= time.time() - read.stat().st_mtime < FRESH_S:
        say(f"Reading Debian's package lists ({where}, {SUITE})")
        _run([*apt_get, "update"])
    read.unlink(missing_ok=True)  # until all has gone well: what fails with these lists is tried with new ones
    try:
        wanted = _run([*apt_get, "install", "--print-uris", *packages])
    except LabFailed:  # a later Debian wants an exact version of what we called not needed: then take everything
        _pretend(apt, ())
        wanted = _run([*apt_get, "install", "--print-uris", *packages])
    uris = re.findall(r"^'[^']+' (\S+) (\d+) ", wanted, re.MULTILINE)
    megabytes = sum(int(size) for _name, size in uris) / 1e6
    say(f"Downloading {', '.join(packages)} and what they need: {len(uris)} packages, {megabytes:.0f} MB")
    archives = apt / "cache" / "archives"
    _run([*apt_get, "install", "--download-only", *packages])
    read.touch()
    return [archives / name for name, _size in uris] if uris else sorted(archives.glob("*.deb"))


def _pretend(apt: Path, installed: Sequence[str]) -> None:
    stanza = (
        "Package: {}\nStatus: install ok installed\nVersion: 999:0\nArchitecture: {}\nMulti-Arch: allowed\n"
        "Maintainer: nobody\nDescription: not needed here\n"
    )
    (apt / "status").write_text("\n".join(stanza.format(name, architecture()[0]) for name in installed))


def _run(argv: Sequence[str]) -> str:
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"},
    )
    if done.returncode:
        raise LabFailed(f"`{' '.join(argv)}` failed:\n{(done.stderr or done.stdout).strip()[-2000:]}")
    return done.stdout


@contextmanager
def _locked(path: Path, say: Say) -> Iterator[None]:
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another process is unpacking; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
