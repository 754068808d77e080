"""Let a separate program speak a text: espeak-ng, or whatever the settings name."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
from collections.abc import Sequence
from typing import Protocol

from dialer.errors import BadInput, OutdialError

ENTRY_POINTS = "outdial.tts"
ESPEAK = ("-v", "{voice}", "-s", "150", "--stdin", "--stdout")
MAX_WAV = 40_000_000  # bytes


class TtsFailed(OutdialError):
    """The engine is missing, too slow, or gave no sound."""


class Tts(Protocol):
    """A speech engine. `identity` changes whenever the same text would sound different: it is part of the cache's key."""

    @property
    def identity(self) -> str: ...

    async def speak(self, text: str, language: str) -> bytes:
        """A 16-bit PCM WAV of any rate. Raises TtsFailed."""


class CommandTts:
    """A program that reads the text on its standard input and writes a WAV on its standard output.

    `{language}` and `{voice}` in its arguments are filled; the text never is an argument, so that it cannot become an option.
    A command that ends in `espeak-ng` needs no arguments. `voice` is for all languages; "" means the voice of the language.
    """

    def __init__(self, argv: Sequence[str] = ("espeak-ng",), *, voice: str = "", timeout_s: float = 10.0) -> None:
        if not argv:
            raise BadInput("no program to speak with", where="tts.command")
        bare = os.path.basename(argv[-1]) in ("espeak-ng", "espeak")
        self._argv, self._voice, self._timeout_s = (*argv, *(ESPEAK if bare else ())), voice, timeout_s

    @property
    def identity(self) -> str:
        # Not the folders: the same program found elsewhere speaks alike, and the cache stays good.
        return "\0".join((*(os.path.basename(word) for word in self._argv), self._voice))

    async def speak(self, text: str, language: str) -> bytes:
        voice = self._voice or language
        argv = [part.replace("{language}", language).replace("{voice}", voice) for part in self._argv]
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(*argv, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL)
        except OSError as exc:
            raise TtsFailed(f"{argv[0]} cannot be started: {exc}") from exc
        try:
            async with asyncio.timeout(self._timeout_s):
                out, _ = await process.communicate(text.encode())
        except TimeoutError as exc:
            raise TtsFailed(f"{argv[0]} took longer than {self._timeout_s:.0f} s") from exc
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode != 0 or not 44 < len(out) < MAX_WAV:
            raise TtsFailed(f"{argv[0]} gave no sound (exit {process.returncode}, {len(out)} bytes)")
        return out


def named_tts(name: str) -> Tts:
    """A speech engine of an installed package (entry-point group `outdial.tts`). Raises BadInput."""
    for point in importlib.metadata.entry_points(group=ENTRY_POINTS, name=name):
        engine: Tts = point.load()()
        return engine
    raise BadInput(f"no installed package offers the speech engine {name!r}", where="tts.engine")
