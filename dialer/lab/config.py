"""Write the folders and configuration files of the lab's two Asterisks."""

from __future__ import annotations

import math
import re
import resource
import struct
import wave
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template

from dialer.lab import callers, phones, web_phones
from dialer.lab.behaviours import dialplan
from dialer.lab.errors import LabFailed
from dialer.lab.obtain import AsteriskBuild
from dialer.lab.ports import RTP_BLOCK, Ports

TRUNK = "carrier"
USERNAME = "outdial"

# What each instance loads, and nothing else: it starts faster, logs no errors about absent settings, and its event and
# module hooks cost nothing per call.
COMMON_MODULES = [
    "res_timing_timerfd",
    "res_pjproject",
    "res_sorcery_config",
    "res_sorcery_memory",
    "res_sorcery_astdb",
    "res_pjsip",
    "res_pjsip_session",
    "res_pjsip_pubsub",
    "res_pjsip_sdp_rtp",
    "res_pjsip_caller_id",
    "res_pjsip_endpoint_identifier_ip",
    "res_pjsip_rfc3326",
    "res_pjsip_authenticator_digest",
    "res_rtp_asterisk",
    "chan_pjsip",
    "bridge_simple",
    "codec_ulaw",
    "format_wav",
    "format_pcm",
    "pbx_config",
    "app_playback",
    "app_verbose",
    "app_senddtmf",
    "app_waitforsilence",
    "app_playtones",
    "func_callerid",
    "func_channel",
    "func_cut",
    "func_strings",
    "func_logic",
    "func_env",
    "func_global",
]
CARRIER_MODULES = ["app_dial", "app_read", "res_clioriginate", "res_tonedetect"]
SWITCH_MODULES = [
    "codec_alaw",
    "format_sln",
    "bridge_holding",
    "bridge_softmix",
    "res_speech",
    "res_agi",
    "res_musiconhold",
    "res_tonedetect",
    "res_pjsip_dtmf_info",
    "app_amd",
    "app_bridgewait",
    "app_chanspy",
    "app_confbridge",
    "app_dial",
    "app_record",
    "app_read",
    "app_stack",
    "app_echo",
    "app_queue",
    "app_talkdetect",
    "app_userevent",
    "func_config",
    "func_devstate",
    "func_dialplan",
    "func_hangupcause",
    "func_module",
    "func_pjsip_aor",
    "func_pjsip_contact",
    "func_pjsip_endpoint",
    "func_timeout",
    "func_volume",
]

DIALPLANS = ("extensions_outdial.conf", "extensions_outdial_agents.conf", "extensions_outdial_example.conf")

