"""Make a contact of a row, or say what is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from zoneinfo import available_timezones

from dialer.domain.attributes import AttributeType, BadAttribute, kept, masked
from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.history import HISTORY_ATTRIBUTES
from dialer.domain.imports import RowOptions
from dialer.domain.phone_checks import PhoneChecks
from dialer.domain.window import zone_named
from dialer.errors import BadInput
from dialer.services.phone import Rejected, known_region, normalise

PHONE_COLUMNS = ("phone", "phone1", "phone2", "mobile", "home", "work")
ID_COLUMNS = ("id", "contact_id", "user_contact_id")
MAX_ID = 80
MAX_NAME = 40
MAX_VALUE = 4096
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffd]")  # all but tab and line ends; and what could not be decoded
_LINE_END = re.compile(r"[\r\n\t]")


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong with a cell, or with a row when `column` is empty."""

    column: str
    value: str
    reason: str
    kind: str = ""  # "pattern", "format", "dnc": a number that was left out by such a check


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChecks:
    """What an import holds rows against, read from the database when it begins."""

    phones: PhoneChecks | None = None
    patterns: bool = False
    formats: bool = False
    types: Mapping[str, AttributeType] = field(default_factory=dict)  # of defined attributes
    masked: frozenset[str] = frozenset()  # attributes whose values no file of reasons shows


NO_CHECKS = RowChecks()


@dataclass(slots=True)
class ReadRow:
    """What became of a row: a contact, or none; and the complaints in either case."""

    contact: NewContact | None = None
    complaints: list[Complaint] = field(default_factory=list)


def column_name(written: str) -> str:
    """A column's heading as the name of an attribute: "First Name" is first_name."""
    return re.sub(r"\W+", "_", written.strip().casefold()).strip("_")


