"""Make a contact of a row, or say what is wrong with it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from json.encoder import encode_basestring_ascii
from zoneinfo import available_timezones

from dialer.domain.area_codes import NO_AREA_CODES, AreaCodes
from dialer.domain.attributes import AttributeType, BadAttribute, kept, masked
from dialer.domain.channel import misshapen
from dialer.domain.contact import Address, NewContact
from dialer.domain.contact_batch import ContactBatch
from dialer.domain.history import HISTORY_ATTRIBUTES
from dialer.domain.imports import RowOptions
from dialer.domain.phone_checks import PhoneChecks
from dialer.domain.window import zone_named
from dialer.errors import BadInput
from dialer.services.number_reader import UNCHECKED, Kept, LeftOut, NumberReader, NumberRules
from dialer.services.phone import known_region

PHONE_COLUMNS = ("phone", "phone1", "phone2", "mobile", "home", "work")
EMAIL_COLUMNS = ("email", "email1", "email2", "e_mail", "mail", "email_address")
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

    phones: PhoneChecks = UNCHECKED
    patterns: bool = False
    formats: bool = False
    types: Mapping[str, AttributeType] = field(default_factory=dict)  # of defined attributes
    area_codes: AreaCodes = NO_AREA_CODES
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
        # Addresses of their own, and attributes still: filters and texts ask for them by the same name.
        self._emails = [(place, name) for place, name in enumerate(self._names) if name in EMAIL_COLUMNS and place != self._id]
        self._phones = self._phone_columns(where)
        self._language = self._column("", ("language", "lang"))
        self._zone = self._column("", ("time_zone", "timezone"))
        special = {self._id, self._language, self._zone, *(index for index, _ in self._phones)}
        self._places = [index for index in range(len(self._names)) if index not in special]
        self._template = "{" + ", ".join(f"{encode_basestring_ascii(name)}: %s" for name in self.attributes) + "}"
        plain = AttributeType.STRING
        types = [(place, name, checks.types.get(name, plain)) for place, name in enumerate(self.attributes)]
        self._typed = [one for one in types if one[2] is not plain]
        self._numbers = NumberReader(
            NumberRules(
                region=options.region,
                strict=options.strict,
                time_zone=options.time_zone,
                patterns=checks.patterns,
                formats=checks.formats,
                checks=checks.phones,
                area_codes=checks.area_codes,
            )
        )

    @property
    def attributes(self) -> tuple[str, ...]:
        """The names of the attributes, in the order of the columns."""
        return tuple(self._names[index] for index in self._places)

    @property
    def phones(self) -> tuple[str, ...]:
        """The names of the telephone columns."""
        return tuple(name for _, name in self._phones)

    def read(self, cells: Sequence[str]) -> ReadRow:
        """One row by itself."""
        batch = ContactBatch()
        complaints = list(self.read_into(batch, cells))
        return ReadRow(next(iter(batch.contacts()), None), complaints)

    def read_into(self, batch: ContactBatch, cells: Sequence[str]) -> Sequence[Complaint]:
        """Put the contact of a row into a batch, and say what is wrong with the row; the batch stays as it is if all of it is."""
        complaints = self._put(batch, cells)
        if complaints and self._checks.masked:
            hidden = self._checks.masked
            return [replace(one, value=masked(one.value)) if one.column in hidden else one for one in complaints]
        return complaints

    def _put(self, batch: ContactBatch, cells: Sequence[str]) -> Sequence[Complaint]:
        if len(cells) != len(self._names):
            return [Complaint("", "", f"{len(cells)} columns instead of {len(self._names)}")]
        user_id = cells[self._id].strip()
        language = cells[self._language].strip() if self._language is not None else ""
        zone = cells[self._zone].strip() if self._zone is not None else ""
        attributes = [cells[index].strip() for index in self._places]
        complaints = [*self._unreadable(cells), *self._wrong_person(user_id, language, zone), *self._typed_in(attributes)]
        if complaints:
            return complaints
        numbers = [self._number(name, cells[index], zone, complaints) for index, name in self._phones]
        mails = self._mails(cells, zone, numbers, complaints) if self._emails else ()
        if not any(value for value, _ in (*numbers, *mails)):
            what = "telephone number or email address" if mails else "telephone number"
            return [*complaints, Complaint("", user_id, f"the row has no {what} that can be used")]
        text = self._template % tuple(map(encode_basestring_ascii, attributes))
        batch.add(user_id, language or self._options.language, zone, text)
        for (_, name), (value, zones) in zip(self._phones, numbers, strict=True):
            batch.add_address(name, value, zones)
        for (_, name), (value, zones) in zip(self._emails, mails, strict=True):
            batch.add_address(name, value, zones, "email")
        return complaints

    def _wrong_person(self, user_id: str, language: str, zone: str) -> list[Complaint]:
        wrong = []
        if not user_id or len(user_id) > MAX_ID:
            reason = "is empty: every contact needs an id" if not user_id else f"longer than {MAX_ID} characters"
            wrong.append(Complaint(self._names[self._id], user_id, reason))
        if language and (len(language) > 16 or not _LANGUAGE.fullmatch(language)):
            wrong.append(Complaint("language", language, "not a language code such as en or pt-BR"))
        if zone and zone_named(zone) is None:
            wrong.append(Complaint(self._names[self._zone or 0], zone, "no such time zone" + _like(zone)))
        return wrong

    def _typed_in(self, attributes: list[str]) -> list[Complaint]:
        """Bring the values of defined attributes into the form of their type."""
        wrong = []
        for place, name, kind in self._typed:
            try:
                attributes[place] = kept(kind, attributes[place])
            except BadAttribute as exc:
                wrong.append(Complaint(name, attributes[place], str(exc)))
        return wrong

    def _number(self, name: str, raw: str, zone: str, complaints: list[Complaint]) -> Kept:
        if not raw or raw.isspace():
            return "", ""
        found = self._numbers.read(raw)
        if isinstance(found, LeftOut):
            complaints.append(Complaint(name, raw, f"{found.reason}; left out", found.kind))
            return "", ""
        value, zones = found
        if not (zone or zones):
            complaints.append(Complaint(name, raw, "no time zone: the number tells none; left out"))
            return "", ""
        return value, zone or zones

    def _mails(self, cells: Sequence[str], zone: str, numbers: Sequence[Kept], complaints: list[Complaint]) -> Sequence[Kept]:
        where = zone or next((zones for value, zones in numbers if value), self._options.time_zone)
        return [self._email(name, cells[index], where, complaints) for index, name in self._emails]

    def _email(self, name: str, raw: str, zones: str, complaints: list[Complaint]) -> Kept:
        """An email address, and where its owner may be: as the row says, else where the telephones are."""
        value = raw.strip().casefold()
        if not value:
            return "", ""
        if wrong := misshapen(Address(name=name, value=value, channel="email")):
            complaints.append(Complaint(name, raw, f"{wrong}; left out"))
            return "", ""
        if not zones:
            complaints.append(Complaint(name, raw, "no time zone: neither the row nor its numbers tell one; left out"))
            return "", ""
        return value, zones

    def _unreadable(self, cells: Sequence[str]) -> Sequence[Complaint]:
        # One search over the whole row: almost no row has such a sign.
        joined = "\x1d".join(cells).replace("\x1d", "")
        if not _CONTROL.search(joined) and len(joined) <= MAX_VALUE:
            if _LINE_END.search(cells[self._id]):
                return [Complaint(self._names[self._id], cells[self._id], "holds a line end or a tab")]
            return ()
        phones = {index for index, _ in self._phones}
        found = []
        for index, cell in enumerate(cells):
            if index not in phones and _CONTROL.search(cell):
                reason = "holds a control character or a sign that could not be decoded"
                found.append(Complaint(self._names[index], cell, reason))
            elif len(cell) > MAX_VALUE:
                found.append(Complaint(self._names[index], cell, f"longer than {MAX_VALUE} characters"))
        return found

    def _column(self, wanted: str, usual: Sequence[str]) -> int | None:
        if wanted:
            return self._index(wanted, "--id-column")
        return next((self._names.index(name) for name in usual if name in self._names), None)

    def _phone_columns(self, where: str) -> list[tuple[int, str]]:
        if self._options.phone_columns:
            return [(self._index(name, "--phone"), column_name(name)) for name in self._options.phone_columns]
        found = [(index, name) for index, name in enumerate(self._names) if name in PHONE_COLUMNS and index != self._id]
        if not found and not self._emails:
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
