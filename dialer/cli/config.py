"""`dialer check-config` and `dialer init`: the settings of a node, and a folder to begin with."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.app_messages import gateway_configs, reply_rules
from dialer.cli.context import Config, out, plain_errors
from dialer.errors import BadInput
from dialer.resources import resource, resources
from dialer.settings import DEFAULT_FILE, Settings, load_settings


@plain_errors
def check_config(config: Config = None) -> None:
    """Read the settings and report every mistake at once, with its file, line and key."""
    settings = load_settings(config)
    gateway_configs(settings)
    reply_rules(settings)
    for line in _told(settings, config):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


@plain_errors
def init(
    folder: Annotated[Path, typer.Argument(help="Where to begin; made if it is not there.")] = Path(),
) -> None:
    """Write starting settings, strategies and a sample list into a folder. What is there already is left alone."""
    for name in resources():
        target = folder / "config" / name
        kept = target.exists()
        if not kept:
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                with target.open("x", encoding="utf-8", newline="") as file:
                    file.write(resource(name).read_text(encoding="utf-8"))
            except OSError as exc:
                raise BadInput(f"cannot be written: {exc.strerror}", where=str(target)) from exc
        out.print(f"{'kept   ' if kept else 'written'} {target}", markup=False, highlight=False, soft_wrap=True)
    out.print("Next: edit config/dialer.toml, then `dialer check-config` and `dialer migrate`.", markup=False, highlight=False)


def _told(settings: Settings, config: Path | None) -> list[str]:
    source = str(config or (DEFAULT_FILE if DEFAULT_FILE.is_file() else "defaults, there is no config/dialer.toml"))
    where = "an SQLite file in the data folder" if not settings.database.url else "as the settings say"
    lines = [f"{source}: no mistakes", f"node {settings.node.name}, data in {settings.data_dir}, database: {where}"]
    lines += [
        f"switch {one.name}: {one.host}:{one.port}, {one.max_cps:g} calls/s, {one.max_channels} calls" for one in settings.switch
    ]
    lines += [f"trunk {one.name} of {one.switch}: {one.max_cps:g} calls/s, {one.max_channels} calls" for one in settings.trunk]
    lines += [f"SMS gateway {one.name} ({one.type}), from {one.sender}" for one in settings.sms_gateway]
    lines += [f"email gateway {one.name}: {one.host}:{one.port}, from {one.sender}" for one in settings.email_gateway]
    lines += _what_mails_miss(settings)
    if not settings.switch or not settings.trunk:
        lines.append("there is no [[switch]] with a [[trunk]] yet: nothing can be dialled")
    return lines


def _what_mails_miss(settings: Settings) -> list[str]:
    """What is no mistake, and yet costs answers or opt-outs."""
    deaf = [one.name for one in settings.email_gateway if one.lmtp is None and not one.imap_host]
    missing = [
        f"email gateway {name}: bounces, answers and opt-outs do not come back: give it lmtp or imap_host" for name in deaf
    ]
    if settings.email_gateway and (settings.web.listen is None or not settings.web.public_url.startswith("https://")):
        missing.append("mails offer no one click to unsubscribe: that needs [web] listen, and a public_url with https")
    return missing
