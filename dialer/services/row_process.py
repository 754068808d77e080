"""Read and check the rows of a long source in a process of its own, so that one core reads while another one writes."""

from __future__ import annotations

import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import dialer
from dialer.domain.imports import Position
from dialer.errors import OutdialError
from dialer.services.import_rows import RowReader
from dialer.services.row_chunks import Chunk, ChunkSize, read_chunks
from dialer.services.row_source import RowSource

AHEAD = 16  # chunks that wait to be written
SILENT_S = 300.0  # a disk that gives nothing for so long has failed
_END_S = 10.0

Message = Chunk | OutdialError | OSError | None
"""What the process says: a chunk, why it cannot go on, or None = that was all."""


class RowProcess:
    """The process. Iterate over it for its chunks; leave the `with` block and it is gone."""

    def __init__(self, source: RowSource, reader: RowReader, size: ChunkSize, after: Position) -> None:
        self._request = pickle.dumps((source, reader, size, after), protocol=pickle.HIGHEST_PROTOCOL)
        self._queue: queue.Queue[Message] = queue.Queue(maxsize=AHEAD)

    def __enter__(self) -> Self:
        paths = [str(Path(dialer.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dialer.services.row_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )
        self._thread = threading.Thread(target=self._receive, name="row-process", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, where: TracebackType | None) -> None:
        self._process.kill()  # it writes nothing anywhere: nothing can be half done
        while self._thread.is_alive():
            try:
                self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
        self._process.wait(_END_S)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def __iter__(self) -> Iterator[Chunk]:
        """The chunks in their order. Raises what reading the source raises, and OutdialError when the process dies or stands."""
        while (message := self._next()) is not None:
            yield message

    def _next(self) -> Chunk | None:
        try:
            message = self._queue.get(timeout=SILENT_S)
        except queue.Empty as exc:
            raise OutdialError(f"nothing was read for {SILENT_S:.0f} s; the import can be run again") from exc
        if isinstance(message, Exception):
            raise message
        return message

    def _receive(self) -> None:
        assert self._process.stdin is not None  # noqa: S101  both are pipes by the arguments above
        assert self._process.stdout is not None  # noqa: S101
        try:
            self._process.stdin.write(self._request)
            self._process.stdin.flush()
            while True:
                message: Message = pickle.load(self._process.stdout)  # noqa: S301  it comes from our own program
                self._queue.put(message)
                if not isinstance(message, Chunk):
                    return
        except (OSError, EOFError, pickle.UnpicklingError):
            self._queue.put(
                OutdialError(f"the process that reads the rows has died ({self._ended()}); the import can be run again")
            )

    def _ended(self) -> str:
        try:
            return f"exit status {self._process.wait(1)}"
        except subprocess.TimeoutExpired:
            return "it said nothing more"


def main() -> None:
    """The process's own side: a request on standard input, chunks on standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one that asked, which then ends us
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a source of somebody else's prints is no chunk
    try:
        source, reader, size, after = pickle.load(sys.stdin.buffer)  # noqa: S301  it comes from our own program
    except (EOFError, pickle.UnpicklingError):
        return  # whoever asked died while we were starting
    threading.Thread(target=_end_with, args=(sys.stdin.buffer,), name="end", daemon=True).start()
    message: Message = None
    try:
        with closing(source.open(after)) as rows:
            rows.header()
            for chunk in read_chunks(rows, reader, size):
                _say(out, chunk)
    except (OutdialError, OSError) as exc:
        message = exc
    _say(out, message)


def _say(out: BinaryIO, message: Message) -> None:
    try:
        pickle.dump(message, out, protocol=pickle.HIGHEST_PROTOCOL)
        out.flush()
    except BrokenPipeError:
        os._exit(1)  # nobody listens any more


def _end_with(parent: BinaryIO) -> None:
    """Nothing more comes on standard input; when it ends, the one that asked has ended, however that came."""
    parent.read()
    os._exit(1)


if __name__ == "__main__":
    main()
