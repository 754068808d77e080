"""`dialer lab`: a real Asterisk, a synthetic phone network, and gateways for messages on this machine."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.lab_demo import demo_app
from dialer.errors import OutdialError
from dialer.lab.dialer_settings import DIALER_SETTINGS, send_answers, write_dialer_settings
from dialer.lab.lab import Lab
from dialer.lab.obtain import obtain_tool
from dialer.lab.raw_call import raw_call

lab_app = typer.Typer(
    help="A telephone laboratory on this machine: a real Asterisk and a synthetic phone network.", no_args_is_help=True
)

lab_app.add_typer(demo_app, name="demo")

Name = Annotated[str, typer.Option(help="Which lab; several can stand side by side.")]
Folder = Annotated[Path, typer.Option(help="Where labs keep their files.")]
NO_AGI = "127.0.0.1:9"  # the discard port: nobody listens there


@lab_app.command()
def up(
    name: Name = "main",
    folder: Folder = Path("var/lab"),
    sms: Annotated[bool, typer.Option("--sms", help="Also a Twilio and an SMPP message centre, with people who answer.")] = False,
    email: Annotated[bool, typer.Option("--email", help="Also a mail server that bounces and answers mails.")] = False,
    webrtc: Annotated[bool, typer.Option("--webrtc", help="The switch also serves an agent's phone in a browser.")] = False,
    sms_url: Annotated[
        str,
        typer.Option(help="Where answers by SMS go, if not to the dialer of those settings: a webhook, signed as Twilio does."),
    ] = "",
    lmtp: Annotated[str, typer.Option(help="host:port where answers and bounces of mails go, if not to that dialer.")] = "",
) -> None:
    """Start a lab and leave it running; the settings of a dialer for it are in its folder."""

    def say(text: str) -> None:
        typer.echo(text, err=True)

    try:
        speaks = obtain_tool("espeak-ng", say)
    except OutdialError as missing:  # calls work without: only texts that nobody recorded cannot be heard
        say(str(missing))
        speaks = ["espeak-ng"]
    try:
        lab = Lab.up(
            folder / name,
            say=say,
            detached=True,
            sms=sms or bool(sms_url),
            email=email or bool(lmtp),
            sms_url=sms_url,
            lmtp=lmtp,
            webrtc=webrtc,
        )
        write_dialer_settings(lab, apps=Path("apps"), tts=speaks)
        if lab.gateways is not None:
            send_answers(lab.gateways, sms_url=sms_url, lmtp=lmtp)
    except OutdialError as failed:
        raise _failed(failed) from failed
    typer.echo(_described(lab))


@lab_app.command()
def down(name: Name = "main", folder: Folder = Path("var/lab")) -> None:
    """Stop a lab and remove its files."""
    try:
        Lab.reading(folder / name).down()
    except OutdialError as failed:
        raise _failed(failed) from failed
    typer.echo(f"The lab {name} is down.")


@lab_app.command()
def status(name: Name = "main", folder: Folder = Path("var/lab")) -> None:
    """Say whether a lab runs, and how to reach it. Exit code 1 when a part of it does not run."""
    try:
        lab = Lab.reading(folder / name)
        dead = [part.role for part in (lab.switch_instance, lab.carrier_instance) if not part.alive()]
        if lab.gateways is not None and not lab.gateways.alive():
            dead.append("gateways")
        if dead:
            typer.echo(f"The lab {name} is broken: the {' and the '.join(dead)} ended. `dialer lab down` removes what is left.")
            raise typer.Exit(1)
        switch, carrier = asyncio.run(lab.channels())
        typer.echo(_described(lab))
        typer.echo(f"channels: switch {switch}, carrier {carrier}; calls so far: {len(lab.truth())}")
        if lab.gateways is not None:
            counted = Counter(entry["event"] for entry in lab.gateways.truth())
            typer.echo(f"messages so far: {', '.join(f'{number} {event}' for event, number in counted.items()) or 'none'}")
    except OutdialError as failed:
        raise _failed(failed) from failed


@lab_app.command()
def logs(
    name: Name = "main",
    folder: Folder = Path("var/lab"),
    calls: Annotated[
        bool, typer.Option("--calls", help="Only the carrier's truth: one line for each call that reached it.")
    ] = False,
    messages: Annotated[bool, typer.Option("--messages", help="Only the gateways' truth: one JSON line for each thing.")] = False,
) -> None:
    """Print what the parts logged, every call that reached the carrier, and everything that the gateways took and told."""
    try:
        lab = Lab.reading(folder / name)
        if messages:
            _print_messages(lab)
            return
        if not calls:
            for part in (lab.switch_instance, lab.carrier_instance):
                typer.echo(f"==> {part.role} <==\n{part.log_tail()}\n")
            typer.echo("==> calls <==")
        for call in lab.truth():
            typer.echo(
                f"{call.at.isoformat(timespec='milliseconds')}  {call.number:<16} {call.attempt_id or '-':<26} {call.behaviour}"
            )
        if lab.gateways is not None and not calls:
            typer.echo(f"==> gateways <==\n{lab.gateways.log_tail()}\n\n==> messages <==")
            _print_messages(lab)
    except OutdialError as failed:
        raise _failed(failed) from failed


@lab_app.command()
def call(
    number: Annotated[str, typer.Argument(help="What to dial; its last two digits say what the callee does (docs/lab.md).")],
    name: Name = "main",
    folder: Folder = Path("var/lab"),
    agi: Annotated[str, typer.Option(help="host:port of a FastAGI server; without one, who answers hears an apology.")] = NO_AGI,
    ring_s: Annotated[float, typer.Option(help="How long to let it ring.")] = 30.0,
) -> None:
    """Place one call through the lab's switch, without the dialer, and say what happens."""
    try:
        lab = Lab.reading(folder / name)
        for line in raw_call(lab.switch, lab.trunk, number, caller_id=lab.caller_id, agi=agi, ring_s=ring_s):
            typer.echo(line)
    except (OutdialError, OSError) as failed:
        raise _failed(failed) from failed


