"""`dialer ivr`: write IVR apps, try them in the terminal, and place one real call with them."""

from __future__ import annotations

import asyncio
import functools
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, out, plain_errors, read_settings
from dialer.cli.rows import print_rows
from dialer.errors import BadInput
from dialer.ivr.driver import ALL_KEYS, Sound
from dialer.ivr.player import SILENCE, Player
from dialer.ivr.registry import Apps, IvrApp
from dialer.ivr.rehearsal import Played, rehearse
from dialer.ivr.scaffold import write_app
from dialer.ivr_apps import SHIPPED_APPS
from dialer.logs import configure

ivr_app_cli = typer.Typer(help="IVR apps: what an answered call hears, and what its keys mean.", no_args_is_help=True)

Parameter = Annotated[list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, as the strategy would give it.")]


@ivr_app_cli.command("list")
@plain_errors
def list_apps(config: Config = None) -> None:
    """Show the apps that this dialer knows, and the files that it cannot read."""
    apps, _ = _known(config)
    table = Table("App", "What it does", "Its own completion codes")
    for app in apps:
        table.add_row(app.name, app.summary, ", ".join(sorted(app.codes)))
    for name, because in apps.broken.items():
        table.add_row(name, f"BROKEN: {because}", "")
    print_rows(table)


@ivr_app_cli.command("new")
@plain_errors
def new(name: str, folder: Annotated[Path, typer.Option(help="Where your apps are.")] = Path("apps")) -> None:
    """Write a new app with its texts and its test."""
    lines = [f"wrote {file}" for file in write_app(name, folder)]
    lines += [
        f"Try it:   dialer ivr try {folder / name}.py --keys 1",
        f"Test it:  pytest {folder}",
        f'Use it:   name the folder in config/dialer.toml, [ivr] apps = ["{folder}"], and the app in a strategy',
    ]
    out.print("\n".join(lines), soft_wrap=True)


@ivr_app_cli.command("try")
@plain_errors
def try_app(
    app: Annotated[str, typer.Argument(help="An app's name, or a file with one.")],
    config: Config = None,
    keys: Annotated[
        str | None, typer.Option(help="Pressed one question after the other; - is silence. Without it you are asked.")
    ] = None,
    attribute: Annotated[list[str] | None, typer.Option("--attribute", "-a", help="NAME=VALUE of the contact.")] = None,
    parameter: Parameter = None,
    machine: Annotated[bool, typer.Option("--machine", help="An answering machine takes the call.")] = False,
    language: Annotated[str, typer.Option(help="The contact's language.")] = "en",
) -> None:
    """Run an app here, as a contact would hear it; nothing is called and nothing is kept."""
    chosen, folders = _chosen(app, config)
    if not set(keys or "") <= set(ALL_KEYS + SILENCE):
        raise BadInput(f"{keys!r} are no keys", where="--keys", mend=f"{ALL_KEYS}, and {SILENCE} for silence: -71")
    heard = functools.partial(out.print, soft_wrap=True)
    player = Player(keys or "", heard=heard, press=None if keys is not None else _ask)
    played: Played = asyncio.run(
        rehearse(
            chosen,
            player,
            attributes=_pairs(attribute, "--attribute") or None,
            parameters=_pairs(parameter, "--parameter"),
            answered_by="machine" if machine else "human",
            language=language,
            prompt_folders=folders,
        )
    )
    out.print(f"Completion code: {played.code or '(none of the app: the network says how the call ended)'}")
    for line in played.pdc_log[:-1]:
        out.print(f"  {line}")
    if played.error:
        out.print(f"The app failed: {played.error}", style="red")
        raise typer.Exit(1)


@ivr_app_cli.command("call")
@plain_errors
def call(
    app: Annotated[str, typer.Argument(help="An app's name, or a file with one.")],
    number: Annotated[str, typer.Argument(help="Who is called: +15550100001.")],
    config: Config = None,
    parameter: Parameter = None,
) -> None:
    """Place one real call to NUMBER with the switch of the settings, and show its completion code."""
    # Looked up here, and by name: a dialer is put together only for this one command.
    call_once = importlib.import_module("dialer.app").call_once
    configure(level="warning")
    settings = read_settings(config)
    log, ivr = settings.log.model_copy(update={"level": "warning"}), settings.ivr
    if app.endswith(".py"):
        file, app = Path(app).absolute(), _alone(Path(app)).name
        ivr = ivr.model_copy(update={"apps": tuple(dict.fromkeys((*settings.app_folders, file.parent)))})
    quiet = settings.model_copy(update={"log": log, "ivr": ivr})
    out.print(f"Calling {number} with {app} ...", soft_wrap=True)
    code = asyncio.run(call_once(quiet, app=app, number=number, parameters=_pairs(parameter, "--parameter")))
    out.print(f"Completion code: {code}")


def _known(config: Path | None) -> tuple[Apps, list[Path]]:
    settings = read_settings(config)
    apps = Apps(SHIPPED_APPS)
    apps.load_entry_points()
    for folder in settings.app_folders:
        apps.load_folder(folder)
    beside = [folder / "prompts" for folder in settings.app_folders]
    return apps, [folder for folder in (*settings.prompt_folders, *beside) if folder.is_dir()]


def _chosen(app: str, config: Path | None) -> tuple[IvrApp, Sequence[Path]]:
    apps, folders = _known(config)
    if not app.endswith(".py"):
        return apps.get(app), folders
    beside = Path(app).parent / "prompts"
    return _alone(Path(app)), [*([beside] if beside.is_dir() else []), *folders]


def _alone(file: Path) -> IvrApp:
    if not file.is_file():
        raise BadInput(f"there is no file {file}", where="APP")
    alone = Apps()
    alone.load_file(file)
    found = list(alone)
    if len(found) != 1:
        raise BadInput(alone.broken.get(file.stem) or "it holds several apps; say which by its name", where=str(file))
    return found[0]


def _pairs(given: Sequence[str] | None, option: str) -> dict[str, str]:
    pairs = [text.partition("=") for text in given or ()]
    for name, equals, _ in pairs:
        if not equals or not name:
            raise BadInput(f"{name!r} is no NAME=VALUE", where=option, mend="for example city=Ankara")
    return {name: value for name, _, value in pairs}


async def _ask(sound: Sound | None, most: int) -> str:
    typed = await asyncio.to_thread(typer.prompt, "  press (Enter for silence)", default="", show_default=False)
    return "".join(key for key in str(typed) if key in "0123456789*#")
