"""How long a text message is for the network, and so what it costs: its alphabet, its length, and the parts it travels in."""

from __future__ import annotations

import re
from codecs import charmap_decode
from dataclasses import dataclass
from enum import StrEnum

# 3GPP TS 23.038, table 6.2.1, in the order of the codes 0x00 to 0x7F. 0x1B is the escape to the extension, no character.
BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅå"
    "Δ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ"
    " !\"#¤%&'()*+,-./"
    "0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNO"
    "PQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmno"
    "pqrstuvwxyzäöñüà"
)
# Table 6.2.1.1: reached through the escape, and therefore worth two.
EXTENSION = {0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€"}
ESCAPE = 0x1B

_CODES = {mark: chr(code) for code, mark in enumerate(BASIC) if code != ESCAPE}
_CODES |= {mark: chr(ESCAPE) + chr(code) for code, mark in EXTENSION.items()}
_SEPTETS = str.maketrans(_CODES)
_BY_OCTET = BASIC + BASIC  # the highest bit of an octet is none of the septet's

MAX_SEGMENTS = 255  # one byte counts them


class Alphabet(StrEnum):
    """In which characters a message travels."""

    GSM7 = "GSM-7"  # the telephone networks' own: Latin letters, digits, some Greek
    UCS2 = "UCS-2"  # anything else; one emoji or one Cyrillic letter puts the whole message into it


class CentreAlphabet(StrEnum):
    """In which octets a message centre is told a text that telephones get in GSM-7: its "default alphabet"."""

    GSM = "gsm"  # the codes of GSM-7 itself, an octet for each
    LATIN_1 = "latin-1"  # which has no Greek and no €
    ASCII = "ascii"  # which has no accents either


_PLAIN = re.compile(r"[ -#%-?A-Za-z\n\r]*")  # one unit each, with the code that they have everywhere: most texts are of these
_ALL_GSM7 = re.compile(f"[{re.escape(''.join(_CODES))}]*")
_TOLD = {  # what the octets of a centre that is not told GSM-7 itself can say
    CentreAlphabet.LATIN_1: re.compile("[\x00-\xff]*"),
    CentreAlphabet.ASCII: re.compile("[\x00-\x7f]*"),
}
_DOUBLE = {  # the characters that are worth two units
    Alphabet.GSM7: re.compile(f"[{re.escape(''.join(EXTENSION.values()))}]"),
    Alphabet.UCS2: re.compile("[\U00010000-\U0010ffff]"),
}
# Units in a message that travels alone, and in each part of a longer one: its header takes 6 of 140 octets.
ROOM = {Alphabet.GSM7: (160, 153), Alphabet.UCS2: (70, 67)}


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsSize:
    """What a text is to the network. `units` are septets of GSM-7 or 16-bit units of UCS-2; `segments` is what is billed."""

    alphabet: Alphabet
    units: int
    segments: int


def alphabet_of(text: str, centre: CentreAlphabet = CentreAlphabet.GSM) -> Alphabet:
    """GSM-7 where every character has a place in it, and the centre can be told of it."""
    told = centre is CentreAlphabet.GSM or _TOLD[centre].fullmatch(text)
    return Alphabet.GSM7 if told and _ALL_GSM7.fullmatch(text) else Alphabet.UCS2


def outside_gsm7(text: str, centre: CentreAlphabet = CentreAlphabet.GSM) -> str:
    """Its characters that put it into UCS-2, each once, in their order."""
    return "".join(mark for mark in dict.fromkeys(text) if alphabet_of(mark, centre) is Alphabet.UCS2)


def size_of(text: str, centre: CentreAlphabet = CentreAlphabet.GSM) -> SmsSize:
    """The size of a text on its way through a centre. An empty text is one segment."""
    if len(text) <= ROOM[Alphabet.GSM7][0] and _PLAIN.fullmatch(text):
        return SmsSize(alphabet=Alphabet.GSM7, units=len(text), segments=1)
    alphabet = alphabet_of(text, centre)
    units = _units_of(text, alphabet)
    segments = 1 if units <= ROOM[alphabet][0] else len(segments_of(text, centre))
    return SmsSize(alphabet=alphabet, units=units, segments=segments)


def segments_of(text: str, centre: CentreAlphabet = CentreAlphabet.GSM) -> list[str]:
    """The text cut into what each segment carries. No escaped character and no surrogate pair is ever cut in two."""
    alphabet = alphabet_of(text, centre)
    alone, each = ROOM[alphabet]
    if _units_of(text, alphabet) <= alone:
        return [text]
    cut, start, filled = list[str](), 0, 0
    for place, width in enumerate(_units_of(mark, alphabet) for mark in text):
        if filled + width > each:
            cut.append(text[start:place])
            start, filled = place, 0
        filled += width
    return [*cut, text[start:]]


def to_gsm7(text: str) -> bytes:
    """One octet for each septet, unpacked, as SMPP carries them. Raises ValueError where a character has no place."""
    if _PLAIN.fullmatch(text):
        return text.encode("ascii")
    known = _ALL_GSM7.match(text)
    if known is None or known.end() < len(text):
        raise ValueError(f"{text[known.end() if known else 0]!r} is not in the GSM-7 alphabet")
    return text.translate(_SEPTETS).encode("latin-1")


def from_gsm7(septets: bytes) -> str:
    """The text of unpacked septets. An unknown extension is read as the character of the basic table, as the standard asks."""
    if ESCAPE not in septets:
        return charmap_decode(septets, "strict", _BY_OCTET)[0]
    text, escaped = list[str](), False
    for code in septets:
        if code == ESCAPE and not escaped:
            escaped = True
            continue
        basic = BASIC[code & 0x7F]
        text.append(EXTENSION.get(code, " " if code == ESCAPE else basic) if escaped else basic)
        escaped = False
    return "".join(text)


def to_centre(text: str, centre: CentreAlphabet) -> bytes:
    """The octets of a text as the centre reads them. Raises ValueError where its alphabet is UCS-2."""
    return to_gsm7(text) if centre is CentreAlphabet.GSM else text.encode(centre.value)


def from_centre(octets: bytes, centre: CentreAlphabet) -> str:
    """The text of octets in the centre's alphabet. What cannot be read becomes a replacement mark."""
    return from_gsm7(octets) if centre is CentreAlphabet.GSM else octets.decode(centre.value, errors="replace")


def _units_of(text: str, alphabet: Alphabet) -> int:
    return len(text) + len(_DOUBLE[alphabet].findall(text))
