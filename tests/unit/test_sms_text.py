"""A text's alphabet, length and segments are what the network bills."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dialer.domain.sms_text import (
    BASIC,
    ESCAPE,
    EXTENSION,
    ROOM,
    Alphabet,
    CentreAlphabet,
    alphabet_of,
    from_centre,
    from_gsm7,
    outside_gsm7,
    segments_of,
    size_of,
    to_centre,
    to_gsm7,
)

pytestmark = pytest.mark.unit

GSM7, UCS2 = Alphabet.GSM7, Alphabet.UCS2
ANY_GSM7 = "".join(mark for mark in BASIC if mark != "\x1b") + "".join(EXTENSION.values())


@pytest.mark.parametrize(
    ("text", "alphabet", "units", "segments"),
    [
        # The limits as 3GPP TS 23.038 and 23.040 give them and providers publish them.
        ("", GSM7, 0, 1),
        ("x" * 160, GSM7, 160, 1),
        ("x" * 161, GSM7, 161, 2),
        ("x" * 306, GSM7, 306, 2),  # 2 * 153
        ("x" * 307, GSM7, 307, 3),
        ("x" * 1530, GSM7, 1530, 10),
        ("я" * 70, UCS2, 70, 1),
        ("я" * 71, UCS2, 71, 2),
        ("я" * 134, UCS2, 134, 2),  # 2 * 67
        ("я" * 135, UCS2, 135, 3),
        # The ten characters that are worth two.
        ("€" * 80, GSM7, 160, 1),
        ("€" * 81, GSM7, 162, 2),
        ("^{}\\[~]|€\f", GSM7, 20, 1),
        # One character outside of the alphabet turns the whole message.
        ("x" * 69 + "ç", UCS2, 70, 1),  # Ç is in it, ç is not
        ("x" * 70 + "ç", UCS2, 71, 2),
        ("x" * 160 + "’", UCS2, 161, 3),  # a typographic apostrophe, the usual surprise
        ("ÄÖÜäöüß à é è ù ì ò Ñ ñ ¿ ¡ § £ ¥ ¤ Δ Ω", GSM7, 39, 1),
        # An emoji is two units, and is not cut in two.
        ("😀" * 35, UCS2, 70, 1),
        ("😀" * 36, UCS2, 72, 2),
        ("😀" * 67, UCS2, 134, 3),  # 33 in each part, because 67 is odd
    ],
)
def test_a_text_is_as_long_as_the_standard_says(text: str, alphabet: Alphabet, units: int, segments: int) -> None:
    size = size_of(text)
    assert (size.alphabet, size.units, size.segments) == (alphabet, units, segments)


@pytest.mark.parametrize(
    ("text", "latin_1", "ascii_only"),
    [
        ("x" * 160, (GSM7, 160, 1), (GSM7, 160, 1)),
        ("x" * 159 + "{", (GSM7, 161, 2), (GSM7, 161, 2)),  # telephones get GSM-7, where a brace is worth two
        ("x" * 159 + "ü", (GSM7, 160, 1), (UCS2, 160, 3)),
        ("x" * 69 + "€", (UCS2, 70, 1), (UCS2, 70, 1)),  # in GSM-7, and in neither of the two
        ("x" * 69 + "Δ", (UCS2, 70, 1), (UCS2, 70, 1)),
        ("x" * 70 + "ç", (UCS2, 71, 2), (UCS2, 71, 2)),  # in Latin-1, but no telephone can be told it in GSM-7
        ("x" * 70 + "`", (UCS2, 71, 2), (UCS2, 71, 2)),
    ],
)
def test_what_a_centre_of_another_alphabet_cannot_be_told_goes_in_ucs_2(
    text: str, latin_1: tuple[Alphabet, int, int], ascii_only: tuple[Alphabet, int, int]
) -> None:
    for centre, expected in ((CentreAlphabet.LATIN_1, latin_1), (CentreAlphabet.ASCII, ascii_only)):
        size = size_of(text, centre)
        assert (size.alphabet, size.units, size.segments) == expected
        assert len(segments_of(text, centre)) == size.segments
        assert bool(outside_gsm7(text, centre)) == (size.alphabet is UCS2)


@given(st.text(max_size=200), st.sampled_from(CentreAlphabet))
def test_what_goes_to_a_centre_in_its_alphabet_comes_back_from_it(text: str, centre: CentreAlphabet) -> None:
    if alphabet_of(text, centre) is GSM7:
        assert from_centre(to_centre(text, centre), centre) == text


def test_an_escaped_character_at_the_edge_goes_whole_into_the_next_segment() -> None:
    assert [len(part) for part in segments_of("x" * 152 + "€" + "y" * 10)] == [152, 11]
    assert size_of("x" * 152 + "€" + "x" * 151 + "€").segments == 3  # two septets more than its length would need


@pytest.mark.parametrize(
    ("text", "septets"),
    [
        ("@", "00"),
        ("$", "02"),
        ("_", "11"),
        (" ", "20"),
        ("¡", "40"),
        ("§", "5f"),
        ("¿", "60"),
        ("à", "7f"),
        ("\n", "0a"),
        ("^", "1b14"),
        ("{", "1b28"),
        ("}", "1b29"),
        ("\\", "1b2f"),
        ("[", "1b3c"),
        ("~", "1b3d"),
        ("]", "1b3e"),
        ("|", "1b40"),
        ("€", "1b65"),
        ("Hi €5", "4869201b6535"),
    ],
)
def test_the_table_is_the_published_one(text: str, septets: str) -> None:
    assert to_gsm7(text).hex() == septets
    assert from_gsm7(bytes.fromhex(septets)) == text


def test_an_unknown_extension_is_read_as_its_basic_character_and_an_open_escape_is_nothing() -> None:
    assert from_gsm7(bytes((ESCAPE, ord("a"), ord("b"), ESCAPE))) == "ab"
    with pytest.raises(ValueError, match="'ç'"):
        to_gsm7("ça")


@given(st.one_of(st.text(alphabet=ANY_GSM7, max_size=1000), st.text(max_size=600)))
def test_the_segments_are_the_text_and_each_of_them_fits(text: str) -> None:
    parts = segments_of(text)
    assert "".join(parts) == text
    whole = size_of(text)
    alone, each = ROOM[whole.alphabet]
    if whole.alphabet is GSM7:
        sizes = [len(to_gsm7(part)) for part in parts]
        assert from_gsm7(to_gsm7(text)) == text
    else:
        sizes = [len(part.encode("utf-16-be", "surrogatepass")) // 2 for part in parts]
    assert whole.units == sum(sizes)
    assert max(sizes) <= (alone if len(parts) == 1 else each)
    assert len(parts) == 1 or whole.units > alone