class RowReader:
    """Knows the columns of one file."""

    def __init__(self, header: Sequence[str], options: RowOptions, *, where: str = "", checks: RowChecks = NO_CHECKS) -> None:
        """Raises BadInput, before any row is read, when the columns make no sense."""
        self._options, self._checks = options, checks
        self._check_options(options)
        self._names = [column_name(one) for one in header]
        self._check_names(header, where)
        self._id = self._column(options.id_column, ID_COLUMNS) or 0
        self._phones = self._phone_columns(where)
        self._language = self._column("", ("language", "lang"))
        self._zone = self._column("", ("time_zone", "timezone"))
        special = {self._id, self._language, self._zone, *(index for index, _ in self._phones)}
        self._attributes = [(index, name) for index, name in enumerate(self._names) if index not in special]
        plain = AttributeType.STRING
        self._typed = [(name, kind) for _, name in self._attributes if (kind := checks.types.get(name, plain)) is not plain]

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes, in the order of the columns."""
        return tuple(name for _, name in self._attributes)

    @property
    def phones(self) -> tuple[str, ...]:
        """The names of the telephone columns."""
        return tuple(name for _, name in self._phones)

    def read(self, cells: Sequence[str]) -> ReadRow:
        """One row."""
        found = self._read(cells)
        if self._checks.masked and found.complaints:
            hidden = self._checks.masked
            found.complaints = [
                replace(one, value=masked(one.value)) if one.column in hidden else one for one in found.complaints
            ]
        return found

    def _read(self, cells: Sequence[str]) -> ReadRow:
        found = ReadRow()
        if len(cells) != len(self._names):
            found.complaints.append(Complaint("", "", f"{len(cells)} columns instead of {len(self._names)}"))
            return found
        found.complaints += self._unreadable(cells)
        user_id = cells[self._id].strip()
        if not user_id or len(user_id) > MAX_ID:
            reason = "is empty: every contact needs an id" if not user_id else f"longer than {MAX_ID} characters"
            found.complaints.append(Complaint(self._names[self._id], user_id, reason))
        language = cells[self._language].strip() if self._language is not None else ""
        if language and (len(language) > 16 or not _LANGUAGE.fullmatch(language)):
            found.complaints.append(Complaint("language", language, "not a language code such as en or pt-BR"))
        zone = cells[self._zone].strip() if self._zone is not None else ""
        if zone and zone_named(zone) is None:
            found.complaints.append(Complaint(self._names[self._zone or 0], zone, "no such time zone" + _like(zone)))
        attributes = {name: cells[index].strip() for index, name in self._attributes}
        for name, kind in self._typed:
            try:
                attributes[name] = kept(kind, attributes[name])
            except BadAttribute as exc:
                found.complaints.append(Complaint(name, attributes[name], str(exc)))
        if found.complaints:
            return found
        addresses = self._addresses(cells, zone, found.complaints)
        if not any(one.value for one in addresses):
            found.complaints.append(Complaint("", user_id, "the row has no telephone number that can be used"))
            return found
        found.contact = NewContact(
            user_contact_id=user_id,
            language=language or self._options.language,
            time_zone=zone,
            attributes=attributes,
            addresses=tuple(addresses),
        )
        return found

    def _addresses(self, cells: Sequence[str], zone: str, complaints: list[Complaint]) -> list[NewAddress]:
        options, addresses = self._options, []
        for index, name in self._phones:
            raw = cells[index]
            if not raw.strip():
                addresses.append(NewAddress(name=name, value=""))
                continue
            number = normalise(raw, options.region, strict=options.strict)
            if isinstance(number, Rejected):
                complaints.append(Complaint(name, raw, f"not a telephone number: {number.reason}; left out"))
                addresses.append(NewAddress(name=name, value=""))
                continue
            if (complaint := self._against(name, raw, number.e164)) is not None:
                complaints.append(complaint)
                addresses.append(NewAddress(name=name, value=""))
                continue
            value = self._fitted(number.e164)
            zones = (zone,) if zone else number.zones or ((options.time_zone,) if options.time_zone else ())
            if not zones:
                complaints.append(Complaint(name, raw, "no time zone: the number tells none; left out"))
                addresses.append(NewAddress(name=name, value=""))
                continue
            addresses.append(NewAddress(name=name, value=value, zones=zones))
        return addresses

    def _against(self, name: str, raw: str, e164: str) -> Complaint | None:
        checks = self._checks
        if checks.phones is None:
            return None
        if checks.formats and checks.phones.fitted(e164) is None:
            return Complaint(name, raw, "not the format of its country; left out", "format")
        if checks.patterns and (pattern := checks.phones.rejected_by(self._fitted(e164))):
            return Complaint(name, raw, f"matches the reject pattern {pattern}; left out", "pattern")
        return None

    def _fitted(self, e164: str) -> str:
        phones = self._checks.phones
        return (phones.fitted(e164) or e164) if phones is not None and self._checks.formats else e164

    def _unreadable(self, cells: Sequence[str]) -> Iterator[Complaint]:
        # One search over the whole row: almost no row has such a sign.
        joined = "\x1d".join(cells).replace("\x1d", "")
        if not _CONTROL.search(joined) and len(joined) <= MAX_VALUE:
            if _LINE_END.search(cells[self._id]):
                yield Complaint(self._names[self._id], cells[self._id], "holds a line end or a tab")
            return
        phones = {index for index, _ in self._phones}
        for index, cell in enumerate(cells):
            if index not in phones and _CONTROL.search(cell):
                yield Complaint(self._names[index], cell, "holds a control character or a sign that could not be decoded")
            elif len(cell) > MAX_VALUE:
                yield Complaint(self._names[index], cell, f"longer than {MAX_VALUE} characters")

    def _column(self, wanted: str, usual: Sequence[str]) -> int | None:
        if wanted:
            return self._index(wanted, "--id-column")
        return next((self._names.index(name) for name in usual if name in self._names), None)

    def _phone_columns(self, where: str) -> list[tuple[int, str]]:
        if self._options.phone_columns:
            return [(self._index(name, "--phone"), column_name(name)) for name in self._options.phone_columns]
        found = [(index, name) for index, name in enumerate(self._names) if name in PHONE_COLUMNS and index != self._id]
        if not found:
            raise BadInput(
                f"no column is called {', '.join(PHONE_COLUMNS)}",
                where=where,
                mend=f"name the telephone columns with --phone; there are {', '.join(self._names)}",
            )
        return found

    def _index(self, wanted: str, where: str) -> int:
        name = column_name(wanted)
        if name not in self._names:
            raise BadInput(f"there is no column {wanted!r}", where=where, mend=f"there are {', '.join(self._names)}")
        return self._names.index(name)

    def _check_names(self, header: Sequence[str], where: str) -> None:
        wrong = []
        for position, (written, name) in enumerate(zip(header, self._names, strict=True), start=1):
            if not name:
                wrong.append(f"column {position} has no name")
            elif name[0].isdigit() or written.strip().startswith("+"):
                wrong.append(f"column {position} is called {written[:40]!r}: the first line must name the columns")
            elif len(name) > MAX_NAME:
                wrong.append(f"the name of column {position} is longer than {MAX_NAME} characters")
            elif name in HISTORY_ATTRIBUTES:
                wrong.append(f"column {position} is called {name!r}, which the dialer keeps itself: leave it out")
            elif name in self._names[: position - 1]:
                wrong.append(f"a second column is called {name!r}")
        if wrong:
            raise BadInput("; ".join(wrong[:10]), where=where)

    @staticmethod
    def _check_options(options: RowOptions) -> None:
        if not known_region(options.region):
            raise BadInput(f"there is no region {options.region!r}", where="--region", mend="a country code such as US or GB")
        if options.time_zone and zone_named(options.time_zone) is None:
            raise BadInput(f"no such time zone {options.time_zone!r}{_like(options.time_zone)}", where="--time-zone")


def _like(zone: str) -> str:
    close = difflib.get_close_matches(zone[:64], available_timezones(), n=1)
    return f" (did you mean {close[0]}?)" if close else ""
