"""A short cut for the numbers of countries with simple rules: what the library says, without asking it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from phonenumbers.tzdata import TIMEZONE_DATA

_MAX_DIGITS = 15
_LONGEST_CODE = 3


@dataclass(frozen=True, slots=True)
class _Country:
    """What is known of a country whose numbers are plain: no rules but their length, and at home perhaps a 0 before them."""

    code: str
    lengths: frozenset[int]  # of national numbers
    zones: tuple[str, ...]
    abroad: re.Pattern[str]  # how a number of another country begins there
    national: re.Pattern[str]
    zero: bool  # a 0 comes before national numbers at home


def plain_number(digits: str, default_region: str) -> tuple[str, tuple[str, ...]] | None:
    """A number without separators in E.164, and its zones; None for everything that is not plain (ask the library)."""
    if digits.startswith("+"):
        for length in range(1, _LONGEST_CODE + 1):
            if (country := _plain(digits[1 : 1 + length])) is not None:
                national = digits[1 + length :]
                fits = len(national) in country.lengths and national[0] != "0"
                return (digits, country.zones) if fits else None
        return None
    country = _plain_home(default_region)
    if country is None or country.abroad.match(digits):
        return None
    national = digits[1:] if country.zero and digits.startswith("0") else digits
    if len(national) not in country.lengths or national[0] == "0" or not country.national.fullmatch(national):
        return None
    return f"+{country.code}{national}", country.zones


@lru_cache(maxsize=1024)
def _plain_home(region: str) -> _Country | None:
    code = phonenumbers.country_code_for_region(region)
    if not code or phonenumbers.region_code_for_country_code(code) != region:
        return None
    return _plain(str(code))


@lru_cache(maxsize=2048)
def _plain(code: str) -> _Country | None:
    """Plain is a country with one time zone, and whose numbers are the same in every way of writing them but for a first 0."""
    if not code.isdecimal() or int(code) not in phonenumbers.COUNTRY_CODE_TO_REGION_CODE:
        return None
    region = phonenumbers.region_code_for_country_code(int(code))
    about = phonenumbers.PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    zones = [found for prefix, found in TIMEZONE_DATA.items() if prefix.startswith(code)]
    if about is None or about.general_desc is None or region == phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY:
        return None
    if about.national_prefix_for_parsing not in (None, "0") or about.national_prefix_transform_rule or len(zones) != 1:
        return None
    possible = set(about.general_desc.possible_length) - set(about.general_desc.possible_length_local_only)
    return _Country(
        code=code,
        lengths=frozenset(length for length in possible if 1 < length <= _MAX_DIGITS - len(code)),
        zones=tuple(zones[0]),
        abroad=re.compile(about.international_prefix or "(?!)"),
        national=re.compile(about.general_desc.national_number_pattern or "(?!)"),
        zero=about.national_prefix_for_parsing == "0",
    )
