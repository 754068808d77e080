"""`dialer lab`: a real Asterisk and a synthetic phone network on this machine."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from dialer.errors import OutdialError
from dialer.lab.lab import Lab
from dialer.lab.raw_call import raw_call

lab_app = typer.Typer(
    help="A telephone laboratory on this machine: a real Asterisk and a synthetic phone network.", no_args_is_help=True
)

Name = Annotated[str, typer.Option(help="Which lab; several can stand side by side.")]
Folder = Annotated[Path, typer.Option(help="Where labs keep their files.")]
NO_AGI = "127.0.0.1:9"  # the discard port: nobody listens there


@lab_app.command()
def up(name: Name = "main", folder: Folder = Path("var/lab")) -> None:
    """Start a lab and leave it running."""
    try:
        lab = Lab.up(folder / name, say=lambda text: typer.echo(text, err=True), detached=True)
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
        if dead := [part.role for part in (lab.switch_instance, lab.carrier_instance) if not part.alive()]:
            typer.echo(f"The lab {name} is broken: the {' and the '.join(dead)} ended. `dialer lab down` removes what is left.")
            raise typer.Exit(1)
        switch, carrier = asyncio.run(lab.channels())
        typer.echo(_described(lab))
        typer.echo(f"channels: switch {switch}, carrier {carrier}; calls so far: {len(lab.truth())}")
    except OutdialError as failed:
        raise _failed(failed) from failed


@lab_app.command()
def logs(
    name: Name = "main",
    folder: Folder = Path("var/lab"),
    calls: Annotated[
        bool, typer.Option("--calls", help="Only the carrier's truth: one line for each call that reached it.")
    ] = False,
) -> None:
    """Print what the switch and the carrier logged, and every call that reached the carrier."""
    try:
        lab = Lab.reading(folder / name)
        if not calls:
            for part in (lab.switch_instance, lab.carrier_instance):
                typer.echo(f"==> {part.role} <==\n{part.log_tail()}\n")
            typer.echo("==> calls <==")
        for call in lab.truth():
            typer.echo(
                f"{call.at.isoformat(timespec='milliseconds')}  {call.number:<16} {call.attempt_id or '-':<26} {call.behaviour}"
            )
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


def _described(lab: Lab) -> str:
    switch = lab.switch
    return "\n".join(
        (
            f"The lab in {lab.folder} is up: Asterisk {lab.build.version or '(containers)'}, from {lab.build.source}",
            f"switch:  manager on {switch.host}:{switch.port}, user {switch.username}; process {lab.switch_pid}",
            f"         its secret is in {lab.state_file}",
            f"carrier: SIP on 127.0.0.1:{lab.ports.carrier_sip}; trunk {lab.trunk}; process {lab.carrier_pid}",
        )
    )


def _failed(failed: Exception) -> typer.Exit:
    typer.echo(str(failed), err=True)
    return typer.Exit(1)
