"""The `dialer` command finds every noun, also those that it loads without the others."""

from __future__ import annotations

from importlib import import_module

import pytest
import typer.main

from dialer.__main__ import ALONE
from dialer.cli.commands import app

pytestmark = pytest.mark.unit

TOGETHER = vars(typer.main.get_command(app))["commands"]


@pytest.mark.parametrize("noun", sorted(ALONE))
def test_a_noun_that_is_loaded_alone_is_there_and_takes_what_it_takes_among_the_others(noun: str) -> None:
    alone = typer.main.get_command(getattr(import_module(f"dialer.cli.{noun}"), f"{noun}_app"))
    among = TOGETHER[noun]
    assert vars(alone).get("commands", {}).keys() == vars(among).get("commands", {}).keys()
    assert [one.name for one in alone.params if one.name not in ("install_completion", "show_completion")] == [
        one.name for one in among.params
    ]
