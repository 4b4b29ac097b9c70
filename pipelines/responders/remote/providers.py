"""The providers that are known by name: where they answer, in which form, and in which country they are at home."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

ProviderName = Literal["ollama", "compatible", "openai", "huggingface", "gemini", "anthropic"]
FormName = Literal["openai", "anthropic"]
KeyName = Literal["openai", "anthropic", "google", "huggingface", "other"]

OWN_NETWORK = "the operator's own network"
"""What a consent names as the country of hosts at private addresses."""


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider: its name for people, its addresses, the form of its messages, and what of it has another name.

    `addresses` are empty where the operator names the hosts. `country` is where its company is at home: an operator
    whose contract names another sets `engines.remote.country`. `key` is the setting below `engines.remote.keys`.
    """

    label: str
    form: FormName
    key: KeyName
    addresses: tuple[str, ...] = ()
    country: str = ""
    needs_key: bool = True
    # What limits the length of an answer.
    limit_field: str = "max_tokens"
    # The path that Ollama's own addresses lack.
    path: str = ""


PROVIDERS: dict[ProviderName, Provider] = {
    "ollama": Provider("Ollama", "openai", "other", needs_key=False, path="/v1"),
    "compatible": Provider("an OpenAI-compatible server", "openai", "other", needs_key=False),
    "openai": Provider(
        "OpenAI",
        "openai",
        "openai",
        ("https://api.openai.com/v1",),
        "the United States",
        # Newer models of OpenAI refuse `max_tokens`.
        limit_field="max_completion_tokens",
    ),
    "huggingface": Provider(
        "Hugging Face", "openai", "huggingface", ("https://router.huggingface.co/v1",), "the United States"
    ),
    "gemini": Provider(
        "Google Gemini",
        "openai",
        "google",
        ("https://generativelanguage.googleapis.com/v1beta/openai",),
        "the United States",
    ),
    "anthropic": Provider(
        "Anthropic", "anthropic", "anthropic", ("https://api.anthropic.com/v1",), "the United States"
    ),
}

KEYS: tuple[KeyName, ...] = get_args(KeyName)
