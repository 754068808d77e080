"""Find the sound of a prompt: a recording, or its text spoken once and kept."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Collection, Coroutine, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import structlog

from dialer.ivr.audio import read_wav, to_telephone, ulaw_bytes, wav_bytes
from dialer.ivr.driver import PromptFailed, Sound
from dialer.ivr.prompt_text import SHIPPED, PromptTexts, check_key, fill, is_static, languages_for
from dialer.ivr.tts import Tts, TtsFailed

log = structlog.get_logger()
T = TypeVar("T")

RECORDED = (".ulaw", ".wav", ".alaw", ".sln", ".gsm", ".g722")
USED_S = 86_400.0
APOLOGIES = SHIPPED / "sounds"


class PromptStore:
    """Prompts of all languages. One for each process, used from the loops of all its calls; speech is made on the home loop.

    A folder holds recordings as `<lang>/<key>.wav` or with the key's dots as folders, and texts as `<lang>.toml` or
    `<lang>/*.toml`. For one language a recording wins over a text; a language that has neither falls back to the default one.
    """

    def __init__(
        self,
        *,
        folders: Sequence[Path] = (),
        cache: Path,
        tts: Tts | None,
        default_language: str = "en",
        parallel: int = 2,
    ) -> None:
        self._folders = tuple(folder.resolve() for folder in folders)
        self._cache, self._tts, self._default = cache.resolve(), tts, default_language
        self._texts = PromptTexts(folders)
        self._room = asyncio.Semaphore(parallel)
        self._under_way: dict[str, asyncio.Task[None]] = {}
        self._home: asyncio.AbstractEventLoop | None = None
        self.rendered = 0  # texts spoken by the engine since the start
        self._cache.mkdir(parents=True, exist_ok=True)

    def live_on(self, home: asyncio.AbstractEventLoop) -> None:
        """Where speech is made. Without it, on the loop that asks."""
        self._home = home

    async def sound(self, key: str, language: str, values: Mapping[str, str]) -> Sound:
        """The sound of a prompt key. Raises PromptFailed: no recording and no text in any language, or speech failed."""
        check_key(key)
        failures = []
        for lang in languages_for(language, self._default):
            if recorded := self._recorded(key, lang):
                return Sound(path=recorded, text=self._texts.find(key, lang) or "", key=key, language=lang)
            if text := self._texts.find(key, lang):
                try:
                    return await self._spoken(fill(text, values), lang, key)
                except TtsFailed as exc:
                    failures.append(str(exc))
        raise PromptFailed(f"prompt {key}: {'; '.join(failures) or 'neither recorded nor written'}")

    async def speech(self, text: str, language: str, values: Mapping[str, str]) -> Sound:
        """The sound of a text. Raises PromptFailed."""
        try:
            return await self._spoken(fill(text, values), language, "")
        except TtsFailed as exc:
            raise PromptFailed(f"this text cannot be spoken: {exc}") from exc

    def apology(self, language: str) -> Sound:
        """The apology: a recording of the users where there is one, else the shipped local file; never the speech engine."""
        for lang in languages_for(language, self._default):
            if recorded := self._recorded("common.apology", lang):
                return Sound(path=recorded, key="common.apology", language=lang)
            shipped = APOLOGIES / lang / "apology"
            if shipped.with_suffix(".wav").is_file():
                text = self._texts.find("common.apology", lang) or ""
                return Sound(path=str(shipped), text=text, key="common.apology", language=lang)
        return Sound(path=str(APOLOGIES / "en" / "apology"), key="common.apology")

    async def warm(self, prefixes: Iterable[str], *, languages: Collection[str] = ()) -> Sequence[str]:
        """Speak beforehand all prompts of the apps named that are the same for every contact. Returns what failed.

        By default in the default language only; the others are spoken when they are first wanted.
        """
        failed = []
        for prefix in prefixes:
            for lang, key, text in self._texts.under(prefix):
                if lang in (languages or (self._default,)) and is_static(text) and not self._recorded(key, lang):
                    try:
                        await self._spoken(fill(text, {}), lang, key)
                    except (TtsFailed, PromptFailed) as exc:
                        failed.append(f"{lang} {key}: {exc}")
        return failed

    def _recorded(self, key: str, language: str) -> str | None:
        for folder in self._folders:
            for name in (key, key.replace(".", "/")):
                base = folder / language / name
                for ending in RECORDED:
                    file = f"{base}{ending}"
                    # Resolved, so that a link cannot lead to a file outside the folder.
                    if os.path.isfile(file) and Path(file).resolve().is_relative_to(folder):
                        return str(base)
        return None

    async def _spoken(self, text: str, language: str, key: str) -> Sound:
        if self._tts is None:
            raise TtsFailed("no speech engine is set up")
        digest = hashlib.sha256("\0".join((text, language, self._tts.identity)).encode()).hexdigest()[:40]
        base = self._cache / language / digest[:2] / digest
        if not _is_kept(f"{base}.ulaw"):
            await self._at_home(self._make_once(self._tts, str(base), text, language))
        return Sound(path=str(base), text=text, key=key, language=language)

    async def _at_home(self, work: Coroutine[Any, Any, T]) -> T:
        if self._home is None or self._home is asyncio.get_running_loop():
            return await work
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._home))

    async def _make_once(self, tts: Tts, base: str, text: str, language: str) -> None:
        """Two calls that want the same words wait for one rendering; a call that goes away does not spoil it for the other."""
        task = self._under_way.get(base)
        if task is None:
            task = asyncio.create_task(self._make(tts, Path(base), text, language), name="speak-prompt")
            self._under_way[base] = task
            task.add_done_callback(lambda done: self._made(base, done))
        await asyncio.shield(task)

    def _made(self, base: str, task: asyncio.Task[None]) -> None:
        self._under_way.pop(base, None)
        if not task.cancelled() and (exc := task.exception()) is not None:
            log.error("a prompt could not be spoken", error=str(exc))

    async def _make(self, tts: Tts, base: Path, text: str, language: str) -> None:
        async with self._room:
            wav = await tts.speak(text, language)
            try:
                await asyncio.to_thread(_keep, base, wav)
            except (ValueError, OSError) as exc:
                raise TtsFailed(f"the speech cannot be used: {exc}") from exc
            self.rendered += 1


def _is_kept(file: str) -> bool:
    """Whether the prompt is there. Its time tells when it was used last, to the day: what nobody wants is removed some day."""
    try:
        age_s = time.time() - os.stat(file).st_mtime
        if age_s > USED_S:
            for ending in (".ulaw", ".wav"):
                os.utime(file.removesuffix(".ulaw") + ending)
    except OSError:
        return False
    return True


def _keep(base: Path, wav: bytes) -> None:
    speech = to_telephone(read_wav(wav))
    base.parent.mkdir(parents=True, exist_ok=True)
    # The .ulaw last: it is what says that the prompt is there. Renamed into place, for several workers share the cache.
    for ending, data in ((".wav", wav_bytes(speech)), (".ulaw", ulaw_bytes(speech))):
        half = base.with_name(f"{base.name}{ending}.{os.getpid()}.part")
        half.write_bytes(data)
        half.chmod(0o644)  # the switch runs as another user
        half.replace(base.with_name(base.name + ending))
