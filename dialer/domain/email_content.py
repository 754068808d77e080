"""What an email says, the same for all contacts of a job: texts with blanks for their attributes, and attachments."""

from __future__ import annotations

import re
from dataclasses import dataclass

from dialer.domain.message_template import MessageTemplate, header_safe
from dialer.errors import BadInput

UNSUBSCRIBE_URL = "unsubscribe_url"  # the blank for the address at which one click stops the mails; no attribute of a contact
CONTENT_TYPE = re.compile(r"[a-z0-9][a-z0-9.+-]{0,63}/[a-z0-9][a-z0-9.+-]{0,126}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file that goes with every mail."""

    name: str
    content_type: str  # such as application/pdf
    data: bytes

    def __post_init__(self) -> None:
        header_safe(self.name, "the name of an attachment")
        if not self.name.strip() or not CONTENT_TYPE.match(self.content_type):
            raise BadInput(
                f"{self.name!r} is {self.content_type!r}",
                where="an attachment",
                mend="a name, and a type such as application/pdf",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailContent:
    """A mail before it is anybody's. With `html`, `text` is what is shown where HTML is not; each may stand alone."""

    subject: MessageTemplate
    text: MessageTemplate | None = None
    html: MessageTemplate | None = None
    attachments: tuple[Attachment, ...] = ()
    sender: str = ""  # such as `Blood Service <donate@example.org>`; the gateway's own where it is empty

    def __post_init__(self) -> None:
        header_safe(self.subject.text, "the subject")
        header_safe(self.sender, "the sender")
        if not self.text and not self.html:
            raise BadInput("there is nothing to read in it", where="an email", mend="give it a text, HTML, or both")

    @property
    def names(self) -> frozenset[str]:
        """The attributes that it wants."""
        return frozenset().union(*(part.names for part in (self.subject, self.text, self.html) if part))
