"""Find what a person wrote in their answer, and leave out what their mail program quoted below it."""

from __future__ import annotations

import codecs
from email.message import EmailMessage, Message
from html.parser import HTMLParser

from dialer.channels.mail_policy import guessed
from dialer.channels.reply_quotes import above_quote, below_quote, without_signature

# What is looked at: an answer is short, and what follows is a quote. The patterns of the library take seconds for some thousand
# empty lines, and time grows faster than the text.
MAX_TEXT, MAX_LINES, MAX_LINE = 6000, 150, 500
MAX_OCTETS = 20 * MAX_TEXT  # of a page or a text that are decoded
LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pl", "sv", "da", "cs"]
# Text encodings of the language's own library that no mail is in, and that would be slow or refuse to guess.
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "unicode-escape", "raw-unicode-escape"}
)
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "blockquote", "h1", "h2", "h3"})
_SILENT = frozenset({"script", "style", "head", "title"})


def reply_text(mail: EmailMessage) -> str:
    """The text of an answer without quotes and signatures; "" where there is none."""
    text = _bounded(_plain(mail))
    from mailparser_reply import EmailReplyParser

    upper = above_quote(text)
    found = str(EmailReplyParser(languages=LANGUAGES).parse_reply(upper) or "") if upper else ""
    written = above_quote(found) or upper or below_quote(text) or ("" if text.lstrip().startswith(">") else text)
    return without_signature(written)


def _plain(mail: EmailMessage) -> str:
    """The text part, or that of the page where the other says nothing."""
    for kind in ("plain", "html"):
        body = mail.get_body(preferencelist=(kind,))
        text = "" if body is None else _decoded(body)
        if kind == "html":
            text = _from_html(text)
        if text.strip():
            return text
    return ""


def _decoded(part: Message) -> str:
    """Its characters. An encoding that we do not know, or that is not told, is no reason to refuse what a person wrote."""
    octets = part.get_payload(decode=True)
    if not isinstance(octets, bytes):
        return ""
    octets, charset = octets[:MAX_OCTETS], part.get_content_charset("us-ascii")
    try:
        if charset in ("us-ascii", "ascii") or codecs.lookup(charset).name in _NO_CHARSETS:
            return guessed(octets)
        return octets.decode(charset, errors="replace")
    except (LookupError, ValueError):
        return guessed(octets)


def _bounded(text: str) -> str:
    """Without what makes patterns slow: long lines, blanks at their ends, empty lines in a row."""
    kept = list[str]()
    for line in text[:MAX_TEXT].splitlines():
        short = line[:MAX_LINE].rstrip()
        if short or (kept and kept[-1]):
            kept.append(short)
    return "\n".join(kept[:MAX_LINES])


class _Text(HTMLParser):
    """Collects the text of a page; quotes of mail programs are marked as quotes."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.silent = 0
        self.quoted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _SILENT:
            self.silent += 1
        if tag == "body":  # ends a head that nobody closed
            self.silent = 0
        if tag == "blockquote":
            self.quoted += 1
        if tag in _BREAKS:
            self.pieces.append("\n" + "> " * min(self.quoted, 5))

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self.silent = max(0, self.silent - 1)
        if tag == "blockquote":
            self.quoted = max(0, self.quoted - 1)
            self.pieces.append("\n")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.pieces.append(" ".join(data.split()) + (" " if data[-1:].isspace() else ""))


def _from_html(page: str) -> str:
    parser = _Text()
    parser.feed(page)
    parser.close()
    return "".join(parser.pieces).strip()
