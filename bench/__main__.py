"""Run one benchmark by its name, or all of them: `python -m bench press1`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from types import ModuleType

import bench


def benchmarks() -> dict[str, ModuleType]:
    """The modules of this package that have a `main`, by name; one that Python would take for a word of its own ends with _."""
    found = sorted(module.name for module in pkgutil.iter_modules(bench.__path__) if module.name != "__main__")
    modules = {name.rstrip("_"): importlib.import_module(f"bench.{name}") for name in found}
    return {name: module for name, module in modules.items() if hasattr(module, "main")}


def run(wanted: list[str]) -> None:
    """Each benchmark prints its own JSON line last."""
    known = benchmarks()
    for name in wanted or known:
        if name not in known:
            raise SystemExit(f"no benchmark is called {name!r}; there are: {', '.join(known)}")
        known[name].main()


if __name__ == "__main__":
    run(sys.argv[1:])
