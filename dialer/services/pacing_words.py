"""How people write a campaign's pacing: its kind, and its knobs one by one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any, TypeVar

from dialer.domain.agent import KeysTold
from dialer.domain.inbound_plan import Blend
from dialer.domain.pacing_plan import (
    AbandonCount,
    BudgetWindow,
    EcrWatch,
    Pacing,
    PacingKind,
    PredictiveStyle,
    StartPoint,
)
from dialer.errors import BadInput
from dialer.services.agents import parse_skills
from dialer.services.pacing_plans import check_pacing

Chosen = TypeVar("Chosen", bound=StrEnum)
NONE = ("", "none", "off")
YES = {"yes": True, "on": True, "no": False, "off": False}


def parse_pacing(kind: str | None, knobs: Collection[str], before: Pacing | None = None) -> Pacing:
    """Read "predictive" and "wrap-up = 30", "abandon = 2.5", ...; what is not given stays as it was. Raises BadInput."""
    pacing = before or Pacing()
    if kind is not None:
        pacing = replace(pacing, kind=_one_of(PacingKind)(kind, "pacing"))
    for text in knobs:
        word, sign, value = text.partition("=")
        key = "-".join(word.split()).casefold()
        if not sign or key not in _KNOBS:
            raise BadInput(
                f"{text!r} is no knob of a pacing", where="knob", mend=f"one of: {', '.join(f'{one}=' for one in _KNOBS)}"
            )
        part, field, read = _KNOBS[key]
        given = {field: read(" ".join(value.split()), key)}
        pacing = replace(pacing, **(given if not part else {part: replace(getattr(pacing, part), **given)}))
    check_pacing(pacing)
    return pacing


def _one_of(kind: type[Chosen]) -> Callable[[str, str], Chosen]:
    def read(text: str, where: str) -> Chosen:
        wanted = text.casefold().replace(" ", "_").replace("-", "_")
        for one in kind:
            if one.value.replace("-", "_") == wanted:
                return one
        raise BadInput(f"{text!r}", where=where, mend=f"one of: {', '.join(one.value.replace('_', ' ') for one in kind)}")

    return read


def _number(text: str, where: str) -> float:
    try:
        return float(text.removesuffix("%").removesuffix(" s").strip())
    except ValueError as exc:
        raise BadInput(f"{text!r} is no number", where=where, mend="for example 2.5") from exc


def _whole(text: str, where: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise BadInput(f"{text!r} is no whole number", where=where, mend="for example 2")
    return int(text)


def _seconds_or_none(text: str, where: str) -> float | None:
    return None if text.casefold() in ("", "none", "off", "unlimited") else _number(text, where)


def _number_or_none(text: str, where: str) -> float | None:
    return None if text.casefold() in NONE else _number(text, where)


def _yes(text: str, where: str) -> bool:
    if text.casefold() not in YES:
        raise BadInput(f"{text!r}", where=where, mend="yes or no")
    return YES[text.casefold()]


def _text(text: str, where: str) -> str:
    return text


def _skills(text: str, where: str) -> dict[str, int]:
    return parse_skills([_with_level(one) for one in text.split(",") if one.strip()])


def _with_level(text: str) -> str:
    name, _, level = text.strip().rpartition(" ")
    return f"{name}={level}" if name and level.isdigit() else text


def _names(text: str, where: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _names_or_none(text: str, where: str) -> tuple[str, ...]:
    return () if text.casefold() in NONE else tuple(dict.fromkeys(_names(text, where)))


def _wholes_or_none(text: str, where: str) -> tuple[int, ...]:
    return () if text.casefold() in NONE else tuple(_whole(one.strip(), where) for one in text.split(","))


def _numbers_or_none(text: str, where: str) -> tuple[float, ...]:
    return () if text.casefold() in NONE else tuple(_number(one.strip(), where) for one in text.split(","))


_KNOBS: Mapping[str, tuple[str, str, Callable[[str, str], Any]]] = {  # as people write it -> part, field, reader
    "style": ("", "style", _one_of(PredictiveStyle)),
    "lines-per-agent": ("", "lines_per_agent", _number),
    "least-ring": ("", "least_ring_s", _seconds_or_none),
    "service-level": ("level", "percent", _number_or_none),
    "answer-within": ("level", "within_s", _number),
    "abandon": ("budget", "percent", _number),
    "abandon-window": ("budget", "window", _one_of(BudgetWindow)),
    "abandon-start": ("budget", "start", _one_of(StartPoint)),
    "abandon-threshold": ("budget", "threshold_s", _number),
    "abandon-count": ("budget", "count", _one_of(AbandonCount)),
    "abandon-mistaken": ("budget", "mistaken_share", _number),
    "abandon-group": ("budget", "group", _text),
    "abandon-credit": ("budget", "credit", _yes),
    "watch": ("ratio", "watch", _one_of(EcrWatch)),
    "first-hit-rate": ("ratio", "first_hit_rate", _number),
    "least-hit-rate": ("ratio", "least_hit_rate", _number),
    "most-hit-rate": ("ratio", "most_hit_rate", _number),
    "samples": ("ratio", "samples", _whole),
    "preview": ("", "preview_s", _seconds_or_none),
    "cancel-preview": ("", "can_cancel_preview", _yes),
    "zip-tone": ("", "zip_tone", _yes),
    "wrap-up": ("", "wrap_up_s", _seconds_or_none),
    "extension": ("", "extension_s", _number),
    "extensions": ("", "extensions_most", _whole),
    "default-code": ("", "default_code", _text),
    "script": ("", "script", _text),
    "keys": ("", "keys", _one_of(KeysTold)),
    "nuisance-message": ("", "nuisance_message", _text),
    "skills": ("", "skills", _skills),
    "agents": ("", "agents", _names),
    "inbound": ("inbound", "queues", _names_or_none),
    "inbound-levels": ("inbound", "levels", _wholes_or_none),
    "inbound-waits": ("inbound", "waits_s", _numbers_or_none),
    "blend": ("inbound", "blend", _one_of(Blend)),
    "blend-after": ("inbound", "blend_after_s", _number),
    "blend-back": ("inbound", "blend_back_s", _number),
}
