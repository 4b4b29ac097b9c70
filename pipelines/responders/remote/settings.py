"""Settings of the remote mind: whom it asks, how long it waits, and what it may spend."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from pipelines.responders.remote.providers import ProviderName


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RemoteKeys(_Part):
    """The providers' keys; each may come from a file."""

    openai: SecretStr | None = Field(default=None, description="Key for OpenAI; a key alone sends nothing anywhere.")
    openai_file: Path | None = Field(default=None, description="File that holds engines.remote.keys.openai.")
    anthropic: SecretStr | None = Field(default=None, description="Key for Anthropic.")
    anthropic_file: Path | None = Field(default=None, description="File that holds engines.remote.keys.anthropic.")
    google: SecretStr | None = Field(default=None, description="Key for Google Gemini.")
    google_file: Path | None = Field(default=None, description="File that holds engines.remote.keys.google.")
    huggingface: SecretStr | None = Field(
        default=None, description="Token for Hugging Face's router; the one for downloads is not used."
    )
    huggingface_file: Path | None = Field(default=None, description="File that holds engines.remote.keys.huggingface.")
    other: SecretStr | None = Field(
        default=None, description="Key for the hosts of Ollama or of a compatible server, if they want one."
    )
    other_file: Path | None = Field(default=None, description="File that holds engines.remote.keys.other.")


class RemoteWaits(_Part):
    """How long the remote mind is waited for, and how often it is asked."""

    connect_s: float = Field(default=2.0, gt=0, le=30, description="Seconds to wait for a connection.")
    first_token_s: float = Field(
        default=2.5,
        gt=0,
        le=60,
        description="Seconds to wait for a host's first words; then another one is asked. After twice as long the "
        "card's words are said.",
    )
    idle_s: float = Field(
        default=3.0, gt=0, le=60, description="Seconds without anything new in an answer, then another host is asked."
    )
    whole_s: float = Field(
        default=10.0,
        gt=0,
        le=100,
        description="Seconds for a whole reply with all tries; then the card's words finish it. Keep it below "
        "conversation.respond_timeout_ms.",
    )
    tries: int = Field(default=4, ge=1, le=10, description="Most requests for one reply, over all hosts.")
    backoff_ms: float = Field(
        default=150, ge=0, le=5_000, description="Milliseconds before a host is asked again; doubled with each try."
    )
    open_after: int = Field(
        default=3, ge=1, le=100, description="Failures in a row after which a host is left alone for a while."
    )
    open_s: float = Field(
        default=15.0,
        ge=0.1,
        le=3_600,
        description="Seconds for which such a host is left alone.",
    )


class RemoteBudget(_Part):
    """What the remote mind may spend; 0 means no limit."""

    day_tokens: int = Field(default=5_000_000, ge=0, description="Most tokens in a day (UTC), 0: no limit.")
    session_tokens: int = Field(default=150_000, ge=0, description="Most tokens in one session, 0: no limit.")
    day_cost: float = Field(default=0.0, ge=0, description="Most money in a day (UTC), 0: no limit; needs the prices.")
    session_cost: float = Field(default=0.0, ge=0, description="Most money in one session, 0: no limit.")
    price_in: float = Field(default=0.0, ge=0, description="Price of a million tokens of prompt, in your currency.")
    price_out: float = Field(default=0.0, ge=0, description="Price of a million tokens of answer, in your currency.")
    alert_share: float = Field(
        default=0.8, gt=0, le=1, description="Share (0 to 1) of a budget from which the log warns once."
    )


class RemoteSettings(_Part):
    """Whom the remote mind asks; nothing is asked unless the responder is `remote`."""

    provider: Literal["auto"] | ProviderName = Field(
        default="auto",
        description="Who words the replies. auto: the only one whose key or hosts are set.",
    )
    model: str = Field(default="", description="Name of the model at the provider, e.g. `llama3.2:3b`.")
    ollama_hosts: tuple[str, ...] = Field(
        default=(), description="Hosts of Ollama, e.g. `http://10.0.0.5:11434`; the one with least to do is asked."
    )
    hosts: tuple[str, ...] = Field(
        default=(),
        description="Addresses to ask instead of the provider's own, up to and with `/v1`; `compatible` needs them.",
    )
    country: str = Field(
        default="",
        max_length=80,
        description="Country where the text is processed, for the consent; empty: the provider's own.",
    )
    max_tokens: int = Field(default=120, ge=8, le=4_096, description="Most tokens of a reply.")
    temperature: float | None = Field(
        default=None, ge=0, le=2, description="How freely the model words; empty: the provider's default."
    )
    keys: RemoteKeys = Field(default_factory=RemoteKeys)
    waits: RemoteWaits = Field(default_factory=RemoteWaits)
    budget: RemoteBudget = Field(default_factory=RemoteBudget)
