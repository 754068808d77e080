"""Turn what people write as a telephone number into one that can be dialled, and say where that telephone may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers import NumberParseException, ValidationResult, timezone

from dialer.services.plain_numbers import plain_number

MAX_CHARACTERS = 40
_UNKNOWN_ZONE = "Etc/Unknown"

# Other ways to write the signs of a number. Digits of other scripts are not among them: a number that we cannot show
# back to its owner in the form in which it will be dialled is better refused.
_SAME_SIGN = str.maketrans(
    {
        **{chr(0xFF10 + digit): str(digit) for digit in range(10)},  # full-width digits
        "＋": "+",
        "（": "(",
        "）": ")",
        "．": ".",
        "／": "/",
        **dict.fromkeys("－‐‑‒–—−", "-"),
        **dict.fromkeys("\u00a0\u3000\u2007\u202f\u2009", " "),
        **dict.fromkeys("\u200e\u200f\u202a\u202c\u2060\ufeff", None),  # marks that come along when a number is pasted
    }
)
_WRITTEN = re.compile(r"\+?[0-9 ().\-/]+")
_SEPARATORS = str.maketrans("", "", " ().-/")
_NANP = re.compile(r"(?:\+?1)?([2-9][0-9]{2}[2-9][0-9]{2})([0-9]{4})")  # North America: +1 NXX NXX XXXX
_E164 = re.compile(r"\+[0-9]{3,15}")
_FLOAT = re.compile(r"[0-9]{7,15}\.0")  # a number that went through a spreadsheet or a data frame as 15551234567.0
_SCIENTIFIC = re.compile(r"[0-9][.,]?[0-9]*[eE]\+?[0-9]{1,2}")

_REASONS = {
    ValidationResult.IS_POSSIBLE_LOCAL_ONLY: "too short: the area code is missing",
    ValidationResult.TOO_SHORT: "too short",
    ValidationResult.TOO_LONG: "too long",
    ValidationResult.INVALID_LENGTH: "no number there has this length",
    ValidationResult.INVALID_COUNTRY_CODE: "there is no such country code",
}


@dataclass(frozen=True, slots=True)
class PhoneNumber:
    """A number in E.164 with its plus sign, and the IANA time zones in which its telephone may be (none = unknown)."""

    e164: str
    zones: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NoNumber:
    """Not a number that can be dialled."""

    reason: str


def normalise(raw: str, default_region: str = "US", *, strict: bool = False) -> PhoneNumber | NoNumber:
    """Read a number; one without a country code belongs to `default_region`.

    A number is accepted when its length is possible; with `strict` only when it lies in a range that is really given out.
    """
    text = raw.strip(" ")
    if not text:
        return NoNumber("empty")
    if len(text) > MAX_CHARACTERS:
        return NoNumber(f"longer than {MAX_CHARACTERS} characters")
    if not _WRITTEN.fullmatch(text):
        text = text.translate(_SAME_SIGN).strip(" ")
        if not _WRITTEN.fullmatch(text):
            return NoNumber(_what_is_wrong(text))
    if _FLOAT.fullmatch(text):
        text = text[:-2]
    digits = text.translate(_SEPARATORS)
    if not strict and (default_region in _NANP_REGIONS or digits.startswith("+1")) and (found := _NANP.fullmatch(digits)):
        return PhoneNumber(f"+1{found[1]}{found[2]}", nanp_zones(found[1]))
    if not strict and (plain := plain_number(digits, default_region)) is not None:
        return PhoneNumber(*plain)
    return _by_library(digits, default_region, strict)


_NANP_REGIONS = frozenset(phonenumbers.COUNTRY_CODE_TO_REGION_CODE[1])


def plain_nanp(raw: str, default_region: str = "US") -> tuple[str, str] | None:
    """The first six and last four digits of a North American number, when it is one at a glance: a short cut of `normalise`."""
    digits = raw.translate(_SEPARATORS)
    found = _NANP.fullmatch(digits)
    if found is None or len(raw) > MAX_CHARACTERS or raw.rstrip(" ").endswith(".0"):  # through a data frame, perhaps
        return None
    if digits[0] == "+":
        if raw[0] != "+":
            return None
    elif default_region not in _NANP_REGIONS:
        return None
    return found[1], found[2]


def known_region(region: str) -> bool:
    """Whether this is a country code that numbers can belong to: "US", "GB"."""
    return region in phonenumbers.SUPPORTED_REGIONS


def _what_is_wrong(text: str) -> str:
    if any(ord(one) < 32 or ord(one) == 127 for one in text):
        return "holds a control character"
    if _SCIENTIFIC.fullmatch(text):
        return "a spreadsheet has rounded it: give the column the format text, and export again"
    if any(one.isalpha() for one in text):
        return "holds letters"
    if "," in text or ";" in text:
        return "more than one number, or a pause: one number only"
    if "+" in text[1:]:
        return "a plus sign may stand at the beginning only"
    return "holds signs that do not belong to a number"


def _by_library(digits: str, region: str, strict: bool) -> PhoneNumber | NoNumber:
    try:
        number = phonenumbers.parse(digits, region)
    except NumberParseException as exc:
        if exc.error_type == NumberParseException.INVALID_COUNTRY_CODE:
            return NoNumber(
                f"no country code, and {region!r} is no region" if not known_region(region) else "no such country code"
            )
        return NoNumber("too long" if exc.error_type == NumberParseException.TOO_LONG else "too short")
    length = phonenumbers.is_possible_number_with_reason(number)
    if length != ValidationResult.IS_POSSIBLE:
        return NoNumber(_REASONS.get(length, "not a possible number"))
    if strict and not phonenumbers.is_valid_number(number):
        return NoNumber("no such number is given out there")
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    if not _E164.fullmatch(e164):
        return NoNumber("not a possible number")
    return PhoneNumber(e164, _zones(number))


def _zones(number: phonenumbers.PhoneNumber) -> tuple[str, ...]:
    """Where the telephone may be; a number that nobody has given out is taken by its area code."""
    zones = timezone.time_zones_for_number(number)
    if zones == (_UNKNOWN_ZONE,):
        zones = timezone.time_zones_for_geographical_number(number)
    return tuple(zone for zone in zones if zone != _UNKNOWN_ZONE)


@lru_cache(maxsize=10_000)
def nanp_zones(prefix: str) -> tuple[str, ...]:
    """By the first six digits: the zone data of North America know no finer division (a test holds us to that)."""
    return _zones(phonenumbers.PhoneNumber(country_code=1, national_number=int(prefix + "2345")))
