"""The IVR apps that ship with Outdial, one file each, and their list."""

from __future__ import annotations

from dialer.ivr_apps.announcement import announcement
from dialer.ivr_apps.appointment import appointment
from dialer.ivr_apps.blood_donation import blood_donation
from dialer.ivr_apps.connect import connect
from dialer.ivr_apps.opt_out import opt_out
from dialer.ivr_apps.press1 import press1

SHIPPED_APPS = (announcement, appointment, blood_donation, connect, opt_out, press1)

__all__ = ["SHIPPED_APPS", "announcement", "appointment", "blood_donation", "connect", "opt_out", "press1"]
