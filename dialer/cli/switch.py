"""`dialer switch`: the files that an Asterisk of your own needs, and what is wrong with it."""

from __future__ import annotations

import itertools
import os
from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.context import Config, plain_errors, read_settings
from dialer.lab.findings import Level
from dialer.lab.phone_check import look_at_web
from dialer.lab.switch_check import check_switch
from dialer.lab.switch_files import SwitchPlan, write_switch_files

switch_app = typer.Typer(help="Your own Asterisk: the files that it needs, and what is wrong with it.", no_args_is_help=True)

PLAN = SwitchPlan()


@switch_app.command()
@plain_errors
def config(
    folder: Annotated[Path, typer.Option(help="Where to write the files.")] = Path("asterisk"),
    name: Annotated[str, typer.Option(help="The switch's name in dialer.toml.")] = PLAN.name,
    host: Annotated[str, typer.Option(help="The switch, as the dialer reaches it.")] = PLAN.host,
    port: Annotated[int, typer.Option(help="The port of its manager.")] = PLAN.port,
    dialer_host: Annotated[
        str, typer.Option(help="The dialer, as the switch sees it: the only address that may log in.")
    ] = PLAN.dialer_host,
    username: Annotated[str, typer.Option(help="The manager account.")] = PLAN.username,
    trunk: Annotated[str, typer.Option(help="The name of the trunk's PJSIP endpoint.")] = PLAN.trunk,
    trunk_host: Annotated[str, typer.Option(help="The carrier's address.")] = PLAN.trunk_host,
    trunk_port: Annotated[int, typer.Option(help="The carrier's SIP port.")] = PLAN.trunk_port,
    transport: Annotated[str, typer.Option(help="The PJSIP transport that the trunk uses.")] = PLAN.transport,
) -> None:
    """Write the few Asterisk files that a server of your own needs, with a fresh secret."""
    plan = SwitchPlan(
        name=name,
        host=host,
        port=port,
        dialer_host=dialer_host,
        username=username,
        trunk=trunk,
        trunk_host=trunk_host,
        trunk_port=trunk_port,
        transport=transport,
    )
    for path in write_switch_files(folder, plan):
        typer.echo(str(path))
    typer.echo("README.txt says where each belongs.")


@switch_app.command()
@plain_errors
def check(
    host: Annotated[str, typer.Option(help="The switch; without it the first [[switch]] of the settings.")] = "",
    port: Annotated[int, typer.Option(help="The port of its manager.", show_default=str(PLAN.port))] = 0,
    username: Annotated[str, typer.Option(help="The manager account.", show_default=PLAN.username)] = "",
    secret: Annotated[str, typer.Option(help="Its secret; better in OUTDIAL_SWITCH_SECRET, or typed when asked.")] = "",
    trunk: Annotated[str, typer.Option(help="The trunk's PJSIP endpoint.", show_default=PLAN.trunk)] = "",
    phone: Annotated[str, typer.Option(help="Also look at an agent's phone: the name of its PJSIP endpoint.")] = "",
    web: Annotated[str, typer.Option(help="Also look at where agents' browsers connect: wss://HOST:8089/ws.")] = "",
    config: Config = None,
) -> None:
    """Say in plain words what is wrong with a switch, and how to mend it. Exit code 1 when calls will not work."""
    secret = secret or os.environ.get("OUTDIAL_SWITCH_SECRET", "")
    if not host and (settings := read_settings(config)).switch:  # the secret of the settings goes to no other address
        named = settings.switch[0]
        ours = [one for one in settings.trunk if one.switch == named.name]
        host, port, username = named.host, port or named.port, username or named.username
        secret = secret or named.secret.get_secret_value()
        trunk = trunk or next((one.endpoint or one.name for one in ours), "")
    secret = secret or typer.prompt("secret", hide_input=True)
    found = check_switch(
        host=host or PLAN.host,
        port=port or PLAN.port,
        username=username or PLAN.username,
        secret=secret,
        trunk=trunk or PLAN.trunk,
        phone=phone,
    )
    bad = False
    for finding in itertools.chain(found, [look_at_web(web)] if web else []):
        bad = bad or finding.level is Level.BAD
        typer.echo(f"{finding.level:<4}  {finding.what}" + (f"\n      -> {finding.mend}" if finding.mend else ""))
    raise typer.Exit(1 if bad else 0)
