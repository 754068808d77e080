"""Read YAML that a person wrote, so that every mistake can be told at once with its line and a mend."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import yaml

from dialer.errors import BadInput

MAX_CHARACTERS = 256 * 1024
MAX_DEPTH = 20


@dataclass(slots=True)
class Mistakes:
    """Mistakes in one source, collected while reading goes on."""

    source: str
    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, node: yaml.Node | int, key: str, what: str, mend: str = "") -> None:
        """Note one, at the line of a node."""
        line = node if isinstance(node, int) else node.start_mark.line + 1
        self.found.append((line, f"{self.source}:{line}: {key}: {what}" + (f" ({mend})" if mend else "")))

    @property
    def lines(self) -> list[str]:
        """All of them, in the order of the file."""
        return [text for _, text in sorted(self.found, key=lambda one: one[0])]

    def raise_if_any(self) -> None:
        """Raises BadInput that tells all of them."""
        if self.found:
            raise BadInput("\n".join(self.lines))


def compose(text: str, source: str) -> yaml.Node:
    """The tree of one YAML document, every node with its place; no tag makes an object of anything. Raises BadInput."""
    if len(text) > MAX_CHARACTERS:
        raise BadInput(f"longer than {MAX_CHARACTERS} characters", where=source)
    try:
        _check_depth(text, source)
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as exc:
        mark = exc.problem_mark or exc.context_mark
        where = source if mark is None else f"{source}:{mark.line + 1}"
        raise BadInput(f"not YAML: {exc.problem or exc.context}", where=where) from exc
    except yaml.YAMLError as exc:
        raise BadInput(f"not YAML: {str(exc).splitlines()[0]}", where=source) from exc
    if node is None:
        raise BadInput("the file is empty", where=source)
    return node


def _check_depth(text: str, source: str) -> None:
    """Before a tree is made: thousands of brackets would cost seconds and the stack."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:
            raise BadInput(f"not YAML that a person wrote: more than {MAX_DEPTH} levels deep", where=source)


def suggest(word: str, known: Iterable[str]) -> str:
    """A mend for a word that is not known."""
    names = list(known)
    by_fold = {name.casefold(): name for name in names}
    close = difflib.get_close_matches(word.casefold(), list(by_fold), n=1, cutoff=0.6)
    if close:
        return f"did you mean {by_fold[close[0]]!r}?"
    return f"known here: {', '.join(names)}" if 0 < len(names) <= 12 else ""


@dataclass(slots=True)
class Table:
    """A YAML mapping whose keys are checked, and whose values are asked for by kind. A wrong value gives its default."""

    node: yaml.MappingNode
    at: str  # how the table is called in a message: "handlers[0].call"
    mistakes: Mistakes
    values: dict[str, yaml.Node] = field(default_factory=dict)
    keys: dict[str, yaml.Node] = field(default_factory=dict)

    @classmethod
    def read(cls, node: yaml.Node, at: str, mistakes: Mistakes, known: Iterable[str] | None = None) -> Table | None:
        """A node as a table; None, with the mistake noted, when it is something else. `known`: the keys it may have."""
        if not isinstance(node, yaml.MappingNode):
            mistakes.add(node, at or "the file", "must be a table of keys and values")
            return None
        table = cls(node=node, at=at, mistakes=mistakes)
        names = None if known is None else list(known)
        for key, value in node.value:
            name = key.value if isinstance(key, yaml.ScalarNode) else "?"
            if name in table.values:
                mistakes.add(key, table.path(name), "stands here a second time")
            elif names is not None and name not in names:
                mistakes.add(key, table.path(name), "unknown key", suggest(name, names))
            else:
                table.values[name], table.keys[name] = value, key
        return table

    def path(self, name: str) -> str:
        """A key's full name."""
        return f"{self.at}.{name}" if self.at else name

    def bad(self, name: str, what: str, mend: str = "") -> None:
        """Note a mistake at a key, or at the table when the key is not there."""
        self.mistakes.add(self.values.get(name, self.node), self.path(name), what, mend)

    def has(self, name: str) -> bool:
        """Whether the key is there."""
        return name in self.values

    def text(self, name: str, default: str = "", *, required: bool = False) -> str:
        """A scalar as it was written."""
        node = self.values.get(name)
        if node is None:
            if required:
                self.bad(name, "is missing")
            return default
        if not isinstance(node, yaml.ScalarNode) or node.tag == "tag:yaml.org,2002:null":
            self.bad(name, "must be a word or a text")
            return default
        return str(node.value).strip()

    def texts(self, name: str) -> dict[str, str]:
        """A table of texts under free names; empty when the key is not there."""
        if name not in self.values:
            return {}
        table = Table.read(self.values[name], self.path(name), self.mistakes)
        return {} if table is None else {key: table.text(key) for key in table.values}

    def truth(self, name: str, default: bool) -> bool:
        """true or false."""
        if name not in self.values:
            return default
        node = self.values[name]
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:bool":
            self.bad(name, "must be true or false")
            return default
        return str(node.value).lower() in ("true", "yes", "on")

    def number(self, name: str, default: float, *, least: float, most: float, whole: bool = False) -> float:
        """A number within its bounds."""
        if name not in self.values:
            return default
        value = as_number(self.values[name])
        kind = "a whole number" if whole else "a number"
        if value is None or not least <= value <= most or (whole and value != int(value)):
            self.bad(name, f"must be {kind} from {least:g} to {most:g}")
            return default
        return value

    def items(self, name: str, *, required: bool = False) -> Iterator[tuple[str, yaml.Node]]:
        """The entries of a list with their full names."""
        node = self.values.get(name)
        if node is None:
            if required:
                self.bad(name, "is missing")
            return
        if not isinstance(node, yaml.SequenceNode):
            self.bad(name, "must be a list")
            return
        if required and not node.value:
            self.bad(name, "must have at least one entry")
        for index, one in enumerate(node.value):
            yield f"{self.path(name)}[{index}]", one


def as_number(node: yaml.Node) -> float | None:
    """A YAML number; None when it is none, or not finite."""
    if not isinstance(node, yaml.ScalarNode) or node.tag not in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
        return None
    try:
        value = float(str(node.value).replace("_", ""))
    except ValueError:  # 0x1F, 1:30
        return None
    return value if value - value == 0 else None
