"""Read the headers of mails as the world writes them: what no rule allows is text, and never the end of reading."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    _Policy = EmailPolicy[EmailMessage]
else:
    _Policy = EmailPolicy


def guessed(octets: bytes) -> str:
    """Text whose encoding is not said, or is none that we know: UTF-8 where it is that, else what most old programs write."""
    try:
        return octets.decode()
    except UnicodeDecodeError:
        return octets.decode("cp1252", errors="replace")


class LenientPolicy(_Policy):
    """The library's parsers of single headers fail in many ways on what comes: a mail without its opt-out would be the price."""

    def header_fetch_parse(self, name: str, value: Any) -> Any:
        """The header as the library reads it, or else its plain text."""
        if isinstance(value, str) and not value.isascii():  # octets of no declared encoding stand in it as surrogates
            value = guessed(value.encode("ascii", "surrogateescape")) if _is_octets(value) else value
        try:
            return super().header_fetch_parse(name, value)
        except Exception:  # noqa: BLE001 - IndexError, AttributeError, ValueError, and whatever comes with the next version
            return " ".join(str(value).split())


def _is_octets(value: str) -> bool:
    return all(mark < "\x80" or "\udc80" <= mark <= "\udcff" for mark in value)


LENIENT = LenientPolicy()
