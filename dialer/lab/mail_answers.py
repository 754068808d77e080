"""What people and mail servers write back to a mail: answers with a quote, machines that are out of office, bounces."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage, Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

DOMAIN = "lab.test"
BOUNCES = {  # action, status (RFC 3463), words
    "no mailbox": ("failed", "5.1.1", "550 5.1.1 <{to}>: no such mailbox"),
    "rejected": ("failed", "5.7.1", "550 5.7.1 message rejected by the recipient's server"),
    "delayed": ("delayed", "4.4.1", "451 4.4.1 connection timed out; still trying"),
    "delivered": ("delivered", "2.0.0", "250 2.0.0 ok"),
}


def reply_to(mail: EmailMessage, person: str, text: str, *, automatic: bool) -> bytes:
    """A person's answer, with the mail below it as mail programs quote it; or a machine's."""
    answer = EmailMessage(policy=SMTP)
    answer["From"] = person
    answer["To"] = str(mail.get("Reply-To") or mail["From"])
    answer["Subject"] = f"Re: {mail['Subject']}"
    answer["Date"] = format_datetime(datetime.now(UTC))
    answer["Message-ID"] = make_msgid(domain=DOMAIN)
    answer["In-Reply-To"] = answer["References"] = str(mail["Message-ID"])
    if automatic:
        answer["Auto-Submitted"] = "auto-replied"
        answer.set_content(text + "\n")
        return answer.as_bytes()
    body = mail.get_body(preferencelist=("plain", "html"))
    quoted = "\n".join(f"> {line}" for line in str(body.get_content() if body else "").splitlines())
    answer.set_content(f"{text}\n\nOn {mail['Date']}, {mail['From']} wrote:\n{quoted}\n")
    return answer.as_bytes()


def bounce_of(mail: Message, envelope_sender: str, person: str, kind: str) -> bytes:
    """A delivery status notification as RFC 3464 has it, to the sender of the envelope."""
    action, status, words = BOUNCES[kind]
    report = MIMEMultipart("report", policy=SMTP)
    report.set_param("report-type", "delivery-status")
    report["From"] = f"MAILER-DAEMON@{DOMAIN}"
    report["To"] = envelope_sender
    report["Subject"] = "Delivery Status Notification"
    report["Date"] = format_datetime(datetime.now(UTC))
    report["Message-ID"] = make_msgid(domain=DOMAIN)
    report["Auto-Submitted"] = "auto-replied"
    report.attach(MIMEText(f"Your message to {person}: {action}.\n\n{words.format(to=person)}\n", policy=SMTP))
    fields = Message(policy=SMTP)
    fields.set_type("message/delivery-status")
    of_server, of_person = Message(policy=SMTP), Message(policy=SMTP)
    of_server["Reporting-MTA"] = f"dns; mx.{DOMAIN}"
    of_person["Final-Recipient"] = f"rfc822; {person}"
    of_person["Action"] = action
    of_person["Status"] = status
    of_person["Diagnostic-Code"] = f"smtp; {words.format(to=person)}"
    fields.set_payload([of_server, of_person])
    report.attach(fields)
    report.attach(MIMEMessage(mail, policy=SMTP))
    return report.as_bytes()
