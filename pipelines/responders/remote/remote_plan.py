"""Whom a remote mind asks, as the settings stand: which provider and model, at which hosts, with which key."""

from __future__ import annotations

from dataclasses import dataclass, field

from common.errors import EngineError
from pipelines.responders.remote.allowed_addresses import Address, may_be_private, read_address
from pipelines.responders.remote.providers import KEYS, OWN_NETWORK, PROVIDERS, KeyName, Provider, ProviderName
from pipelines.responders.remote.settings import RemoteSettings

_KEY_VARIABLES: dict[KeyName, str] = {
    "openai": "OPENAI_API_KEY",
    "anthropic": "ANTHROPIC_API_KEY",
    "google": "LLM__GOOGLE_API_KEY",
    "huggingface": "INTERLOCUTOR__ENGINES__REMOTE__KEYS__HUGGINGFACE",
    "other": "INTERLOCUTOR__ENGINES__REMOTE__KEYS__OTHER",
}


@dataclass(frozen=True, slots=True)
class RemotePlan:
    """A provider, its hosts, and what the consent says of them; the key is never shown."""

    name: ProviderName
    provider: Provider
    model: str
    addresses: tuple[Address, ...]
    country: str
    settings: RemoteSettings
    key: str = field(default="", repr=False)

    @property
    def label(self) -> str:
        """The provider's name for people."""
        return self.provider.label

    @property
    def shown(self) -> str:
        """Who answers, where and in which country, in a line."""
        hosts = ", ".join(str(address.origin) for address in self.addresses)
        return f"{self.model} by {self.label} at {hosts} ({self.country})"


def plan_remote(settings: RemoteSettings) -> RemotePlan:
    """Return whom to ask; raises EngineError that names the setting that is missing or wrong."""
    name = _provider(settings)
    provider = PROVIDERS[name]
    if not settings.model:
        raise EngineError(
            f"engines.remote.model: name the model that {provider.label} is to answer with (MASTER_MODEL_NAME)",
            code="engine.unavailable",
        )
    secret = getattr(settings.keys, provider.key)
    key = secret.get_secret_value().strip() if secret is not None else ""
    if provider.needs_key and not key:
        raise EngineError(
            f"engines.remote.keys.{provider.key}: {provider.label} needs a key; set {_KEY_VARIABLES[provider.key]}, "
            f"or engines.remote.keys.{provider.key}_file",
            code="engine.unavailable",
        )
    if not key.isascii() or not key.isprintable():
        raise EngineError(
            f"engines.remote.keys.{provider.key}: holds characters that no key has; copy it again",
            code="engine.unavailable",
        )
    addresses = _addresses(name, settings)
    country = settings.country.strip() or provider.country or _own_network(addresses)
    if not country:
        raise EngineError(
            "engines.remote.country: name the country where the text is processed, for the candidate's consent",
            code="engine.unavailable",
        )
    return RemotePlan(name, provider, settings.model, addresses, country, settings, key)


def configured(settings: RemoteSettings) -> list[ProviderName]:
    """Return the providers that something is set for."""
    found: list[ProviderName] = []
    if settings.ollama_hosts:
        found.append("ollama")
    if settings.hosts:
        found.append("compatible")
    with_key = {key for key in KEYS if getattr(settings.keys, key) is not None}
    return found + [name for name, provider in PROVIDERS.items() if provider.needs_key and provider.key in with_key]


def _provider(settings: RemoteSettings) -> ProviderName:
    if settings.provider != "auto":
        return settings.provider
    found = configured(settings)
    if not found:
        raise EngineError(
            "engines.remote: a remote language model is to answer, and none is set: set OLLAMA_HOSTS, OPENAI_API_KEY, "
            "ANTHROPIC_API_KEY or LLM__GOOGLE_API_KEY, or engines.responder to 'scripted-patient'",
            code="engine.unavailable",
        )
    if len(found) > 1:
        raise EngineError(
            f"engines.remote.provider: {' and '.join(found)} are set; name the one that is to answer",
            code="engine.unavailable",
        )
    return found[0]


def _addresses(name: ProviderName, settings: RemoteSettings) -> tuple[Address, ...]:
    provider = PROVIDERS[name]
    setting, texts = "engines.remote.hosts", settings.hosts
    if name == "ollama":
        setting, texts = "engines.remote.ollama_hosts", settings.ollama_hosts
    texts = texts or provider.addresses
    if not texts:
        hint = "set OLLAMA_HOSTS" if name == "ollama" else "write the server's address, with /v1 at its end"
        raise EngineError(f"{setting}: {provider.label} has no address of its own; {hint}", code="engine.unavailable")
    found = [read_address(text, setting=setting, path=provider.path) for text in texts]
    return tuple(dict.fromkeys(found))


def _own_network(addresses: tuple[Address, ...]) -> str:
    return OWN_NETWORK if all(may_be_private(address.origin.host) for address in addresses) else ""
