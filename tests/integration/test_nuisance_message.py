"""The nuisance message of a campaign is a sound on the switch before anybody is called who could hear it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from dialer.app_voice import make_sounds
from dialer.domain.pacing_plan import Pacing, PacingKind
from dialer.errors import BadInput
from dialer.services.pacing_plans import check_pacing
from dialer.settings import load_settings
from dialer.store.store import Store
from dialer.testing.agents import FakeAgentVoice
from dialer.testing.voice import FakeCallee, FakeVoice
from tests.engine_kit import ON_SQLITE, FastClock, completed, running, until
from tests.floor_kit import crew, dismiss, hire, make_job

pytestmark = pytest.mark.integration

SENTENCE = "This was the Red Cross, 555 0100. Press nine when we call again, and we never will."
PACING = Pacing(kind=PacingKind.PROGRESSIVE, nuisance_message=SENTENCE)


def settings_at(folder: Path, speaks: Sequence[str]) -> Path:
    (folder / "prompts/en/donors").mkdir(parents=True)
    (folder / "prompts/en/donors/recorded.ulaw").write_bytes(b"\xff" * 800)
    (folder / "prompts/en.toml").write_text('[donors]\nwritten = "Goodbye."\n')
    words = ", ".join(f'"{word}"' for word in speaks)
    path = folder / "dialer.toml"
    path.write_text(
        f'[node]\ndata_dir = "data"\n[ivr]\nprompts = ["prompts"]\n[ivr.tts]\ncommand = [{words}]\n'
        '[[switch]]\nname = "s"\nhost = "127.0.0.1"\nusername = "u"\nsecret = "s"\n[[trunk]]\nname = "t"\nswitch = "s"\n'
    )
    return path


async def test_a_sentence_is_spoken_and_a_name_is_its_recording_or_its_text(tmp_path: Path, tts: Sequence[str]) -> None:
    sound_of = make_sounds(load_settings(settings_at(tmp_path, tts)), ())
    spoken = await sound_of(SENTENCE)
    assert Path(f"{spoken}.wav").stat().st_size > 8000
    assert await sound_of(f" {SENTENCE} ") == spoken, "spoken once"
    assert await sound_of("donors.recorded") == str(tmp_path / "prompts/en/donors/recorded")
    assert Path(f"{await sound_of('donors.written')}.ulaw").exists()
    assert await sound_of("") == "", "the switch has one of its own"


async def test_what_is_no_prompt_and_what_cannot_be_spoken_is_told_with_the_mend(tmp_path: Path) -> None:
    sound_of = make_sounds(load_settings(settings_at(tmp_path, ["no-such-program"])), ())
    for message in ("donors.unknown", SENTENCE):
        with pytest.raises(BadInput, match="a sentence to be spoken"):
            await sound_of(message)


@ON_SQLITE
async def test_nobody_is_called_before_the_message_is_a_sound(store: Store) -> None:
    clock, can = FastClock(factor=10), False

    async def sound_of(message: str) -> str:
        if not can:
            raise BadInput("the speech engine is not there")
        return f"/sounds/{len(message)}"

    job_id = make_job(store, 5, PACING)
    staff = await hire(store, 2)
    voice = FakeVoice(clock, default=FakeCallee(ring_s=0.1, answer_s=0.5))
    async with running(store, voice, clock=clock, agents=FakeAgentVoice(clock, voice), sound_of=sound_of) as engine:
        _, tasks = await crew(engine, staff, clock, talk_s=3.0)
        shown = "the nuisance message cannot be made: the speech engine is not there"
        await until(lambda: [one.because for one in engine.jobs.status().values()] == [shown])
        assert voice.placed == []
        can = True
        await until(completed(store, job_id))
        assert {order.nuisance for order in voice.placed} == {f"/sounds/{len(SENTENCE)}"}
        await dismiss(tasks)


def test_a_message_may_be_a_sentence_and_not_a_book() -> None:
    check_pacing(PACING)
    with pytest.raises(BadInput, match="too long a message"):
        check_pacing(replace(PACING, nuisance_message="x" * 301))
