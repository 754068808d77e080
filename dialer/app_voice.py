"""Put together the telephone side of a dialer: its switches, trunks, and agents' legs; or none of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dialer import settings as settings_of
from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.originate import SOUND
from dialer.channels.asterisk.queues import AsteriskQueues
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.channels.no_voice import NOWHERE, NoVoice
from dialer.domain.installation import InstallationMode
from dialer.engine.trunk import Trunk
from dialer.errors import BadInput
from dialer.ivr.config import IvrConfig
from dialer.ivr.driver import PromptFailed
from dialer.ivr.prompt_text import KEY
from dialer.ports import Clock, VoicePort
from dialer.ports_agents import SoundOf
from dialer.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceParts:
    """What an engine is given to call with."""

    voice: VoicePort
    agents: AsteriskAgentVoice | None  # None: agents have no telephones here
    trunks: tuple[Trunk, ...]
    queues: AsteriskQueues | None = None


def has_telephony(settings: Settings) -> bool:
    """Whether this installation calls anybody."""
    return settings.agents.mode is not InstallationMode.NON_TELEPHONY


def make_voice(settings: Settings, agi_address: str, clock: Clock) -> VoiceParts:
    """The switches of the settings; without telephony, a voice that calls nobody."""
    if not has_telephony(settings):
        return VoiceParts(voice=NoVoice(), agents=None, trunks=(Trunk(name=NOWHERE, caller_id=""),))
    voice = AsteriskVoice(
        switches=[_switch(one) for one in settings.switch],
        trunks=[_trunk(one) for one in settings.trunk],
        node=settings.node.name,
        agi_address=agi_address,
        clock=clock,
    )
    trunks = tuple(Trunk(name=one.name, caller_id=one.caller_id) for one in settings.trunk)
    agents = AsteriskAgentVoice(voice)
    return VoiceParts(voice=voice, agents=agents, trunks=trunks, queues=AsteriskQueues(voice, agents))


def make_sounds(settings: Settings, tts: Sequence[str]) -> SoundOf:
    """What makes a campaign's message a sound for the switch; `tts` overrides the command that speaks texts."""
    prompts = IvrConfig(
        cache=str((settings.data_dir / "prompts").resolve()),
        prompt_folders=tuple(str(one) for one in settings.prompt_folders),
        app_folders=tuple(str(one) for one in settings.app_folders),
        default_language=settings.ivr.language,
        tts_command=tuple(tts) or settings.ivr.tts.command,
        tts_voice=settings.ivr.tts.voice,
    ).make_prompts()
    language = settings.ivr.language

    async def sound_of(message: str) -> str:
        said = message.strip()
        if not said:
            return ""
        try:
            sound = await (prompts.sound(said, language, {}) if KEY.fullmatch(said) else prompts.speech(said, language, {}))
        except PromptFailed as why:
            raise BadInput(str(why), mend="the name of a prompt ([ivr] prompts), or a sentence to be spoken") from why
        if not SOUND.match(sound.path):
            raise BadInput(f"{sound.path!r} cannot be named to a switch", mend="a data_dir without blanks and special characters")
        return sound.path

    return sound_of


def _switch(one: settings_of.Switch) -> SwitchConfig:
    return SwitchConfig(
        name=one.name,
        host=one.host,
        port=one.port,
        username=one.username,
        secret=one.secret.get_secret_value(),
        max_cps=one.max_cps,
        max_channels=one.max_channels,
    )


def _trunk(one: settings_of.Trunk) -> TrunkConfig:
    return TrunkConfig(
        name=one.name,
        switch=one.switch,
        endpoint=one.endpoint or one.name,
        max_cps=one.max_cps,
        max_channels=one.max_channels,
        tag_calls=one.tag_calls,
    )