SMALL_FILES = {
    "cdr.conf": "[general]\nenable = no\n",
    "cel.conf": "[general]\nenable = no\n",
    "amd.conf": "[general]\nsilence_threshold = 256\n",
    # Absent, each of these is an error or a warning in the log, which is to stay empty.
    "acl.conf": "",
    "ccss.conf": "[general]\n",
    "confbridge.conf": "[general]\n",
    "features.conf": "[general]\n",
    "indications.conf": "[general]\ncountry = us\n[us]\ndescription = North America\nringcadence = 2000,4000\n"
    "dial = 350+440\nbusy = 480+620/500,0/500\nring = 440+480/2000,0/4000\ncongestion = 480+620/250,0/250\n"
    "callwaiting = 440/300,0/10000\ndialrecall = 350+440\nrecord = 1400/500,0/15000\ninfo = 950/330,1400/330,1800/330,0/1000\n",
    "queuerules.conf": "[general]\n",
    "pjproject.conf": "[startup]\nlog_level = 2\n",
    "udptl.conf": "[general]\n",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Where the two Asterisks listen, where the switch finds the carrier, and whom each of them hears."""

    bind: str = "127.0.0.1"
    carrier: str = "127.0.0.1"
    switch: str = "127.0.0.1"  # where the carrier brings callers
    managers: tuple[str, ...] = ("127.0.0.1/255.255.255.255",)  # may log in to the switch's manager
    customers: tuple[str, ...] = ("127.0.0.1",)  # may call into the carrier


LOOPBACK = Network()


class _At(Template):
    """Placeholders are @{name}, because ${name} is Asterisk's own."""

    delimiter = "@"


def rendered(name: str, values: Mapping[str, object]) -> str:
    """A template of `dialer/lab/templates` with its placeholders filled."""
    return _At(files("dialer.lab").joinpath("templates", name).read_text()).substitute(values)


def write_switch(
    folder: Path,
    run_folder: Path,
    build: AsteriskBuild,
    ports: Ports,
    *,
    secret: str,
    system_name: str,
    network: Network = LOOPBACK,
    webrtc: str = "",
) -> None:
    """The switch: what a user's own server gets, and around it what makes it run here.

    `webrtc` is the password of a phone in a browser; without one there is none.
    """
    modules = COMMON_MODULES + SWITCH_MODULES + (web_phones.LAB_MODULES if webrtc else [])
    _write_common(folder, run_folder, build, modules, ports.switch_rtp, system_name, options="", ice=bool(webrtc))
    etc = folder / "etc"
    values = {
        "username": USERNAME,
        "secret": secret,
        "permits": "\n".join(f"permit = {managers}" for managers in network.managers),
        "trunk": TRUNK,
        "trunk_host": network.carrier,
        "bind": network.bind,
        "trunk_port": ports.carrier_sip,
        "transport": "local",
        "incoming": callers.CONTEXT,
        "qualify_s": 5,
        "rtp_timeout_s": 0,  # a callee that says nothing sends nothing here, and is wanted
        "ami_port": ports.ami,
        "sip_port": ports.switch_sip,
        "system_name": system_name,
    }
    for target, template in {
        "manager.conf": "switch_manager.conf",
        "manager_outdial.conf": "manager_outdial.conf",
        "pjsip.conf": "switch_pjsip.conf",
        "pjsip_outdial.conf": "pjsip_outdial.conf",
    }.items():
        _write(etc / target, rendered(template, values))
    if webrtc:
        _write(
            etc / "pjsip_outdial_phones.conf",
            rendered("pjsip_outdial_phones.conf", values | web_phones.in_lab(network.bind, webrtc)),
        )
        _write(etc / "http.conf", web_phones.http_conf(network.bind, ports.web))
        with (etc / "pjsip.conf").open("a") as pjsip:
            pjsip.write("#include pjsip_outdial_phones.conf\n")
    _write(etc / "musiconhold.conf", f"[default]\nmode = files\ndirectory = {folder}/lib/moh\n")
    _write_tone(folder / "lib/moh/hold.wav", phones.MUSIC_HZ)
    _write(etc / "queues.conf", callers.QUEUES_CONF)
    _write(etc / "extensions_callers.conf", callers.INCOMING)
    for name in DIALPLANS:
        _write(etc / name, plain(name))
    included = "".join(f"#include {name}\n" for name in (*DIALPLANS, "extensions_callers.conf"))
    _write(etc / "extensions.conf", f"[general]\nstatic = yes\nwriteprotect = yes\n\n{included}")


def write_carrier(
    folder: Path,
    run_folder: Path,
    build: AsteriskBuild,
    ports: Ports,
    *,
    truth: Path,
    system_name: str,
    network: Network = LOOPBACK,
) -> None:
    """The carrier: the synthetic phone network."""
    # A person on the line sends sound even when silent, as every telephone does: the detector hears no silence in nothing.
    _write_common(
        folder,
        run_folder,
        build,
        COMMON_MODULES + CARRIER_MODULES,
        ports.carrier_rtp,
        system_name,
        options="transmit_silence = yes\n",
    )
    etc = folder / "etc"
    _write(etc / "manager.conf", "[general]\nenabled = no\n")
    values = {
        "sip_port": ports.carrier_sip,
        "system_name": system_name,
        "bind": network.bind,
        "customers": "\n".join(f"match = {customers}" for customers in network.customers),
    }
    _write(etc / "pjsip.conf", rendered("carrier_pjsip.conf", values))
    _write(
        etc / "extensions.conf",
        rendered(
            "carrier_extensions.conf",
            {
                "truth": truth,
                "callees": dialplan(),
                "phones": phones.dialplan(folder / "heard.log"),
                "callers": callers.outgoing(f"{network.switch}:{ports.switch_sip}"),
            },
        ),
    )


def plain(name: str) -> str:
    """A template that has no placeholders."""
    return files("dialer.lab").joinpath("templates", name).read_text()


def _write_common(
    folder: Path,
    run_folder: Path,
    build: AsteriskBuild,
    modules: list[str],
    rtp: int,
    system_name: str,
    *,
    options: str,
    ice: bool = False,
) -> None:
    if not re.fullmatch(r"[\w./+@~-]+", str(folder)):
        raise LabFailed(f"Asterisk cannot work in a folder whose name has blanks or special characters: {folder}")
    for part in ("etc", "lib/sounds", "lib/agi-bin", "log", "spool"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    sounds = folder / "lib/sounds/en"
    if not sounds.is_symlink():
        sounds.symlink_to(build.sounds)
    documentation = build.sounds.parent.parent / "documentation"
    if (documentation.is_dir() or build.source == "docker") and not (folder / "lib/documentation").is_symlink():
        (folder / "lib/documentation").symlink_to(documentation)
    values = {
        "folder": folder,
        "run_folder": run_folder,
        "modules": build.modules,
        "system_name": system_name,
        "options": options,
        # Each leg holds half a dozen files: the usual soft limit of 1024 would end at some 170 calls.
        "max_files": min(65_536, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),
        "rtp_first": rtp,
        "rtp_last": rtp + RTP_BLOCK - 1,
        "ice": "yes" if ice else "no",
    }
    for name in ("asterisk.conf", "rtp.conf"):
        _write(folder / "etc" / name, rendered(name, values))
    _write(folder / "etc/logger.conf", plain("logger.conf"))
    present = [name for name in modules if build.source == "docker" or (build.modules / f"{name}.so").exists()]
    _write(folder / "etc/modules.conf", "[modules]\nautoload = no\n" + "".join(f"load = {name}.so\n" for name in present))
    for name, text in SMALL_FILES.items():
        _write(folder / "etc" / name, text)


def _write_tone(path: Path, hertz: int, *, seconds: int = 2) -> None:
    """Music on hold that a phone of the lab can tell from a voice."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(8000)
        sound.writeframes(
            b"".join(struct.pack("<h", int(6000 * math.sin(2 * math.pi * hertz * at / 8000))) for at in range(8000 * seconds))
        )


def _write(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o600)
