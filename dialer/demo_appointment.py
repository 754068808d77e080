"""The appointment campaign from end to end: calls, text messages and mails, answers on all of them, one goal."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from dialer.demo import Demo, Expected, Sample, Seen, expected_of_call, lab_settings
from dialer.domain.attempt import Attempt
from dialer.domain.channel import Channel
from dialer.domain.codes import CustomCode, SystemCode
from dialer.domain.message_state import MessageState
from dialer.domain.received import AnswerState
from dialer.lab.behaviours import INTERESTED, NOT_INTERESTED
from dialer.lab.gateway_process import GatewayProcess
from dialer.lab.lab import Lab
from dialer.lab.message_behaviours import GatewayFault, MessageBehaviour, message_behaviour_of
from dialer.lab.ports import free_ports
from dialer.settings import Settings

CONFIRMED, ANOTHER_DAY = "Confirmed", "Wants Another Day"
GOAL = 5  # confirmations: one call, three text messages, one mail

APPOINTMENT = Sample(
    name="appointment",
    campaign="Appointments",
    contact_list="Patients",
    contacts="samples/appointments.csv",
    strategy="strategies/appointment_demo.yaml",
    codes=(
        CustomCode(name=CONFIRMED, description="said 1", is_rpc=True, is_success=True, is_closure=True),
        CustomCode(name=ANOTHER_DAY, description="said 2, or a day", is_rpc=True, is_closure=True),
    ),
    finish_after={CONFIRMED: GOAL},
    writes=True,
)
KEYS = {INTERESTED: CONFIRMED, NOT_INTERESTED: ANOTHER_DAY}  # the same keys in another campaign
ANSWERS = {"1": CONFIRMED, "2": ANOTHER_DAY, "STOP": SystemCode.OPTED_OUT}


class AppointmentDemo(Demo):
    """A lab with gateways, a dialer, and the sample campaign."""

    @classmethod
    def settings_for(cls, lab: Lab, data_dir: Path) -> Settings:
        """Those of the lab, its Twilio and its mail server; where answers go, the lab is told here."""
        if lab.gateways is None:
            raise AssertionError("a lab for messages has gateways")
        ports = free_ports()
        web, lmtp = ports.web, ports.control
        lab.gateways.tell(
            "/answers", {"sms_url": f"http://127.0.0.1:{web}/hooks/twilio/lab/inbound", "lmtp": f"127.0.0.1:{lmtp}"}
        )
        return lab_settings(lab, data_dir, **_sections(lab.gateways, web, lmtp))

    async def seen_otherwise(self) -> Sequence[Seen]:
        """What the gateways accepted; our own answers are no attempts, and each of them was sent once."""
        gateways = self.lab.gateways if isinstance(self.lab, Lab) else None
        truth = [] if gateways is None else gateways.truth()
        received = await self.store.read(lambda tx: tx.received(None).after(0, limit=10_000))
        answers = {str(one.answer_id) for one in received if one.answer_state is AnswerState.SENT}
        kept = list[Seen]()
        for one in truth:
            if one["event"] != "accepted":
                continue
            if one["attempt_id"] in answers:  # the first time; one that went out twice is seen
                answers.remove(str(one["attempt_id"]))
            else:
                kept.append(Seen(attempt_id=str(one["attempt_id"]), address=str(one["to"])))
        return kept

    def expected(self, attempt: Attempt) -> Expected:
        """By the ending of the number or of the mailbox's name."""
        if attempt.channel is Channel.VOICE:
            called = expected_of_call(attempt)
            return Expected(code=KEYS.get(called.code, called.code))
        return _expected_of_message(attempt.channel, message_behaviour_of(attempt.address))


def _expected_of_message(channel: Channel, row: MessageBehaviour) -> Expected:
    by_sms = channel is Channel.SMS
    if row.fault is GatewayFault.BARRED:
        return Expected(code=SystemCode.OPTED_OUT, times=0)
    if row.fault is GatewayFault.REFUSED:
        return Expected(code=SystemCode.SMS_REJECTED if by_sms else SystemCode.EMAIL_BOUNCED, times=0)
    if row.state is None or row.state.failed:
        if row.state is MessageState.EXPIRED and not by_sms:
            return Expected(code=SystemCode.EMAIL_SENT)  # a warning of delay, and no more
        return Expected(code=SystemCode.SMS_FAILED if by_sms else SystemCode.EMAIL_BOUNCED)
    if row.replies in ANSWERS:
        return Expected(code=ANSWERS[row.replies])
    if row.automatic and by_sms:
        return Expected(code=SystemCode.NO_MATCH)  # a text message does not say that a machine wrote it
    return Expected(code=SystemCode.SMS_DELIVERED if by_sms else SystemCode.EMAIL_SENT)


def _sections(gateways: GatewayProcess, web: int, lmtp: int) -> dict[str, object]:
    plan, ports = gateways.plan, gateways.ports
    return {
        "web": {"listen": f"127.0.0.1:{web}", "public_url": f"http://127.0.0.1:{web}"},
        "messages": {"secret": secrets.token_hex(32), "sms_wait_s": 10, "email_wait_s": 2},
        "replies": {"names": {"default": "The practice"}},
        "sms_gateway": [
            {
                "name": "lab",
                "type": "twilio",
                "account_sid": plan["account_sid"],
                "secret": plan["auth_token"],
                "api_url": gateways.twilio_url,
                "sender": "+15550199999",
                "max_per_s": 50,
            }
        ],
        "email_gateway": [
            {
                "name": "mail",
                "host": "127.0.0.1",
                "port": ports.smtp,
                "security": "none",
                "sender": "The practice <practice@outdial.test>",
                "answers_domain": "outdial.test",
                "lmtp": f"127.0.0.1:{lmtp}",
            }
        ],
    }
