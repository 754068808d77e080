"""Run one benchmark by its name, or all of them: `python -m bench press1`."""

from __future__ import annotations

import importlib
import pkgutil
import sys

import bench


def names() -> list[str]:
    """The benchmarks: the modules of this package that have a `main`."""
    found = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name != "__main__")
    return [name for name in found if hasattr(importlib.import_module(f"bench.{name}"), "main")]


def run(wanted: list[str]) -> None:
    """Each benchmark prints its own JSON line last."""
    known = names()
    for name in wanted or known:
        if name not in known:
            raise SystemExit(f"no benchmark is called {name!r}; there are: {', '.join(known)}")
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    run(sys.argv[1:])
