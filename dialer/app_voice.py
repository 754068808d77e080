"""Put together the telephone side of a dialer: its switches, trunks, and agents' legs; or none of it."""

from __future__ import annotations

from dataclasses import dataclass

from dialer import settings as settings_of
from dialer.channels.asterisk.agent_voice import AsteriskAgentVoice
from dialer.channels.asterisk.config import SwitchConfig, TrunkConfig
from dialer.channels.asterisk.voice import AsteriskVoice
from dialer.channels.no_voice import NOWHERE, NoVoice
from dialer.domain.installation import InstallationMode
from dialer.engine.supervisor import Trunk
from dialer.ports import Clock, VoicePort
from dialer.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class VoiceParts:
    """What an engine is given to call with."""

    voice: VoicePort
    agents: AsteriskAgentVoice | None  # None: agents have no telephones here
    trunks: tuple[Trunk, ...]


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
    return VoiceParts(voice=voice, agents=AsteriskAgentVoice(voice), trunks=trunks)


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
