"""The `dialer` command."""

from __future__ import annotations

import sys
from importlib import import_module

# A dialer that was killed must dial again within seconds, and a command of a script should not load what it does not use: these
# nouns are loaded without the others. Each is the module `dialer.cli.NOUN` with its `NOUN_app`.
ALONE = frozenset(
    [
        "agent",
        "attempts",
        "callbacks",
        "campaign",
        "codes",
        "contacts",
        "dnc",
        "export",
        "inbox",
        "lab",
        "message",
        "migrate",
        "organisation",
        "pacing",
        "publish",
        "retention",
        "rules",
        "serve",
        "strategy",
        "switch",
    ]
)


def main() -> None:
    """Run the command line."""
    noun = sys.argv[1] if len(sys.argv) > 1 else ""
    if noun in ALONE:
        app = getattr(import_module(f"dialer.cli.{noun}"), f"{noun}_app")
        app(args=sys.argv[2:], prog_name=f"dialer {noun}")
    else:
        from dialer.cli.commands import app

        app()


if __name__ == "__main__":
    main()
