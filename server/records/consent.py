"""What a candidate agreed to before a role-play: the version and the very words that were shown."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from common.errors import ProtocolError
from pipelines.events import ConsentGiven


class _Remote(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    provider: str = Field(min_length=1, max_length=80)
    country: str = Field(min_length=1, max_length=80)


class _Consent(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    version: str = Field(min_length=1, max_length=32)
    text: str = Field(min_length=1, max_length=2_000)
    # To whose language model what is said may go; the text that was shown names both.
    remote: _Remote | None = None


def read_consent(value: object, *, required: bool = False) -> ConsentGiven | None:
    """Return the consent in a request to open a session, None where there is none; raises ProtocolError."""
    if value is None:
        if required:
            raise ProtocolError(
                'this server records nobody who was not asked: send consent as {"version": "...", "text": "the words '
                'that were shown"}',
                code="session.consent",
                http_status=403,
            )
        return None
    try:
        given = _Consent.model_validate(value)
    except ValidationError:
        raise ProtocolError(
            'send consent as {"version": "...", "text": "the words that were shown"}, or leave it out',
            code="session.fields",
        ) from None
    if given.remote is None:
        return ConsentGiven(given.version, given.text)
    provider, country = given.remote.provider, given.remote.country
    if provider not in given.text or country not in given.text:
        raise ProtocolError(
            "the consent's text must name the provider and the country that its remote names",
            code="session.fields",
        )
    return ConsentGiven(given.version, given.text, provider, country)
