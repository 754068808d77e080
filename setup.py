"""Carry config/ into the wheel as dialer/config_files, so that an installed dialer has its samples too."""

from __future__ import annotations

from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

CARRIED = ("dialer.toml", "compliance/*.toml", "strategies/*.yaml", "samples/*.csv")


class BuildWithConfig(build_py):
    """build_py, and the files that stand beside the package. An editable install reads them where they are."""

    def run(self) -> None:
        """Build, then copy."""
        super().run()
        if not self.editable_mode:
            for source, target in self._carried():
                target.parent.mkdir(parents=True, exist_ok=True)
                self.copy_file(str(source), str(target))

    def get_outputs(self, include_bytecode: bool = True) -> list[str]:
        """What is in the wheel."""
        return [*super().get_outputs(include_bytecode), *(str(target) for _, target in self._carried())]

    def _carried(self) -> list[tuple[Path, Path]]:
        root = Path(__file__).parent / "config"
        into = Path(self.build_lib) / "dialer" / "config_files"
        return [(path, into / path.relative_to(root)) for pattern in CARRIED for path in sorted(root.glob(pattern))]


setup(cmdclass={"build_py": BuildWithConfig})
