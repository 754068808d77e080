"""Find every mistake of the settings at once, and say for each where it stands and how to mend it."""

from __future__ import annotations

import difflib
import ipaddress
import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from dialer.settings.messages import message_checks
from dialer.settings.sources import LISTS, PREFIX, At, KeyLines, dotted, mistake

# What was expected where pydantic's own words, made for programmers, would not help.
_EXPECTED = {
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
    "tuple_type": "must be a list: [...]",
    "time_parsing": 'must be a time of day: "03:30"',
    "time_type": 'must be a time of day: "03:30"',
    "missing": "is missing",
    "finite_number": "must be a finite number",
}
_PATTERNS = {  # the key -> what its pattern means
    "listen": 'must be "host:port" (port 0 = any free one)',
    "advertise": 'must be "host:port"',
    "caller_id": 'must be a number in E.164: "+15550100"',
    "region": 'must be a country code of two capital letters: "US"',
    "lmtp": 'must be "host:port"',
    "public_url": "must be a web address without a path: https://dialer.example.org",
    "api_url": "must be a web address without a path",
    "url": "must be a web address: https://example.org/results",
    "level": "must be debug, info, warning or error",
    "language": 'must be a language code: "en", "pt-BR"',
    "name": "must begin with a letter or digit and hold only letters, digits and . _ - (40 at most)",
    "switch": "must be the name of a [[switch]]",
    "origins": 'must be the beginning of a web address: "https://desk.example.org"',
    "endpoint": "must be the name of a PJSIP endpoint: letters, digits and . _ -",
    "username": "must be one line of text",
    "host_key": 'must be a public key as `ssh-keyscan` shows it behind the name: "ssh-ed25519 AAAA..."',
}


def explain(
    error: ValidationError, model: type[BaseModel], raw: Mapping[str, Any], lines: KeyLines, origins: Mapping[At, str]
) -> list[str]:
    """pydantic's findings in plain words. A value is never repeated: it may be a secret."""
    found = []
    for one in error.errors(include_url=False, include_context=True, include_input=False):
        at: At = tuple(one["loc"])
        found.append(mistake(lines.where(at, origins), _explained(at, one, model)))
    return found


def _explained(at: At, one: ErrorDetails, model: type[BaseModel]) -> str:
    kind, context = one["type"], one.get("ctx", {})
    key = next((str(part) for part in reversed(at) if isinstance(part, str)), "")
    match kind:
        case "extra_forbidden":
            return "unknown key" + _suggest(key, _keys_of(model, at[:-1]))
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"must be a table: [{dotted(at)}]"
        case "tuple_type" if at[-1:] and at[-1] in LISTS:
            return f"must be a list of tables: write [[{key}]]"
        case "string_pattern_mismatch":
            return _PATTERNS.get(key, f"must match {context.get('pattern')}")
        case "enum":
            return f"must be {context.get('expected')}"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            limit = next(value for name, value in context.items() if name in ("gt", "ge", "lt", "le"))
            words = {"greater_than": "more than", "greater_than_equal": "at least", "less_than": "less than"}
            return f"must be {words.get(kind, 'at most')} {limit:g}"
        case _:
            return _EXPECTED.get(kind) or one["msg"][:1].lower() + one["msg"][1:]


def _keys_of(model: type[BaseModel], at: At) -> list[str]:
    """The keys that the table at that place may have."""
    current: type[BaseModel] = model
    for part in at:
        if isinstance(part, int):
            continue
        field = current.model_fields.get(part)
        inner = None if field is None else _model_in(field)
        if inner is None:
            return []
        current = inner
    return [field.alias or name for name, field in current.model_fields.items() if name != "root"]


