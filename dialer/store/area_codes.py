"""The area-code table of an organisation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import sqlalchemy as sa

from dialer.domain.area_codes import MAX_DIGITS, AreaCode, AreaCodes
from dialer.domain.ids import OrgId
from dialer.errors import NotFound
from dialer.store.tables_contacts import area_codes

_KEY = ("calling_code", "first", "last")


class AreaCodeTable:
    """Rows by calling code and first digits."""

    def __init__(self, connection: sa.Connection, org_id: OrgId) -> None:
        self._connection, self._org_id = connection, org_id

    def all(self, calling_code: str = "") -> list[AreaCode]:
        """Every row, or those of one country, in the order of their digits."""
        query = sa.select(area_codes).where(area_codes.c.org_id == self._org_id)
        if calling_code:
            query = query.where(area_codes.c.calling_code == calling_code)
        rows = self._connection.execute(query.order_by(*(area_codes.c[name] for name in _KEY)))
        return [_area_code(row) for row in rows]

    def ready(self) -> AreaCodes:
        """The whole table, for many questions."""
        return AreaCodes(self.all())

    def zone_of(self, e164: str) -> str:
        """The time zone of one number; "" when no row knows it."""
        digits = e164[1:]
        of_code = [digits[:length] for length in range(1, 4)]  # one of these is its calling code: none begins with another
        begins = [sa.and_(area_codes.c.calling_code == code, *_begins(digits[len(code) :])) for code in of_code]
        length = sa.func.length(area_codes.c.first)
        narrow = sa.cast(area_codes.c.last, sa.BigInteger) - sa.cast(area_codes.c.first, sa.BigInteger)
        query = sa.select(area_codes.c.zone).where(area_codes.c.org_id == self._org_id, sa.or_(*begins))
        return self._connection.scalar(query.order_by(length.desc(), narrow).limit(1)) or ""

    def put(self, rows: Sequence[AreaCode]) -> None:
        """Write rows, over those of the same digits."""
        self.remove(rows)
        if rows:
            self._connection.execute(sa.insert(area_codes), [{"org_id": self._org_id, **asdict(row)} for row in rows])

    def remove(self, rows: Sequence[AreaCode]) -> None:
        """Remove the rows of these digits, those that there are."""
        if rows:
            statement = sa.delete(area_codes).where(
                area_codes.c.org_id == self._org_id, *(area_codes.c[name] == sa.bindparam(f"of_{name}") for name in _KEY)
            )
            self._connection.execute(statement, [{f"of_{name}": getattr(row, name) for name in _KEY} for row in rows])

    def get(self, calling_code: str, first: str, last: str) -> AreaCode:
        """One row. Raises NotFound."""
        mine = sa.and_(*(area_codes.c[name] == value for name, value in zip(_KEY, (calling_code, first, last), strict=True)))
        row = self._connection.execute(sa.select(area_codes).where(area_codes.c.org_id == self._org_id, mine)).first()
        if row is None:
            raise NotFound(f"no area code {first}{'' if first == last else f'-{last}'} of +{calling_code}")
        return _area_code(row)


def _begins(national: str) -> list[sa.ColumnElement[bool]]:
    """Conditions for a row whose first digits are those of this national number, or among which they are."""
    found = [
        sa.and_(
            sa.func.length(area_codes.c.first) == length,
            area_codes.c.first <= national[:length],
            area_codes.c.last >= national[:length],
        )
        for length in range(1, min(len(national), MAX_DIGITS) + 1)
    ]
    return [sa.or_(*found)] if found else [sa.false()]


def _area_code(row: sa.Row[tuple[object, ...]]) -> AreaCode:
    return AreaCode(**{name: getattr(row, name) for name in AreaCode.__dataclass_fields__})
