"""Write what is old to the archive, and read it back before anybody removes the original."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dialer import failpoints
from dialer.errors import BadInput
from dialer.services.whole_file import whole_file
from dialer.store.old_rows import Key, OldRow, digest_of

_LEVEL = 6


def archive_rows(path: Path, rows: Iterable[OldRow], *, keep_free: int = 0) -> dict[Key, bytes]:
    """Write rows as lines of JSON, compressed; returns the digest of each by its key, as it was read back from the disk.

    Raises BadInput when it cannot be written, or reads back as something else; then there is no such file.
    """
    written: dict[Key, bytes] = {}
    with (
        whole_file(path, keep_free=keep_free) as out,
        gzip.GzipFile(fileobj=out, mode="wb", compresslevel=_LEVEL, filename="", mtime=0) as packed,
        io.TextIOWrapper(packed, encoding="utf-8", newline="\n") as text,
    ):
        for row in rows:
            text.write(row.line + "\n")
            written[row.key] = row.digest
            failpoints.hit("P0")
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as found:
            read_back = [digest_of(line.removesuffix("\n")) for line in found]
    except (OSError, EOFError, ValueError) as exc:
        raise _spoilt(path, str(exc)) from exc
    if read_back != list(written.values()):
        raise _spoilt(path, f"{len(read_back)} lines instead of {len(written)}, or others")
    return written


@dataclass(frozen=True, slots=True, kw_only=True)
class OldFile:
    """A file that is old enough to go, as it was when it was looked at."""

    path: Path
    name: str  # inside its folder
    size: int
    mtime_ns: int

    def unchanged(self) -> bool:
        """Whether it is still the same; a file that is gone is not."""
        try:
            now = self.path.lstat()
        except OSError:
            return False
        return (now.st_size, now.st_mtime_ns) == (self.size, self.mtime_ns)


def archive_files(path: Path, files: Sequence[OldFile], *, keep_free: int = 0) -> list[OldFile]:
    """Pack files into a compressed tar; returns those that are in it whole, as they were read back from the disk.

    A file that changes or goes away meanwhile is not among them. Raises BadInput as `archive_rows` does.
    """
    packed: dict[str, tuple[OldFile, bytes]] = {}
    with whole_file(path, keep_free=keep_free) as out, tarfile.open(fileobj=out, mode="w:gz", compresslevel=_LEVEL) as tar:
        for file in files:
            try:
                with file.path.open("rb") as source:
                    content = source.read()
            except OSError:  # gone, or not ours to read: it stays where it is
                continue
            if len(content) != file.size:
                continue
            member = tarfile.TarInfo(file.name)
            member.size, member.mtime, member.mode = len(content), file.mtime_ns // 1_000_000_000, 0o600
            tar.addfile(member, io.BytesIO(content))
            packed[file.name] = file, hashlib.sha256(content).digest()
    whole = []
    try:
        with tarfile.open(path, mode="r:gz") as tar:
            for member in tar:
                file, digest = packed[member.name]
                if _sha256(tar.extractfile(member)) == digest:
                    whole.append(file)
    except (OSError, EOFError, tarfile.TarError, KeyError) as exc:
        raise _spoilt(path, str(exc)) from exc
    if len(whole) != len(packed):
        raise _spoilt(path, f"{len(whole)} files instead of {len(packed)}")
    return whole


def _sha256(source: IO[bytes] | None) -> bytes:
    return b"" if source is None else hashlib.sha256(source.read()).digest()


def _spoilt(path: Path, how: str) -> BadInput:
    path.unlink(missing_ok=True)
    return BadInput(f"reads back as something else than was written: {how}", where=str(path), mend="look at the disk")
