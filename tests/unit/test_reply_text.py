"""Of an answer counts what the person wrote: the quotes, announcements and signatures of mail programs are left out."""

from __future__ import annotations

from email.message import EmailMessage

import pytest

from dialer.channels.inbound_text import reply_text

pytestmark = pytest.mark.unit

WE = "Blood Service <donate@example.org>"
OURS = "Hello Zoe,\nwill you come on Monday? Answer 1 for yes.\nSTOP ends mails.\n"
QUOTED = "".join(f"> {line}\n" for line in OURS.splitlines())
HEADERS = {
    "en": f"From: {WE}\nSent: Thursday, November 26, 2026 9:00 PM\nTo: Zoe <zoe@lab.test>\nSubject: Will you come?\n\n{OURS}",
    "de": f"Von: {WE}\nGesendet: Donnerstag, 26. November 2026 21:00\nAn: Zoe <zoe@lab.test>\nBetreff: Will you come?\n\n{OURS}",
    "fr": f"De : {WE}\nEnvoyé : jeudi 26 novembre 2026 21:00\nÀ : Zoe <zoe@lab.test>\nObjet : Will you come?\n\n{OURS}",
    "es": f"De: {WE}\nEnviado el: jueves, 26 de noviembre de 2026 21:00\nPara: Zoe <zoe@lab.test>\nAsunto: Will you?\n\n{OURS}",
}
# What stands below "Yes", by the program that wrote it.
BELOW = {
    "Gmail": f"On Thu, Nov 26, 2026 at 9:00 PM {WE} wrote:\n\n{QUOTED}",
    "Gmail, two lines": f"On Thu, Nov 26, 2026 at 9:00 PM Blood Service <\ndonate@example.org> wrote:\n\n{QUOTED}",
    "Gmail, German": f"Am Do., 26. Nov. 2026 um 21:00 Uhr schrieb Blood Service <\ndonate@example.org>:\n\n{QUOTED}",
    "Gmail, French": f"Le jeu. 26 nov. 2026 à 21:00, {WE} a\nécrit :\n\n{QUOTED}",
    "Gmail, Spanish": f"El jue, 26 nov 2026 a las 21:00, Blood Service (<donate@example.org>)\nescribió:\n\n{QUOTED}",
    "Apple Mail, French": f"> Le 26 nov. 2026 à 21:00, {WE} a écrit :\n> \n{QUOTED}",
    "iPhone": f"Sent from my iPhone\n\n> On Nov 26, 2026, at 9:00 PM, {WE} wrote:\n> \n{QUOTED}",
    "iPhone, German": f"Von meinem iPhone gesendet\n\n> Am 26.11.2026 um 21:00 schrieb {WE}:\n> \n{QUOTED}",
    "iPhone, French": f"Envoyé de mon iPhone\n\n> Le 26 nov. 2026 à 21:00, {WE} a écrit :\n> \n{QUOTED}",
    "iPhone, Spanish": f"Enviado desde mi iPhone\n\n> El 26 nov 2026, a las 21:00, {WE} escribió:\n> \n{QUOTED}",
    "Outlook": "_" * 32 + f"\n{HEADERS['en']}",
    "Outlook, German": "_" * 32 + f"\n{HEADERS['de']}",
    "Outlook, French": f"-----Message d'origine-----\n{HEADERS['fr']}",
    "Outlook, Spanish": f"-----Mensaje original-----\n{HEADERS['es']}",
    "Outlook 2016, German": f"-----Ursprüngliche Nachricht-----\n{HEADERS['de']}",
    "Galaxy, French": f"Envoyé depuis mon appareil Galaxy\n\n-------- Message d'origine --------\n{HEADERS['fr']}",
    "Thunderbird, Spanish": f"El 26/11/26 a las 21:00, Blood Service escribió:\n{QUOTED}",
    "Yahoo, German": f"    Am Donnerstag, 26. November 2026 um 21:00:00 MEZ hat {WE} Folgendes geschrieben:  \n \n {OURS}",
    "Yahoo, Spanish": f"    El jueves, 26 de noviembre de 2026, 21:00:00 CET, {WE} escribió:  \n \n {OURS}",
    "a signature": "-- \nZoe\nTel. 555\n",
}
PAGE = "<div>Yes</div>{}"
WE_ON_A_PAGE = "Blood Service &lt;donate@example.org&gt;"
PAGES = {
    "Gmail": f'<div class="gmail_quote"><div>On Thu, Nov 26, 2026 at 9:00 PM {WE_ON_A_PAGE} wrote:<br></div>'
    "<blockquote>Hello<br>STOP ends mails.</blockquote></div>",
    "Outlook": f"<hr><div><b>From:</b> {WE_ON_A_PAGE}<br><b>Sent:</b> Thursday, November 26, 2026 9:00 PM<br>"
    "<b>To:</b> Zoe &lt;zoe@lab.test&gt;<br><b>Subject:</b> Will you come?</div><div>Hello<br>STOP ends mails.</div>",
    "iPhone": f'<div>Sent from my iPhone</div><blockquote type="cite">On Nov 26, 2026, {WE_ON_A_PAGE} wrote:'
    "<br></blockquote><blockquote>Hello</blockquote>",
    "a quote that is never closed": "<blockquote>Hello<br>STOP ends mails.",
}


def mail(text: str, subtype: str = "plain") -> EmailMessage:
    made = EmailMessage()
    made.set_content(text, subtype=subtype)
    return made


@pytest.mark.parametrize("below", BELOW.values(), ids=BELOW)
def test_what_the_mail_program_added_is_left_out(below: str) -> None:
    assert reply_text(mail(f"Yes\n\n{below}")) == "Yes"


@pytest.mark.parametrize("below", PAGES.values(), ids=PAGES)
def test_the_same_of_a_page(below: str) -> None:
    assert reply_text(mail(PAGE.format(below), subtype="html")) == "Yes"


@pytest.mark.parametrize(
    "text",
    [
        "Yes, on these days:\n- Monday\n- Friday",
        "Yes\nName: Zoe\nTel: 555\nMail: zoe@lab.test",
        "I can come at 5, or write to me <zoe@lab.test>:\nwhat is better?",
        "Monday ---- or Tuesday ---- both are fine",
        "Sent from my iPhone",
        "From: my house I can be there at 5",
    ],
)
def test_what_a_person_wrote_is_all_there(text: str) -> None:
    assert reply_text(mail(text)) == text


def test_who_answers_below_the_quote_is_heard() -> None:
    assert reply_text(mail(f"On Thu, Nov 26, 2026 at 9:00 PM {WE} wrote:\n\n{QUOTED}\nSTOP\n")) == "STOP"


def test_a_mail_whose_text_is_empty_is_read_from_its_page_and_one_with_a_head_that_is_never_closed_too() -> None:
    both = mail("\n \n")
    both.add_alternative("<p>Yes</p>", subtype="html")
    assert reply_text(both) == "Yes"
    assert reply_text(mail("<head><meta><body>Yes", subtype="html")) == "Yes"
