"""Prompts: recordings and texts in folders, speech that is made once, and files that cannot be left."""

from __future__ import annotations

import asyncio
import itertools
import math
import os
import sys
import time
from array import array
from pathlib import Path

import pytest

from dialer.errors import BadInput
from dialer.ivr.audio import Speech, read_wav, to_telephone, ulaw_bytes, wav_bytes
from dialer.ivr.driver import PromptFailed
from dialer.ivr.prompt_store import PromptStore
from dialer.ivr.tts import CommandTts, TtsFailed
from tests.ivr_kit import Hum

pytestmark = pytest.mark.integration


def store(tmp_path: Path, tts: Hum | None = None, **how: object) -> PromptStore:
    return PromptStore(cache=tmp_path / "cache", tts=tts, **how)  # type: ignore[arg-type]  # test words


def recorded(folder: Path, name: str) -> Path:
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(wav_bytes(Speech(8000, array("h", [0] * 80))))
    return file


@pytest.mark.parametrize("name", ["en/app.ask.wav", "en/app/ask.wav", "en/app.ask.ulaw", "en/app/ask.gsm"])
async def test_a_recording_wins_over_a_text(tmp_path: Path, name: str) -> None:
    folder, hum = tmp_path / "mine", Hum()
    recorded(folder, name)
    (folder / "en.toml").write_text('[app]\nask = "A text"')
    sound = await store(tmp_path, hum, folders=[folder]).sound("app.ask", "en", {})
    assert sound.path == str(folder / name.rpartition(".")[0])
    assert hum.said == []


async def test_the_users_text_wins_over_the_shipped_one(tmp_path: Path) -> None:
    folder, hum = tmp_path / "mine", Hum()
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "donors.toml").write_text('[blood_donation]\nask = "Hi ${name}"')
    sound = await store(tmp_path, hum, folders=[folder]).sound("blood_donation.ask", "en-GB", {"name": "Ann"})
    assert (sound.text, hum.said) == ("Hi Ann", ["Hi Ann"])


async def test_a_language_without_the_prompt_falls_back_to_the_default_in_its_own_voice(tmp_path: Path) -> None:
    sound = await store(tmp_path, Hum()).sound("blood_donation.ask", "pt-br", {})
    assert sound.language == "en"


async def test_the_same_words_are_spoken_once_for_a_hundred_calls(tmp_path: Path) -> None:
    gate = asyncio.Event()
    hum = Hum(gate=gate)
    at = store(tmp_path, hum)
    calls = [asyncio.create_task(at.sound("blood_donation.ask", "en", {})) for _ in range(100)]
    calls[0].cancel()  # a contact who hangs up meanwhile does not spoil it for the others
    await asyncio.sleep(0)
    calls[1].cancel()
    gate.set()
    sounds = await asyncio.gather(*calls[2:])
    assert len({sound.path for sound in sounds}) == 1
    assert len(hum.said) == 1
    again = store(tmp_path, hum)
    await again.sound("blood_donation.ask", "en", {})
    assert (len(hum.said), again.rendered) == (1, 0)  # also after a restart


async def test_a_prompt_that_is_used_is_young_whenever_it_was_spoken(tmp_path: Path) -> None:
    hum = Hum()
    prompts = store(tmp_path, hum)
    used, unused = [Path((await prompts.speech(text, "en", {})).path) for text in ("Hello", "Goodbye")]
    files = [one.with_suffix(ending) for one in (used, unused) for ending in (".ulaw", ".wav")]
    for file in files:
        os.utime(file, (1e9, 1e9))
    await prompts.speech("Hello", "en", {})
    assert [time.time() - file.stat().st_mtime < 60 for file in files] == [True, True, False, False]
    assert len(hum.said) == 2


async def test_what_is_rendered_is_telephone_sound_that_another_user_may_read(tmp_path: Path) -> None:
    sound = await store(tmp_path, Hum()).speech("Hello", "en", {})
    speech = read_wav(Path(f"{sound.path}.wav").read_bytes())
    assert (speech.rate, len(speech.samples)) == (8000, 800)
    ulaw = Path(f"{sound.path}.ulaw")
    assert ulaw.stat().st_size == 800
    assert ulaw.stat().st_mode & 0o777 == 0o644
    assert not list(tmp_path.rglob("*.part"))


