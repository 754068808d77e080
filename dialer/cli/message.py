"""`dialer message`: see what contacts will read, and what it costs, before anybody gets it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from dialer.cli.context import Config, Org, err, opened, out, plain_errors, read_settings
from dialer.cli.rows import print_rows
from dialer.cli.strategy import read_strategy
from dialer.domain.dnc import DncKind
from dialer.domain.email_content import UNSUBSCRIBE_URL
from dialer.domain.message_template import MessageTemplate
from dialer.domain.sms_text import Alphabet, CentreAlphabet, outside_gsm7, segments_of, size_of
from dialer.domain.strategy import EmailHandler, SmsHandler, Strategy
from dialer.errors import BadInput, NotFound
from dialer.services.dnc import entry_value
from dialer.services.organisations import DEFAULT
from dialer.settings import Settings

SHOWN = 5  # characters for which a text is in UCS-2
EXAMPLE_URL = "https://dialer.example.org/u/TOKEN"

message_app = typer.Typer(help="Text messages and emails.", no_args_is_help=True)


@message_app.command("preview")
@plain_errors
def preview(
    file: Annotated[Path, typer.Argument(help="A strategy in YAML.", show_default=False)],
    state: Annotated[str, typer.Option(help="The handler; the first that writes, if not given.")] = "",
    value: Annotated[
        list[str] | None, typer.Option("--set", help="'first_name=Zoe': an attribute of the contact; may be repeated.")
    ] = None,
    config: Config = None,
) -> None:
    """Fill in the message of a strategy, and tell how many segments a text message is billed for."""
    handler = _handler(read_strategy(file, config=config).strategy, state)
    values = {UNSUBSCRIBE_URL: EXAMPLE_URL, **dict(_value(one) for one in value or ())}
    if isinstance(handler, SmsHandler):
        _warn_of_missing(values, handler.text)
        text = handler.text.fill(values)
        centre = _centre(read_settings(config), handler.gateway)
        size, parts = size_of(text, centre), segments_of(text, centre)
        out.print(text, markup=False, highlight=False, soft_wrap=True)
        marks = outside_gsm7(text, centre) if size.alphabet is Alphabet.UCS2 else ""
        because = f" (because of {' '.join(marks[:SHOWN])}{' ...' if len(marks) > SHOWN else ''})" if marks else ""
        said = f"\n{size.segments} segment(s) of {size.alphabet.value}{because}, {size.units} units"
        out.print(said, markup=False, highlight=False, soft_wrap=True)
        if len(parts) > 1:
            for number, part in enumerate(parts, start=1):
                out.print(f"  {number}: {part!r}", markup=False, highlight=False, soft_wrap=True)
        return
    templates = [one for one in (handler.subject, handler.text, handler.html) if one is not None]
    _warn_of_missing(values, *templates)
    out.print(f"Subject: {handler.subject.fill(values)}", markup=False, highlight=False, soft_wrap=True)
    for name, body in (("text", handler.text), ("html", handler.html)):
        if body is not None:
            filled = body.fill_html(values) if name == "html" else body.fill(values)
            out.print(f"\n-- {name}\n{filled}", markup=False, highlight=False, soft_wrap=True)
    for one in handler.attachments:
        out.print(f"\n-- {one.name} ({one.content_type})", markup=False, highlight=False)


@message_app.command("to")
@plain_errors
def to(
    address: Annotated[str, typer.Argument(help="A telephone number, or an email address.", show_default=False)],
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    config: Config = None,
    org: Org = DEFAULT,
) -> None:
    """Show the latest messages to an address, and what their gateways said of them."""
    settings = read_settings(config)
    value = entry_value(address, DncKind.ADDRESS, settings.numbers.region)
    with opened(org=org, settings=settings) as (store, org_id):
        found = store.read_now(lambda tx: tx.messages.history(org_id, value, limit=limit))
    table = Table("Time (UTC)", "Gateway", "From", "State", "Since", "Code", "Provider's reason", "Provider's ids")
    for one in found:
        state = one.message.state.value if one.message.state else "(not known)"
        since = f"{one.message.state_at:%m-%d %H:%M:%S}" if one.message.state_at else ""
        reason = " ".join(filter(None, (one.message.refusal, one.message.told_code, one.message.told_text)))
        when = f"{one.message.put_at:%m-%d %H:%M:%S}"
        ids = "\n".join(one.provider_ids)
        table.add_row(when, one.message.gateway, one.message.sender, state, since, one.code or "(open)", reason, ids)
    print_rows(table, "nothing was written to this address")


def _handler(strategy: Strategy, state: str) -> SmsHandler | EmailHandler:
    for one in strategy.handlers:
        if isinstance(one, SmsHandler | EmailHandler) and state in ("", one.state):
            return one
    raise NotFound(f"no handler{f' with the state {state!r}' if state else ''} writes to anybody in {strategy.name!r}")


def _centre(settings: Settings, gateway: str) -> CentreAlphabet:
    """The alphabet of the gateway that a handler names, or of the usual one."""
    chosen = next((one for one in settings.sms_gateway if gateway in ("", one.name)), None)
    return CentreAlphabet(chosen.default_alphabet) if chosen else CentreAlphabet.GSM


def _value(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name.strip():
        raise BadInput(f"{text!r} is no attribute", where="--set", mend="for example first_name=Zoe")
    return name.strip(), value


def _warn_of_missing(values: dict[str, str], *templates: MessageTemplate) -> None:
    missing = sorted({name for one in templates for name in one.missing(values)})
    if missing:
        err.print(f"without a value here: {', '.join(missing)} (--set)", style="yellow", markup=False, highlight=False)
