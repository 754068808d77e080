"""What README.md and docs/ say can be followed: links lead somewhere, and commands and their options exist."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from dialer.cli.commands import app

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "docker" / "README.md"]
PAGES = [page for page in PAGES if page.is_file()]
GUIDES = [page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "README.md"]

FENCED = re.compile(r"^( *)```[^\n]*\n(.*?)^\1```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
PROMPT = re.compile(r"^[$#>]? *(?:export \w+=\$\()?(?:\.venv/bin/)?(dialer .*)$")

COMMANDS: Any = typer.main.get_command(app)


def named(page: Path) -> str:
    return str(page.relative_to(ROOT))


def prose_of(text: str) -> str:
    return FENCED.sub("", text)


def anchors_of(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    found = set()
    for heading in HEADING.findall(prose_of(page.read_text(encoding="utf-8"))):
        plain = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).replace(" ", "-"))
    return found


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_to_a_file_and_a_heading_of_it(page: Path) -> None:
    wrong = []
    for link in LINK.findall(prose_of(page.read_text(encoding="utf-8"))):
        if "://" in link or link.startswith("mailto:"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors_of(target)):
            wrong.append(link)
    assert not wrong


def test_the_index_of_docs_names_every_guide() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    linked = {link.partition("#")[0] for link in LINK.findall(index)}
    assert [page.name for page in GUIDES if page.name not in linked] == []


def commands_in(text: str) -> Iterator[str]:
    """Each `dialer ...` that a page shows, in a block or in a sentence."""
    for _, block in FENCED.findall(text):
        for line in block.replace("\\\n", " ").splitlines():
            if found := PROMPT.match(line.strip()):
                yield found[1].rstrip(")")
    for code in INLINE.findall(prose_of(text)):
        if (line := " ".join(code.split())).startswith("dialer "):
            yield line


def mistakes_in(line: str) -> Iterator[str]:
    """What a command line asks for that there is not. "a | b" is one or the other, what stands in brackets may be left out."""
    command, parent, other = COMMANDS, COMMANDS, False
    try:
        words = shlex.split(line.partition("   ")[0], comments=True)[1:]  # what stands apart says what it does
    except ValueError as exc:
        yield f"{line}: {exc}"
        return
    for word in words:
        bare = word.strip("[]….,")
        if bare.startswith("--"):
            known = {name for one in command.params for name in (*one.opts, *one.secondary_opts)} | {"--help"}
            if bare.partition("=")[0] not in known:
                yield f"{line}: no option {bare}"
        elif other and not getattr(command, "commands", {}):
            command = parent
        children = getattr(command, "commands", {})
        if bare in children:
            parent, command = command, children[bare]
        elif "attempts" in children and ("." in bare or "/" in bare):  # `dialer export FILE.csv` is short for it
            parent, command = command, children["attempts"]
        elif children and not bare.isupper() and not bare.startswith("-") and bare not in ("|", ""):
            yield f"{line}: no command {bare}"
            return
        other = bare == "|"


@pytest.mark.parametrize("page", [page for page in PAGES if "adr" not in page.parts], ids=named)
def test_every_command_that_is_shown_exists_with_its_options(page: Path) -> None:
    assert [wrong for line in commands_in(page.read_text(encoding="utf-8")) for wrong in mistakes_in(line)] == []
