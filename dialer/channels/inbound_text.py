"""Find what a person wrote in their answer, and leave out what their mail program quoted below it."""

from __future__ import annotations

from email.message import EmailMessage
from html.parser import HTMLParser

# What is looked at: an answer is short, and what follows is a quote. The patterns of the library take seconds for some thousand
# empty lines, and time grows faster than the text.
MAX_TEXT, MAX_LINES, MAX_LINE = 6000, 150, 500
LANGUAGES = ["en", "de", "fr", "es", "it", "nl", "pl", "sv", "da", "cs"]
_BREAKS = frozenset({"br", "p", "div", "tr", "li", "blockquote", "h1", "h2", "h3"})
_SILENT = frozenset({"script", "style", "head", "title"})


def reply_text(mail: EmailMessage) -> str:
    """The text of an answer without quotes and signatures; "" where there is none."""
    text = _plain(mail)
    from mailparser_reply import EmailReplyParser

    bounded = _bounded(text)
    found = str(EmailReplyParser(languages=LANGUAGES).parse_reply(bounded) or "")
    return _unquoted(found) or _unquoted(bounded)


def _plain(mail: EmailMessage) -> str:
    body = mail.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    content = body.get_content()
    if not isinstance(content, str):
        return ""
    return _from_html(content[: 20 * MAX_TEXT]) if body.get_content_type() == "text/html" else content


def _bounded(text: str) -> str:
    """Without what makes patterns slow: long lines, blanks at their ends, empty lines in a row."""
    kept = list[str]()
    for line in text[:MAX_TEXT].splitlines():
        short = line[:MAX_LINE].rstrip()
        if short or (kept and kept[-1]):
            kept.append(short)
    return "\n".join(kept[:MAX_LINES])


def _unquoted(text: str) -> str:
    """The lines before the first quoted one, without the line that announces it: patterns know many languages, and not all."""
    lines = text.strip().split("\n")
    first = next((place for place, line in enumerate(lines) if line.startswith(">")), None)
    if first is None:
        return text.strip()
    kept = lines[:first]
    while kept and not kept[-1].strip():
        kept.pop()
    if kept and kept[-1].rstrip().endswith(":") and any(mark.isdigit() or mark == "@" for mark in kept[-1]):
        kept.pop()
    return "\n".join(kept).strip()


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
