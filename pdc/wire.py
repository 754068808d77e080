"""How the contract's words look as JSON, for the client and for whoever serves it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pdc.contract import (
    BadValue,
    CallbackRefused,
    CompletionCode,
    Contact,
    NoSession,
    PdcError,
    Session,
    UnassociatedCode,
    UnknownAttribute,
    UnknownCode,
    UnknownContact,
    Unreachable,
)

PREFIX = "/pdc/v1/"
MAX_BODY = 64 * 1024  # bytes of one request or answer

ERRORS: Mapping[str, type[PdcError]] = {
    error.kind: error
    for error in (
        *(NoSession, UnknownCode, UnassociatedCode, UnknownAttribute, UnknownContact),
        *(BadValue, CallbackRefused, Unreachable, PdcError),
    )
}


class Malformed(ValueError):
    """The other side does not speak this contract."""


def text_of(table: Mapping[str, Any], name: str, default: str | None = None) -> str:
    """A text field; raises Malformed where it is missing without a default, or is not text."""
    value = table.get(name, default)
    if not isinstance(value, str):
        raise Malformed(f"{name} must be text")
    return value


def contact_to_json(contact: Contact) -> dict[str, Any]:
    """A contact as JSON."""
    return {
        "user_contact_id": contact.user_contact_id,
        "address": contact.address,
        "language": contact.language,
        "time_zone": contact.time_zone,
        "attributes": dict(contact.attributes),
    }


def contact_from_json(table: Any) -> Contact:
    """A contact from JSON; raises Malformed."""
    given = _object(table, "contact")
    return Contact(
        user_contact_id=text_of(given, "user_contact_id"),
        address=text_of(given, "address"),
        language=text_of(given, "language", "en"),
        time_zone=text_of(given, "time_zone", ""),
        attributes=_texts(given.get("attributes", {}), "attributes"),
    )


def code_to_json(code: CompletionCode) -> dict[str, Any]:
    """A completion code as JSON."""
    return {"name": code.name, "kind": code.kind, "description": code.description}


def codes_from_json(rows: Any) -> tuple[CompletionCode, ...]:
    """Completion codes from JSON; raises Malformed."""
    if not isinstance(rows, list):
        raise Malformed("codes must be a list")
    given = [_object(row, "code") for row in rows]
    return tuple(
        CompletionCode(
            name=text_of(row, "name"), kind=text_of(row, "kind", "custom"), description=text_of(row, "description", "")
        )
        for row in given
    )


def value_from_json(table: Any) -> str:
    """An attribute's value from JSON; raises Malformed."""
    return text_of(_object(table, "value"), "value")


def flag_from_json(table: Any) -> bool:
    """A yes or no from JSON; raises Malformed."""
    value = _object(table, "answer").get("value")
    if not isinstance(value, bool):
        raise Malformed("value must be true or false")
    return value


def number_of(table: Any, name: str = "value") -> int:
    """A whole number from JSON; raises Malformed."""
    value = _object(table, "answer").get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise Malformed(f"{name} must be a whole number")
    return value


def moment_of(table: Mapping[str, Any], name: str) -> datetime | None:
    """A moment in ISO 8601, with its offset or without; None where it is missing. Raises Malformed."""
    text = text_of(table, name, "")
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError as exc:
        raise Malformed(f"{name} must be a moment such as 2026-05-11T18:00:00+03:00") from exc


def texts_of(table: Mapping[str, Any], name: str) -> dict[str, str]:
    """A table of texts from JSON; raises Malformed."""
    return _texts(table.get(name, {}), name)


def session_to_json(session: Session) -> dict[str, Any]:
    """A session as JSON."""
    return {
        "attempt_id": session.attempt_id,
        "campaign": session.campaign,
        "job_id": session.job_id,
        "app": session.app,
        "answered_by": session.answered_by,
        "contact": contact_to_json(session.contact),
        "parameters": dict(session.parameters),
        "codes": [code_to_json(code) for code in session.codes],
    }


def session_from_json(table: Any) -> Session:
    """A session from JSON; raises Malformed."""
    given = _object(table, "session")
    job_id = given.get("job_id")
    if not isinstance(job_id, int):
        raise Malformed("job_id must be a whole number")
    return Session(
        attempt_id=text_of(given, "attempt_id"),
        campaign=text_of(given, "campaign"),
        job_id=job_id,
        app=text_of(given, "app"),
        answered_by=text_of(given, "answered_by"),
        contact=contact_from_json(given.get("contact")),
        parameters=_texts(given.get("parameters", {}), "parameters"),
        codes=codes_from_json(given.get("codes", [])),
    )


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Malformed(f"{what} must be an object")
    return value


def _texts(value: Any, what: str) -> dict[str, str]:
    table = _object(value, what)
    if not all(isinstance(text, str) for text in table.values()):
        raise Malformed(f"{what} must hold text")
    return table
