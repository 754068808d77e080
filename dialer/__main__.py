"""The `dialer` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line."""
    if sys.argv[1:2] == ["serve"]:
        # A dialer that was killed must dial again within seconds: it does not load the other commands first.
        from dialer.cli.serve import serve_app

        serve_app(args=sys.argv[2:], prog_name="dialer serve")
    else:
        from dialer.cli.commands import app

        app()


if __name__ == "__main__":
    main()