async def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    outside, folder = recorded(tmp_path, "secret/ask.wav"), tmp_path / "mine"
    (folder / "en").mkdir(parents=True)
    (folder / "en" / "app.ask.wav").symlink_to(outside)
    with pytest.raises(PromptFailed):
        await store(tmp_path, Hum(), folders=[folder]).sound("app.ask", "en", {})


@pytest.mark.parametrize("key", ["../secret/ask", "..", "app/../../secret/ask", "/etc/passwd", "app.ask\0", ""])
async def test_a_key_cannot_leave_its_folder(tmp_path: Path, key: str) -> None:
    recorded(tmp_path, "secret/ask.wav")
    with pytest.raises(PromptFailed):
        await store(tmp_path, Hum(), folders=[tmp_path / "mine"]).sound(key, "en", {})


async def test_without_speech_a_prompt_fails_and_the_apology_is_still_there(tmp_path: Path) -> None:
    for at in (store(tmp_path, Hum(broken=True)), store(tmp_path, None)):
        with pytest.raises(PromptFailed):
            await at.sound("blood_donation.ask", "en", {})
        for language in ("en", "es", "fr", "de", "xx"):
            path = at.apology(language).path
            assert read_wav(Path(f"{path}.wav").read_bytes()).rate == 8000


async def test_warming_speaks_what_is_the_same_for_all(tmp_path: Path) -> None:
    folder, hum = tmp_path / "mine", Hum()
    folder.mkdir()
    (folder / "en.toml").write_text('[app]\nask = "Come"\nhello = "Hi ${name}"\n[other]\nask = "x"')
    at = store(tmp_path, hum, folders=[folder])
    assert await at.warm(["app"]) == []
    assert hum.said == ["Come"]


@pytest.mark.parametrize("text", ["[app]\nask = 7", "[app]\nAsk = 'x'", "not toml", '[app]\nask = ""'])
async def test_a_file_of_texts_with_a_mistake_is_named(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "en.toml").write_text(text)
    with pytest.raises(BadInput, match=r"en\.toml"):
        store(tmp_path, Hum(), folders=[folder])


@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100, 48000])
def test_a_tone_survives_the_way_to_the_telephone(rate: int) -> None:
    tone = Speech(rate, array("h", [round(10_000 * math.sin(2 * math.pi * 1000 * n / rate)) for n in range(rate // 2)]))
    out = to_telephone(tone).samples
    assert abs(len(out) - 4000) <= 1
    middle = out[1000:3000]
    assert max(middle) == pytest.approx(10_000, rel=0.05)
    crossings = sum(1 for a, b in itertools.pairwise(middle) if a < 0 <= b)
    assert crossings == pytest.approx(250, abs=2)  # 1000 Hz in a quarter of a second


@pytest.mark.parametrize("rate", [22050, 48000])
def test_what_a_telephone_cannot_carry_is_filtered_and_not_folded(rate: int) -> None:
    tone = Speech(rate, array("h", [round(10_000 * math.sin(2 * math.pi * 6000 * n / rate)) for n in range(rate // 4)]))
    assert max(map(abs, to_telephone(tone).samples[200:-200])) < 300


def test_mu_law_knows_its_landmarks() -> None:
    assert ulaw_bytes(Speech(8000, array("h", [0, -1, 32767, -32768, 1000, -1000]))).hex() == "ff7e8000ce4e"


@pytest.mark.parametrize(
    "argv",
    [
        ("/nonexistent/speech",),
        (sys.executable, "-c", "raise SystemExit(1)"),
        (sys.executable, "-c", "print('no sound at all, but some text that is longer than a header')"),
        (sys.executable, "-c", "import time; time.sleep(60)"),
    ],
)
async def test_a_speech_program_that_fails_is_a_failed_prompt(tmp_path: Path, argv: tuple[str, ...]) -> None:
    at = PromptStore(cache=tmp_path, tts=CommandTts(argv, timeout_s=0.5))
    with pytest.raises(PromptFailed):
        await at.speech("Hello", "en", {})


async def test_a_text_is_never_an_option_of_the_speech_program(tmp_path: Path) -> None:
    echo = "import sys; open(sys.argv[1], 'w').write(repr(sys.argv[2:]) + sys.stdin.read())"
    tts = CommandTts((sys.executable, "-c", echo, str(tmp_path / "said"), "{language}"))
    with pytest.raises(TtsFailed):
        await tts.speak("--version; $(id)", "es")
    assert (tmp_path / "said").read_text() == "['es']--version; $(id)"
