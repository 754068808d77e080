"""What all tables of the settings share: they are frozen, strict about their keys, and silent about secrets."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,39}$")]
LISTEN = r"(\[[0-9a-fA-F:.]+\]|[^:\s\[\]]+):\d{1,5}"
LISTEN_OR_NOT = rf"^({LISTEN})?$"
Listen = Annotated[str, StringConstraints(pattern=rf"^{LISTEN}$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A table of the file: frozen, and strict about its keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, hide_input_in_errors=True)
