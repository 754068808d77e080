"""What an IVR worker must know, as one value that travels to it as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from dialer.ivr.call import CallSettings
from dialer.ivr.prompt_store import PromptStore
from dialer.ivr.prompt_text import normal_language
from dialer.ivr.tts import CommandTts, Tts, named_tts


@dataclass(frozen=True, slots=True, kw_only=True)
class IvrLimits:
    """Bounds of one worker."""

    max_calls: int = 300  # more are turned away, and the dialplan speaks
    max_pending: int = 256  # connections that have not said yet who they are; the oldest gives way
    handshake_s: float = 5.0
    max_app_s: float = 300.0  # of an app, without the time of transfers
    stall_s: float = 10.0  # of an app that asks for nothing: neither a key, nor a verb, nor a prompt
    apology_s: float = 20.0  # for a hung app's last command to end and the apology to be played
    max_abandoned: int = 8  # stuck threads, after which the worker is replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class IvrConfig:
    """Settings of the IVR. Paths are absolute; the switch must be able to read `cache` and the prompt folders."""

    cache: str
    prompt_folders: tuple[str, ...] = ()
    app_folders: tuple[str, ...] = ()
    default_language: str = "en"
    tts_command: tuple[str, ...] = ("espeak-ng",)
    tts_voice: str = ""  # "": by the language
    tts_engine: str = ""  # a name of the entry-point group outdial.tts; "": the command
    warm_apps: tuple[str, ...] = ()  # their prompts are spoken before the first call
    transfer_trunk: str = ""
    recordings: str = ""
    limits: IvrLimits = field(default_factory=IvrLimits)

    def to_json(self) -> str:
        """As one line of JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, table: Mapping[str, Any]) -> IvrConfig:
        """From what `to_json` made."""
        lists = {name: tuple(table[name]) for name in ("prompt_folders", "app_folders", "tts_command", "warm_apps")}
        return cls(**{**table, **lists, "limits": IvrLimits(**table["limits"])})

    def make_tts(self) -> Tts | None:
        """The speech engine; None where none is set up. Raises BadInput."""
        if self.tts_engine:
            return named_tts(self.tts_engine)
        if not self.tts_command:
            return None
        return CommandTts(self.tts_command, voice=self.tts_voice)

    def make_prompts(self) -> PromptStore:
        """The prompts. Folders of apps may bring their own in `prompts/`. Raises BadInput: a text file with a mistake."""
        beside = [Path(folder) / "prompts" for folder in self.app_folders]
        return PromptStore(
            folders=[*map(Path, self.prompt_folders), *(folder for folder in beside if folder.is_dir())],
            cache=Path(self.cache),
            tts=self.make_tts(),
            default_language=normal_language(self.default_language),
        )

    def call_settings(self) -> CallSettings:
        """What every call is given."""
        return CallSettings(transfer_trunk=self.transfer_trunk, recordings=Path(self.recordings) if self.recordings else None)
