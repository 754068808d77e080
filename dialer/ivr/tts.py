"""Let a separate program speak a text: espeak-ng, or whatever the settings name."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.metadata
import os
from collections.abc import Mapping, Sequence
from typing import Protocol

from dialer.errors import BadInput, OutdialError

ENTRY_POINTS = "outdial.tts"
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
    """

    def __init__(
        self,
        argv: Sequence[str] = ("espeak-ng", "-v", "{voice}", "-s", "150", "--stdin", "--stdout"),
        *,
        voices: Mapping[str, str] | None = None,
        timeout_s: float = 10.0,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        if not argv:
            raise BadInput("no program to speak with", where="tts.command")
        self._argv, self._voices, self._timeout_s = tuple(argv), dict(voices or {}), timeout_s
        self._environment = {**os.environ, **environment} if environment else None

    @property
    def identity(self) -> str:
        return "\0".join((*self._argv, *(f"{lang}={voice}" for lang, voice in sorted(self._voices.items()))))

    async def speak(self, text: str, language: str) -> bytes:
        voice = self._voices.get(language, language)
        argv = [part.replace("{language}", language).replace("{voice}", voice) for part in self._argv]
        pipe = asyncio.subprocess.PIPE
        try:
            process = await asyncio.create_subprocess_exec(
                *argv, stdin=pipe, stdout=pipe, stderr=asyncio.subprocess.DEVNULL, env=self._environment
            )
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