def _model_in(field: FieldInfo) -> type[BaseModel] | None:
    kinds = (field.annotation, *get_args(field.annotation))
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _suggest(word: str, known: list[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known here: {', '.join(known)})" if known else ""


def cross_checks(raw: Mapping[str, Any]) -> Iterator[tuple[At, str]]:
    """What one key alone cannot tell. Reads the raw tables, so that it also runs when other keys are wrong."""
    yield from _name_checks(raw)
    for index, switch in _entries(raw.get("switch")):
        yield from _switch_checks(index, switch)
    for index, server in _entries(raw.get("sftp")):
        yield from _sftp_checks(index, server)
    for index, target in _entries(raw.get("publish")):
        yield from _target_checks(index, target)
    yield from message_checks(raw)
    for section in ("ivr", "pdc", "agents", "web"):
        yield from _listen_checks(section, raw.get(section))
    for section, key in (("numbers", "default_time_zone"), ("retention", "time_zone")):
        yield from _zone_checks(section, key, raw.get(section))


def _name_checks(raw: Mapping[str, Any]) -> Iterator[tuple[At, str]]:
    switches = _names(raw.get("switch"))
    for section in LISTS:
        names = _names(raw.get(section))
        for index, name in enumerate(names):
            if name and name in names[:index]:
                yield (section, index, "name"), f"a second [[{section}]] is called {name!r}: names are unique"
    for index, trunk in _entries(raw.get("trunk")):
        named = trunk.get("switch")
        if isinstance(named, str) and named not in switches:
            known = f" (there is {', '.join(sorted(filter(None, switches)))})" if any(switches) else " (there is no [[switch]])"
            yield ("trunk", index, "switch"), f"names the switch {named!r}, which does not exist{known}"


def _switch_checks(index: int, switch: Mapping[str, Any]) -> Iterator[tuple[At, str]]:
    if not switch.get("secret") and "secret_file" not in switch:
        yield ("switch", index, "secret"), f"is missing (or secret_file, or the variable {_variable('switch', switch)})"
    elif re.search(r"[\r\n]", str(switch.get("secret", ""))):
        yield ("switch", index, "secret"), "must be one line of text"
    host = switch.get("host", "127.0.0.1")
    if isinstance(host, str) and not _is_true(switch.get("allow_remote")) and not _is_loopback(host):
        yield ("switch", index, "host"), _remote("the manager interface is not encrypted")


def _sftp_checks(index: int, server: Mapping[str, Any]) -> Iterator[tuple[At, str]]:
    if not server.get("secret") and not {"secret_file", "key_file"} & server.keys():
        yield ("sftp", index, "secret"), f"is missing (or secret_file, key_file, or the variable {_variable('sftp', server)})"
    if ("host_key" in server) == ("known_hosts" in server):
        what = "either host_key or known_hosts, not both" if "host_key" in server else "is missing (or known_hosts)"
        yield ("sftp", index, "host_key"), f"{what}: files are fetched from no server whose key is not known before"


def _listen_checks(section: str, table: object) -> Iterator[tuple[At, str]]:
    if not isinstance(table, Mapping):
        return
    for key in ("listen", "advertise"):
        value = table.get(key)
        if not isinstance(value, str) or not (found := re.fullmatch(r"(.+):(\d{1,5})", value)):
            continue
        if int(found[2]) > 65535:
            yield (section, key), "a port is at most 65535"
        if key == "listen" and not _is_true(table.get("allow_remote")) and not _is_loopback(found[1].strip("[]")):
            yield (section, key), _remote("it is not encrypted")


def _zone_checks(section: str, key: str, table: object) -> Iterator[tuple[At, str]]:
    zone = table.get(key) if isinstance(table, Mapping) else None
    if isinstance(zone, str) and zone and zone not in (zones := available_timezones()):
        close = difflib.get_close_matches(zone, zones, n=1)
        yield (section, key), "no such time zone" + (f" (did you mean {close[0]!r}?)" if close else "")


def _target_checks(index: int, target: Mapping[str, Any]) -> Iterator[tuple[At, str]]:
    url = target.get("url")
    if bool(url) == bool(target.get("file")):
        yield ("publish", index, "url"), "either a url or a file, not both" if url else "is missing (or file)"
    if not url or not isinstance(url, str):
        return
    if not target.get("secret") and "secret_file" not in target:
        yield ("publish", index, "secret"), f"is missing (or secret_file, or the variable {_variable('publish', target)})"
    host = urlsplit(url).hostname or ""
    if url.startswith("http://") and not _is_true(target.get("allow_insecure")) and not _is_loopback(host):
        what = "must begin with https://, as results name people (or set allow_insecure = true on a private network)"
        yield ("publish", index, "url"), what


def _entries(value: object) -> list[tuple[int, dict[str, Any]]]:
    return [(index, one) for index, one in enumerate(value) if isinstance(one, dict)] if isinstance(value, list) else []


def _variable(section: str, table: Mapping[str, Any]) -> str:
    """The variable of the environment that holds the secret of a table with this name."""
    return f"{PREFIX}{section.upper()}__{str(table.get('name', 'NAME')).upper().replace('-', '_')}__SECRET"


def _names(value: object) -> list[str]:
    return [str(one.get("name", "")) for _, one in _entries(value)]


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.lower() in ("true", "1", "yes", "on"))


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _remote(why: str) -> str:
    return f"must be an address of this machine itself, as {why} (or set allow_remote = true on a private network)"
