"""All commands of `dialer` together."""

from __future__ import annotations

import typer

from dialer.cli.agent import agent_app
from dialer.cli.attempts import attempts
from dialer.cli.callbacks import callbacks_app
from dialer.cli.campaign import campaign_app
from dialer.cli.codes import codes_app
from dialer.cli.config import check_config, init
from dialer.cli.contacts import contacts_app
from dialer.cli.demo import demo
from dialer.cli.dnc import dnc_app
from dialer.cli.export import export_app
from dialer.cli.inbox import inbox_app
from dialer.cli.ivr import ivr_app_cli
from dialer.cli.lab import lab_app
from dialer.cli.message import message_app
from dialer.cli.migrate import migrate
from dialer.cli.organisation import organisation_app
from dialer.cli.pacing import pacing_app
from dialer.cli.publish import publish_app
from dialer.cli.retention import retention_app
from dialer.cli.rules import rules_app
from dialer.cli.serve import serve
from dialer.cli.simulate import simulate_floor
from dialer.cli.strategy import strategy_app
from dialer.cli.switch import switch_app
from dialer.cli.why import why

app = typer.Typer(
    help="Outdial: an outbound dialer and IVR server on Asterisk.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
)

app.command()(demo)
app.command()(init)
app.command("check-config")(check_config)
app.command()(migrate)
app.command()(serve)
app.command()(attempts)
app.command()(why)
app.command("simulate")(simulate_floor)
app.add_typer(organisation_app, name="organisation")
app.add_typer(agent_app, name="agent")
app.add_typer(campaign_app, name="campaign")
app.add_typer(contacts_app, name="contacts")
app.add_typer(callbacks_app, name="callbacks")
app.add_typer(codes_app, name="codes")
app.add_typer(dnc_app, name="dnc")
app.add_typer(message_app, name="message")
app.add_typer(pacing_app, name="pacing")
app.add_typer(publish_app, name="publish")
app.add_typer(retention_app, name="retention")
app.add_typer(rules_app, name="rules")
app.add_typer(strategy_app, name="strategy")
app.add_typer(export_app, name="export")
app.add_typer(inbox_app, name="inbox")
app.add_typer(ivr_app_cli, name="ivr")
app.add_typer(lab_app, name="lab")
app.add_typer(switch_app, name="switch")
