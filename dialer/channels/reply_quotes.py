"""Cut off what a mail program adds to an answer by itself: the quote, the line that announces it, and "Sent from my phone"."""

from __future__ import annotations

import re

WRAPPED = 3  # lines over which an announcement may run
# "-----Original Message-----", "-------- Message d'origine --------": in whatever language.
_RULE = re.compile(r"\s*-{4,}\s?[^\s-][^-]{2,40}[^\s-]\s?-{4,}\s*\Z")
# "Am Donnerstag, 26. November 2026 um 21:00 schrieb Blood Service <donate@example.org>:"
_ANNOUNCED = re.compile(r"(?=.*\d)[^\W\d_]{1,6}\b.*<\s?[^<>\s]+@[^<>\s]+>.*:\Z")
_SENT_FROM = re.compile(
    r"(sent (from|with|via) |get outlook for |von mein\w+ .{2,60} gesendet|gesendet (von|mit|aus) |holen sie sich outlook"
    r"|envoyé (de|depuis|avec|à partir) |télécharge\w+ outlook|obtene\w+ outlook|obtenga outlook|enviado (desde|con|de) "
    r"|inviato (da|con) |scarica outlook|verzonden (vanaf|met|via) |wysłan\w+ (z|za) |skickat från |skickades från |sendt fra "
    r"|odesláno z |enviado do )",
    re.IGNORECASE,
)


def above_quote(text: str) -> str:
    """The lines before the first quoted one, without those that announce it: patterns know many languages, and not all."""
    lines = text.strip().split("\n")
    for place, line in enumerate(lines):
        if line.startswith(">"):
            return "\n".join(_without_announcement(lines[:place])).strip()
        if _RULE.match(line):
            return "\n".join(lines[:place]).strip()
        if line.rstrip().endswith(":") and (first := _announced(lines, place)) is not None:
            return "\n".join(lines[:first]).strip()
    return text.strip()


def below_quote(text: str) -> str:
    """What stands under the last quoted line: where some people answer."""
    lines = text.strip().split("\n")
    last = max((place for place, line in enumerate(lines) if line.startswith(">")), default=None)
    return "" if last is None else "\n".join(lines[last + 1 :]).strip()


def without_signature(text: str) -> str:
    """Without what stands under "-- ", and without a last line that tells the telephone from which it was sent."""
    lines = text.split("\n")
    cut = next((place for place, line in enumerate(lines) if place and line.rstrip() == "--"), len(lines))
    kept = "\n".join(lines[:cut]).rstrip().split("\n")
    if len(kept) > 1 and _SENT_FROM.match(kept[-1].strip()):
        kept.pop()
    return "\n".join(kept).strip()


def _announced(lines: list[str], last: int) -> int | None:
    """Where the announcement begins that ends with this line; mail programs cut a long one into several."""
    for first in range(last, max(-1, last - WRAPPED), -1):
        if not lines[first].strip():
            return None
        if _ANNOUNCED.match(" ".join(line.strip() for line in lines[first : last + 1])):
            return first
    return None


def _without_announcement(lines: list[str]) -> list[str]:
    """The line right above a quote that ends in a colon and holds a date or an address."""
    kept = list(lines)
    while kept and not kept[-1].strip():
        kept.pop()
    if kept and kept[-1].rstrip().endswith(":") and any(mark.isdigit() or mark == "@" for mark in kept[-1]):
        kept.pop()
    return kept
