"""What becomes of a row, and which files are refused before a row is read."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.contact import NewAddress, NewContact
from dialer.domain.imports import RowOptions
from dialer.errors import BadInput
from dialer.services.csv_source import CsvFile, CsvSource, examine
from dialer.services.import_rows import ReadRow, RowReader, column_name
from dialer.services.row_source import Record

pytestmark = pytest.mark.unit

HEADER = ["id", "First Name", "mobile", "home", "language", "time_zone", "city"]
NEW_YORK = ("America/New_York",)


USUAL = RowOptions()


def read(*cells: str, options: RowOptions = USUAL) -> tuple[NewContact | None, list[tuple[str, str]]]:
    row = RowReader(HEADER, options).read(list(cells))
    return row.contact, [(one.column, one.reason) for one in row.complaints]


def test_a_row_becomes_a_contact() -> None:
    contact, complaints = read(" d1 ", "Ana", "(212) 555-0101", "", "es", "", "Lima, =1+1")
    assert complaints == []
    assert contact == NewContact(
        user_contact_id="d1",
        language="es",
        time_zone="",
        attributes={"first_name": "Ana", "city": "Lima, =1+1"},
        addresses=(NewAddress(name="mobile", value="+12125550101", zones=NEW_YORK), NewAddress(name="home", value="")),
    )


def test_a_zone_of_the_contacts_own_goes_before_the_numbers() -> None:
    contact, _ = read("d1", "Ana", "2125550101", "3035550101", "", "Europe/Madrid", "")
    assert contact is not None
    assert contact.time_zone == "Europe/Madrid"
    assert [one.zones for one in contact.addresses] == [("Europe/Madrid",), ("Europe/Madrid",)]


def test_a_bad_number_is_left_out_and_the_other_one_kept() -> None:
    contact, complaints = read("d1", "Ana", "+1&PJSIP/x", "2125550101", "", "", "")
    assert contact is not None
    assert [one.value for one in contact.addresses] == ["", "+12125550101"]
    assert complaints == [("mobile", "not a telephone number: holds letters; left out")]


@pytest.mark.parametrize(
    ("cells", "complaint"),
    [
        (("", "Ana", "2125550101", "", "", "", ""), ("id", "is empty: every contact needs an id")),
        (("x" * 81, "Ana", "2125550101", "", "", "", ""), ("id", "longer than 80 characters")),
        (("d\n1", "Ana", "2125550101", "", "", "", ""), ("id", "holds a line end or a tab")),
        (("d1", "A\x00na", "2125550101", "", "", "", ""), ("first_name", "holds a control character")),
        (("d1", "A\ufffdna", "2125550101", "", "", "", ""), ("first_name", "could not be decoded")),
        (("d1", "x" * 5000, "2125550101", "", "", "", ""), ("first_name", "longer than 4096")),
        (("d1", "Ana", "2125550101", "", "klingon!", "", ""), ("language", "not a language code")),
        (("d1", "Ana", "2125550101", "", "", "America/Denvr", ""), ("time_zone", "did you mean America/Denver?")),
        (("d1", "Ana", "", "", "", "", ""), ("", "no telephone number that can be used")),
        (("d1", "Ana", "2125550101"), ("", "3 columns instead of 7")),
        (("d1", "Ana", "2125550101", "", "", "", "", "more"), ("", "8 columns instead of 7")),
    ],
)
def test_a_row_that_cannot_be_used_tells_why(cells: tuple[str, ...], complaint: tuple[str, str]) -> None:
    contact, complaints = read(*cells)
    assert contact is None
    assert any(column == complaint[0] and complaint[1] in reason for column, reason in complaints), complaints


def test_a_number_without_a_zone_needs_one_from_the_settings() -> None:
    cells = ("d1", "Ana", "+881612345678", "", "", "", "")  # a satellite telephone
    contact, complaints = read(*cells)
    assert contact is None
    assert complaints[0] == ("mobile", "no time zone: the number tells none; left out")
    contact, complaints = read(*cells, options=RowOptions(time_zone="UTC"))
    assert contact is not None
    assert contact.addresses[0].zones == ("UTC",)


@pytest.mark.parametrize(
    ("header", "options", "told"),
    [
        (["id", "name"], RowOptions(), "no column is called phone"),
        (["id", "phone", "Phone"], RowOptions(), "a second column is called 'phone'"),
        (["id", "", "phone"], RowOptions(), "column 2 has no name"),
        (["id", "phone", "Last Attempt Time"], RowOptions(), "'last_attempt_time', which the dialer keeps itself"),
        (["17", "+12125550101"], RowOptions(), "the first line must name the columns"),
        (["id", "x" * 41, "phone"], RowOptions(), "longer than 40"),
        (["id", "phone"], RowOptions(region="XX"), "no region 'XX'"),
        (["id", "phone"], RowOptions(time_zone="Mars"), "no such time zone"),
        (["id", "phone"], RowOptions(phone_columns=("fon",)), "no column 'fon'"),
        (["id", "phone"], RowOptions(id_column="key"), "no column 'key'"),
    ],
)
def test_columns_that_make_no_sense_are_refused_before_any_row(header: list[str], options: RowOptions, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        RowReader(header, options)


def test_columns_are_found_by_name_and_the_first_one_is_the_id() -> None:
    reader = RowReader(["Kunden-Nr.", "Telefon Büro", "Ort"], RowOptions(phone_columns=("telefon büro",)))
    assert (reader.phones, reader.attributes) == (("telefon_büro",), ("ort",))
    reader = RowReader(["phone", "contact_id", "x"], RowOptions())
    assert (reader.phones, reader.attributes) == (("phone",), ("x",))
    assert column_name("  First  Name ") == "first_name"


# --- files ----------------------------------------------------------------------------------------------------------


def rows_of(path: Path) -> tuple[list[str], list[Record]]:
    file = CsvFile(path, examine(path))
    try:
        return file.header(), list(file.records())
    finally:
        file.close()


TEXT = "id;name;phone\r\n1;Zoë;2125550101\r\n2;Ümit;2125550102\r\n"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (TEXT.encode(), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8-sig"),
        (TEXT.encode("utf-16"), "utf-16"),
        (TEXT.encode("utf-16-le"), "utf-16-le"),
        (TEXT.encode("utf-16-be"), "utf-16-be"),
        (TEXT.encode("cp1252"), "cp1252"),
        (TEXT.replace("\r\n", "\n").encode(), "utf-8"),
        (TEXT.replace("\r\n", "\r").encode(), "utf-8"),
        (("sep=;\r\n" + TEXT).encode(), "utf-8"),
        ((TEXT + "\r\n;;\r\n\r\n").encode(), "utf-8"),  # empty rows are passed over
    ],
)
def test_any_usual_encoding_and_line_end_is_read(tmp_path: Path, data: bytes, encoding: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    assert examine(path).encoding == encoding
    header, records = rows_of(path)
    assert header == ["id", "name", "phone"]
    assert [one.cells for one in records] == [["1", "Zoë", "2125550101"], ["2", "Ümit", "2125550102"]]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ":"])
def test_the_delimiter_is_found(tmp_path: Path, delimiter: str) -> None:
    path = tmp_path / "x.csv"
    path.write_text("\n".join(delimiter.join(["id", "name", '"a,b;c|d"']) for _ in range(5)))
    assert examine(path).delimiter == delimiter


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        ('2,"open,2125550102', "a quote is opened and not closed"),
        ('2,"a"b,2125550102', "a closing quote is followed by something else"),
        ('2,"' + "x" * 70_000 + '",3', "a cell is longer than 65536"),
        ("2," + "x" * 3_000_000 + ",3", "longer than 1048576 characters"),
    ],
)
def test_a_broken_row_costs_itself_and_not_those_behind_it(tmp_path: Path, damage: str, reason: str) -> None:
    good = [f"{n},name,21255501{n:02d}" for n in range(10, 60)]
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["id,name,phone", *good[:20], damage, *good[20:]]) + "\n")
    _, records = rows_of(path)
    broken = [one for one in records if one.broken]
    assert [(one.line, one.row) for one in broken] == [(22, 21)]
    assert reason in broken[0].broken
    assert [one.cells[0] for one in records if not one.broken] == [line[:2] for line in good]
    assert [one.line for one in records] == list(range(2, 53))


def test_reading_goes_on_behind_the_position_of_an_earlier_reading(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("id,phone\n" + "".join(f'{n},"two\nlines"\n\n' for n in range(9)) + '9,"open\n10,x\n')
    source = CsvSource(path=path, written=examine(path))
    with closing(source.open()) as rows:
        rows.header()
        everything = list(rows.records())
    with closing(source.open()) as rows:
        rows.header()
        reading = rows.records()
        some = [next(reading) for _ in range(4)]
        position = rows.position
    with closing(source.open(position)) as rows:
        assert rows.header() == ["id", "phone"]
        assert some + list(rows.records()) == everything
        assert rows.position["row"] == len(everything) == 11


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "shift_jis"])
def test_from_every_row_on_reading_goes_on_with_the_same_rows(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "x.csv"
    rows = "".join(f'{n},"Zo\u00eb\r\n{n}",x\n\n' if n % 3 else f"{n},open\r\n" for n in range(12))
    text = f'sep=,\nid,name,phone\n{rows}12,"no end\n13,x\n14,y\n'
    path.write_bytes(text.replace("\u00eb", "\u8a9e" if encoding == "shift_jis" else "\u00eb").encode(encoding))
    source = CsvSource(path=path, written=examine(path, encoding=encoding, delimiter=","))
    with closing(source.open()) as reading:
        assert reading.header() == ["id", "name", "phone"]
        read = [(record, json.dumps(reading.position)) for record in reading.records()]
    assert len(read) == 15
    for place, (_, position) in enumerate(read, start=1):
        with closing(source.open(json.loads(position))) as reading:
            assert reading.header() == ["id", "name", "phone"]
            assert list(reading.records()) == [record for record, _ in read[place:]]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"PK\x03\x04rest", "a spreadsheet or a zip file"),
        (b"\x1f\x8b\x08rest", "a gzip file"),
        (b'"id,phone\n1,2\n', "the first line must name the columns"),
        (b",".join(b"c%d" % n for n in range(600)) + b"\n", "600 columns"),
    ],
)
def test_what_is_no_csv_file_is_refused(tmp_path: Path, data: bytes, told: str) -> None:
    path = tmp_path / "x.csv"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=told):
        rows_of(path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no such file"):
        examine(tmp_path / "gone.csv")
    with pytest.raises(BadInput, match="cannot be read"):
        examine(tmp_path)


@given(data=st.binary(max_size=300) | st.text(alphabet='ab1,;"\n\r\t\x00', max_size=300).map(str.encode))
def test_no_bytes_make_the_reader_fail_otherwise_than_by_a_plain_message(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzz.csv"
    path.write_bytes(data)
    try:
        header, records = rows_of(path)
        reader = RowReader(header, RowOptions(phone_columns=(header[-1],)))
        for record in records:
            assert record.broken or reader.read(record.cells).complaints is not None
    except BadInput as exc:
        assert str(exc)  # noqa: PT017  being refused is one of two right outcomes


def addresses(read: ReadRow) -> list[tuple[str, str, str, tuple[str, ...]]]:
    assert read.contact is not None, read.complaints
    return [(one.name, one.channel, one.value, one.zones) for one in read.contact.addresses]


def test_an_email_column_is_an_address_and_an_attribute() -> None:
    reader = RowReader(["id", "mobile", "Email"], RowOptions())
    read = reader.read(["a1", "+12125550101", " Ann@Example.ORG "])
    assert addresses(read) == [
        ("mobile", "voice", "+12125550101", ("America/New_York",)),
        ("email", "email", "ann@example.org", ("America/New_York",)),
    ]
    assert read.contact is not None
    assert read.contact.attributes["email"] == "Ann@Example.ORG"


def test_a_row_may_have_an_email_address_alone_if_it_says_where_it_is() -> None:
    reader = RowReader(["id", "email", "time_zone"], RowOptions())
    assert addresses(reader.read(["a1", "ann@example.org", "Europe/Berlin"])) == [
        ("email", "email", "ann@example.org", ("Europe/Berlin",))
    ]
    nowhere = reader.read(["a2", "ben@example.org", ""])
    assert nowhere.contact is None
    assert [one.reason for one in nowhere.complaints] == [
        "no time zone: neither the row nor its numbers tell one; left out",
        "the row has no telephone number or email address that can be used",
    ]


@pytest.mark.parametrize("odd", ["ann", "ann@", "@example.org", "a b@example.org", "ann@example.org\nbcc: x@y.z", "a@b@c d"])
def test_what_is_no_email_address_is_left_out(odd: str) -> None:
    read = RowReader(["id", "mobile", "email"], RowOptions()).read(["a1", "+12125550101", odd])
    assert [name for name, *_ in addresses(read)] == ["mobile", "email"]
    assert addresses(read)[1][2] == "", "an address of that name is taken away"
    assert [one.column for one in read.complaints] == ["email"]
