"""`dialer strategy`: look over a strategy before a campaign uses it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dialer.cli.context import err, out, plain_errors
from dialer.domain.strategy import CallHandler, Strategy
from dialer.errors import BadInput
from dialer.services.strategies import check_strategy

strategy_app = typer.Typer(help="Strategies: what a campaign does with a contact.", no_args_is_help=True)


@strategy_app.command("check")
@plain_errors
def check(
    file: Annotated[Path, typer.Argument(help="A strategy in YAML.", show_default=False)],
    code: Annotated[list[str] | None, typer.Option(help="A custom completion code of the campaign; may be repeated.")] = None,
) -> None:
    """Report every mistake of a strategy with its line, and what may not be meant."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadInput(f"cannot be read: {getattr(exc, 'strerror', None) or exc}", where=str(file)) from exc
    checked = check_strategy(text, str(file), known_codes=code)
    for warning in checked.warnings:
        err.print(f"warning: {warning}", style="yellow", markup=False, highlight=False, soft_wrap=True)
    for line in _told(checked.strategy):
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def _told(strategy: Strategy) -> list[str]:
    lines = [f"{strategy.name}: {strategy.status}, {len(strategy.handlers)} handler(s)"]
    for handler in strategy.handlers:
        lines.append(f"  {handler.state}: rings {_windows(handler)} for {handler.ring_timeout_s:g} s")
        for key, row in sorted(handler.results.items()):
            parts = [f"app {row.treatment.app}"] if row.treatment else []
            if row.retry:
                after = ", ".join(f"{one:g}" for one in row.retry.intervals)
                parts.append(f"{row.retry.count} retries after {after} s, then {row.retry.fail_state}")
            else:
                parts.append(f"then {row.next_state}")
            lines.append(f"    {key}: {', '.join(parts)}")
        lines.append(f"    any other code: then {handler.otherwise}")
    return lines


def _windows(handler: CallHandler) -> str:
    shown = []
    for rule in handler.addresses:
        window = "all day" if rule.opens == rule.closes else f"{rule.opens:%H:%M}–{rule.closes:%H:%M}"
        shown.append(f"{rule.name} ({window})")
    return ", ".join(shown)
