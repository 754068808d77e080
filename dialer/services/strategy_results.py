"""Read a handler's result table: what follows each completion code."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from dataclasses import dataclass, field

from dialer.domain.channel import Channel
from dialer.domain.codes import ACTION_SYSTEM_CODES, SystemCode, name_key
from dialer.domain.message_codes import STRANGE
from dialer.domain.strategy import ANSWERED_BY, DONE, Result, Retry, Treatment
from dialer.services.marked_yaml import Mistakes, Table, as_number, suggest

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,39}")
CONTEXT = re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII)  # nothing that a dialplan could take for more than a name
EXTENSION = re.compile(r"[A-Za-z0-9_-]{1,20}", re.ASCII)
START = "s"  # the extension of a context for which none is named

_MOST_RETRIES = 100
_LONGEST_INTERVAL_S = 30 * 24 * 3600.0
_FINAL_CODES = [code for code in SystemCode if code is not SystemCode.ATTEMPT_IN_PROGRESS]
_SYSTEM = {name_key(code): code for code in SystemCode}
_ANSWERED = {name_key(code) for codes in ANSWERED_BY.values() for code in codes}
_ROW_KEYS = ("app", "parameters", "dialplan", "next_state", "retry", "processor")
_RETRY_KEYS = ("count", "intervals_s", "address_looping", "fail_state")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """A handler's result table: the rows by the name_key of their code, and what holds for all."""

    rows: dict[str, Result] = field(default_factory=dict)
    otherwise: str = DONE
    publish: bool = False


