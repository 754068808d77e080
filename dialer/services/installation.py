"""Refuse what this installation is not for."""

from __future__ import annotations

from dialer.domain.installation import InstallationMode, forbidden
from dialer.domain.pacing_plan import Pacing
from dialer.domain.strategy import Strategy
from dialer.errors import BadInput


def check_mode(mode: InstallationMode, pacing: Pacing, strategy: Strategy) -> None:
    """Raises BadInput for a campaign that cannot be run in this mode."""
    if because := forbidden(mode, pacing, {handler.channel for handler in strategy.handlers}):
        raise BadInput(because, where="[agents] mode", mend=f"it is {mode.value} in the settings")
