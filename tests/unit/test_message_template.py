"""A contact's data fills a message, and never changes what the message is."""

from __future__ import annotations

import pytest

from dialer.domain.email_content import Attachment, EmailContent
from dialer.domain.message_template import MessageTemplate, header_safe
from dialer.errors import BadInput

pytestmark = pytest.mark.unit


def test_blanks_are_filled_once_and_values_are_never_looked_into() -> None:
    template = MessageTemplate("Hello ${first_name}, ${city} needs you. ${first_name}!")
    assert template.names == {"first_name", "city"}
    assert template.fill({"first_name": "${city}", "city": "Bonn"}) == "Hello ${city}, Bonn needs you. ${city}!"
    assert template.fill({}) == "Hello ,  needs you. !"
    assert template.missing({"first_name": " ", "city": "Bonn"}) == ["first_name"]


@pytest.mark.parametrize("value", ["{0}", "{first_name.__class__}", "%(city)s", "$city", "{{7*7}}", "<%= 1 %>", "\\1", "${"])
def test_no_value_is_a_command(value: str) -> None:
    assert MessageTemplate("a${x}b").fill({"x": value}) == f"a{value}b"


def test_in_html_a_value_is_text_and_no_structure() -> None:
    page = MessageTemplate('<a title="${t}">${t}</a>')
    assert "<script>" not in page.fill_html({"t": '"><script>alert(1)</script>'})
    assert page.fill_html({"t": "R&D <1>"}) == '<a title="R&amp;D &lt;1&gt;">R&amp;D &lt;1&gt;</a>'


def test_a_blank_that_is_not_closed_is_refused_when_the_text_is_read() -> None:
    for text in ("Hello ${name", "${}", "${a${b}}", "${" + "x" * 65 + "}"):
        with pytest.raises(BadInput, match=r"write \$\{attribute\}"):
            MessageTemplate(text)


@pytest.mark.parametrize("mark", ["\r", "\n", "\0", "\x0b", "\x85", "\u2028", "\u2029", "\ud800", "\t"])
def test_a_header_takes_one_line_of_text(mark: str) -> None:
    with pytest.raises(BadInput, match="the subject"):
        header_safe(f"Hello{mark}Bcc: everybody@example.org", "the subject")
    assert header_safe("Grüße 😀", "the subject") == "Grüße 😀"


def test_a_mail_has_something_to_read_and_attachments_have_a_name_and_a_type() -> None:
    with pytest.raises(BadInput, match="nothing to read"):
        EmailContent(subject=MessageTemplate("x"))
    for name, kind in (("", "text/plain"), ("a.pdf", "pdf"), ("a\r\nb", "text/plain"), ("a", "text/plain; x=y")):
        with pytest.raises(BadInput):
            Attachment(name=name, content_type=kind, data=b"")
    both = EmailContent(subject=MessageTemplate("${a}"), text=MessageTemplate("${b}"), html=MessageTemplate("${c}"))
    assert both.names == {"a", "b", "c"}
