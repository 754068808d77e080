"""Read what a strategy makes of answers: the table `replies` of a handler that writes to people."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import yaml

from dialer.domain.reply import WHOLE, Replies, ReplyRow
from dialer.domain.wording import Wording, fold
from dialer.services.marked_yaml import Mistakes, Table
from dialer.services.reply_patterns import BadPattern, groups_of
from dialer.services.strategy_results import NAME, ResultsReader

_LONGEST_WINDOW_S = 90 * 24 * 3600.0
_MOST_ROWS = 200
REPLIES = "replies"  # the key
_ROW_KEYS = ("words", "pattern", "set", "code", "app", "parameters")
_OTHERWISE_KEYS = ("set", "code", "app", "parameters")


@dataclass(slots=True)
class RepliesReader:
    """Reads reply tables; codes are checked as those of results are."""

    mistakes: Mistakes
    results: ResultsReader
    wording: Wording  # whose words always mean the same, and never come to a table

    def read(self, handler: Table) -> Replies | None:
        """The key `replies`; None where it is not there."""
        if not handler.has(REPLIES):
            return None
        table = Table.read(handler.values[REPLIES], handler.path(REPLIES), self.mistakes, ("rows", "otherwise", "within_s"))
        if table is None:
            return None
        rows: list[ReplyRow] = []
        seen: set[str] = set()
        for at, node in table.items("rows", required=True):
            if (row := self._row(node, at, seen)) is not None:
                rows.append(row)
        if len(rows) > _MOST_ROWS:
            table.bad("rows", f"has more than {_MOST_ROWS} rows")
        return Replies(
            rows=tuple(rows),
            otherwise=self._otherwise(table),
            within_s=table.number("within_s", 72 * 3600.0, least=60, most=_LONGEST_WINDOW_S),
        )

    def _row(self, node: yaml.Node, at: str, seen: set[str]) -> ReplyRow | None:
        table = Table.read(node, at, self.mistakes, _ROW_KEYS)
        if table is None:
            return None
        if not table.has("words") and not table.has("pattern"):
            table.bad("words", "is missing", "say which answers this row is for, with `words` or `pattern`")
        groups = self._groups(table)
        words = self._words(table, seen)
        return self._meaning(table, words=words, pattern=table.text("pattern"), known={WHOLE, *groups})

    def _otherwise(self, replies: Table) -> ReplyRow:
        if not replies.has("otherwise"):
            return ReplyRow()
        table = Table.read(replies.values["otherwise"], replies.path("otherwise"), self.mistakes, _OTHERWISE_KEYS)
        return ReplyRow() if table is None else self._meaning(table, words=(), pattern="", known={WHOLE})

    def _meaning(self, table: Table, *, words: tuple[str, ...], pattern: str, known: Collection[str]) -> ReplyRow:
        values = table.texts("set")
        for name, value in values.items():
            for part in value.split("${")[1:]:
                group, closed, _ = part.partition("}")
                if not closed or group not in known:
                    wanted = ", ".join(f"${{{one}}}" for one in sorted(known))
                    table.bad("set", f"{name}: there is no ${{{group}}} here", f"known here: {wanted}")
        app, code = table.text("app"), self.results.settable(table, "code")
        if app and not NAME.fullmatch(app):
            table.bad("app", "must be the name of a message app")
        if app and code:
            table.bad("code", "has no place beside `app`", "the app says the code")
        if table.has("parameters") and not app:
            table.bad("parameters", "has no meaning without `app`")
        if not (app or code or values):
            self.mistakes.add(table.node, table.at, "nothing follows", "say at least one of `code`, `set` and `app`")
        return ReplyRow(words=words, pattern=pattern, set=values, code=code, app=app, parameters=table.texts("parameters"))

    def _groups(self, table: Table) -> Collection[str]:
        if not table.has("pattern"):
            return ()
        try:
            return groups_of(table.text("pattern"))
        except BadPattern as wrong:
            table.bad("pattern", f"is no regular expression that can be used here: {wrong}", "as RE2 has them")
            return ()

    def _words(self, table: Table, seen: set[str]) -> tuple[str, ...]:
        words: list[str] = []
        for at, node in table.items("words"):
            said = str(node.value) if isinstance(node, yaml.ScalarNode) else ""
            word = fold(said)
            if not word:
                self.mistakes.add(node, at, "must be a word or a text")
            elif (wish := self.wording.taken(said)) is not None:
                self.mistakes.add(
                    node, at, f"{said!r} always means {wish.value.upper()} and never comes here", "choose another word"
                )
            elif word in seen:
                self.mistakes.add(node, at, f"{said!r} stands in this table a second time", "the first row that fits counts")
            else:
                seen.add(word)
                words.append(word)
        return tuple(words)