def _print_messages(lab: Lab) -> None:
    for entry in lab.gateways.truth() if lab.gateways is not None else ():
        typer.echo(json.dumps(entry, ensure_ascii=False))


def _described(lab: Lab) -> str:
    switch = lab.switch
    return "\n".join(
        (
            f"The lab in {lab.folder} is up: Asterisk {lab.build.version or '(containers)'}, from {lab.build.source}",
            f"switch:  manager on {switch.host}:{switch.port}, user {switch.username}; process {lab.switch_pid}",
            f"         its secret is in {lab.state_file}",
            f"carrier: SIP on 127.0.0.1:{lab.ports.carrier_sip}; trunk {lab.trunk}; process {lab.carrier_pid}",
            *_web_phone_described(lab),
            *_gateways_described(lab),
            *_dialer_described(lab),
        )
    )


def _web_phone_described(lab: Lab) -> Iterator[str]:
    if lab.web_phone is not None:
        yield f"browser: {lab.web_phone.url}, user {lab.web_phone.name}; its password is in {lab.state_file}"


def _gateways_described(lab: Lab) -> Iterator[str]:
    if (gateways := lab.gateways) is None:
        return
    plan = gateways.plan
    if gateways.sms:
        yield f"twilio:  api_url {gateways.twilio_url}, account {plan['account_sid']}; process {gateways.pid}"
        yield f"smpp:    127.0.0.1:{lab.ports.smpp}, system_id {plan['system_id']}"
    if gateways.email:
        yield f"smtp:    127.0.0.1:{lab.ports.smtp}; mails are kept in {gateways.folder / 'mails'}"
    yield f"         their secrets are in {gateways.plan_file}; faults are planned on {gateways.control_url} (docs/lab.md)"


def _dialer_described(lab: Lab) -> Iterator[str]:
    settings = lab.folder / DIALER_SETTINGS
    if settings.is_file():
        yield f"dialer:  export OUTDIAL_CONFIG={settings}"


def _failed(failed: Exception) -> typer.Exit:
    typer.echo(str(failed), err=True)
    return typer.Exit(1)