@dataclass(slots=True)
class ResultsReader:
    """Reads result tables. `known_codes`: the custom codes of the campaign, where they are known."""

    mistakes: Mistakes
    known_codes: Collection[str] | None
    channel: Channel = Channel.VOICE

    def read(self, call: Table, state: str, places: dict[str, int], *, publish: bool = False) -> Results:
        """The table `results`. Notes in `places` where its rows stand. `publish`: what holds where it does not say."""
        if not call.has("results"):
            call.bad("results", "is missing", "at least `results: {otherwise: done}`")
            return Results()
        table = Table.read(call.values["results"], f"{call.at}.results", self.mistakes)
        if table is None:
            return Results()
        otherwise = table.text("otherwise", DONE)
        places[f"{state}.otherwise"] = table.keys.get("otherwise", table.node).start_mark.line + 1
        results: dict[str, Result] = {}
        for code in table.values:
            if code in ("otherwise", "publish"):
                continue
            key = name_key(code)
            self._check_code(table, code)
            if key in results:
                table.bad(code, "has a second row", "names are the same without regard to case")
            results[key] = self._result(table, code)
            places[f"{state}.{key}"] = table.keys[code].start_mark.line + 1
        return Results(rows=results, otherwise=otherwise, publish=table.truth("publish", publish))

    def default_code(self, table: Table) -> str:
        """The key `default_code`; "" = none."""
        return self.settable(table, "default_code")

    def settable(self, table: Table, key: str) -> str:
        """A code that apps and actions may set, as it is written in the ledger; "" where the key is not there."""
        code = table.text(key)
        if not code:
            return ""
        if (known := _SYSTEM.get(name_key(code))) is not None:
            if known not in ACTION_SYSTEM_CODES:
                table.bad(key, f"{known.value!r} is for the dialer itself to set", "a code of the campaign, or one for apps")
            return known.value
        if self.known_codes is None:
            return code
        mine = {name_key(one): one for one in self.known_codes}
        if name_key(code) not in mine:
            names = [*sorted(ACTION_SYSTEM_CODES), *self.known_codes]
            table.bad(key, f"no completion code {code!r} in this campaign", suggest(code, names))
        return mine.get(name_key(code), code)

    def _check_code(self, table: Table, code: str) -> None:
        key = name_key(code)
        names = [str(one) for one in _FINAL_CODES]
        if key == name_key(SystemCode.ATTEMPT_IN_PROGRESS):
            table.bad(code, "is not final: no attempt ends with it")
        elif _SYSTEM.get(key) in STRANGE[self.channel]:
            possible = [str(one) for one in _FINAL_CODES if one not in STRANGE[self.channel]]
            table.bad(code, f"no attempt by {self.channel.value} ends with it", suggest(code, possible))
        elif key in {name_key(name) for name in names}:
            return
        elif self.known_codes is not None and key not in {name_key(one) for one in self.known_codes}:
            table.bad(code, "no completion code has this name", suggest(code, [*names, *self.known_codes]))
        elif self.known_codes is None:
            meant = suggest(code, names)  # without the custom codes only what looks like a slip of the pen can be told
            if meant and _is_slip(key, meant):
                table.bad(code, "no system code has this name", meant)

    def _result(self, results: Table, code: str) -> Result:
        row = Table.read(results.values[code], results.path(code), self.mistakes, _ROW_KEYS)
        if row is None:
            return Result()
        known, treatment = _SYSTEM.get(name_key(code)), self._treatment(row, code)
        retry = self._retry(row, code)
        if retry is not None and row.has("next_state"):
            row.bad("next_state", "has no meaning beside a retry", "say where the contact goes in `retry: {fail_state: ...}`")
        return Result(
            next_state=row.text("next_state", DONE),
            treatment=treatment,
            retry=retry,
            processor=processor_name(row),
            code=code if known is None else known.value,
        )

    def _treatment(self, row: Table, code: str) -> Treatment | None:
        if row.has("dialplan"):
            return self._dialplan(row, code)
        if not row.has("app"):
            if row.has("parameters"):
                row.bad("parameters", "has no meaning without `app`")
            return None
        app = row.text("app")
        if not NAME.fullmatch(app):
            row.bad("app", "must be the name of an IVR app")
        self._check_up(row, "app", code)
        return Treatment(app=app, parameters=row.texts("parameters"))

    def _dialplan(self, row: Table, code: str) -> Treatment:
        """Where a call goes on in the switch: the operator's own context, and its extension."""
        for other in ("app", "parameters"):
            if row.has(other):
                row.bad(other, "has no place beside `dialplan`", "a call is treated by an IVR app or by a dialplan")
        context, _, exten = (part.strip() for part in row.text("dialplan").partition(","))
        if not CONTEXT.fullmatch(context) or not EXTENSION.fullmatch(exten or START):
            row.bad("dialplan", "must be a context of the switch, or a context and an extension", "letters, digits, _ and - only")
        self._check_up(row, "dialplan", code)
        return Treatment(dialplan=f"{context},{exten or START}")

    def _check_up(self, row: Table, key: str, code: str) -> None:
        """An app or a dialplan needs a call that is up."""
        if self.channel is not Channel.VOICE:
            row.bad(key, f"no {key} can run here: nobody is on the line", "it belongs to a `call:`")
        elif name_key(code) not in _ANSWERED:
            answered = ", ".join(sorted({str(one) for codes in ANSWERED_BY.values() for one in codes}))
            row.bad(key, f"no {key} can run on {code!r}: the call is not up then", f"it belongs to {answered}")

    def _retry(self, row: Table, code: str) -> Retry | None:
        if not row.has("retry"):
            return None
        table = Table.read(row.values["retry"], row.path("retry"), self.mistakes, _RETRY_KEYS)
        if table is None:
            return None
        if name_key(code) == name_key(SystemCode.OPTED_OUT):
            row.bad("retry", "who opted out is never called again")
        if not table.has("count"):
            table.bad("count", "is missing")
        intervals = []
        for at, node in table.items("intervals_s", required=True):
            value = as_number(node)
            if value is None or not 0 <= value <= _LONGEST_INTERVAL_S:
                self.mistakes.add(node, at, f"must be a number of seconds from 0 to {_LONGEST_INTERVAL_S:.0f}")
            else:
                intervals.append(value)
        return Retry(
            count=int(table.number("count", 1, least=1, most=_MOST_RETRIES, whole=True)),
            intervals=tuple(intervals) or (60.0,),
            address_looping=table.truth("address_looping", False),
            fail_state=table.text("fail_state", DONE),
        )


def processor_name(table: Table) -> str:
    """The key `processor`: the name of a result processor; "" where it is not there."""
    name = table.text("processor")
    if table.has("processor") and not NAME.fullmatch(name):
        table.bad("processor", "must be the name of a result processor")
    return name


def _is_slip(key: str, meant: str) -> bool:
    """So near to a system code that it can hardly be a custom code of its own: "Call Busi", "Answr Human"."""
    name = meant.removeprefix("did you mean '").removesuffix("'?")
    return difflib.SequenceMatcher(None, key, name_key(name)).ratio() >= 0.85
