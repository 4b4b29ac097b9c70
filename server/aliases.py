"""Names of environment variables that deployments already use: each is a setting, or says why it has no effect.

The one table; docs/settings.md is made from it. Where two names mean one setting, the one that stands first wins, and
`INTERLOCUTOR__...` wins over both.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

_TRUE = ("1", "true", "yes", "on")
_ENVIRONMENTS = {"development": "dev", "testing": "test", "stage": "staging", "prod": "production"}
_LEVELS = {"WARN": "WARNING", "FATAL": "CRITICAL"}
_FORMATS = {"text": "console", "plain": "console", "pretty": "console"}


@dataclass(frozen=True, slots=True)
class Alias:
    """A name in use: either `setting` is set from it, or `note` says why nothing is.

    `convert` turns the value into the setting's words; None means that this value sets nothing.
    """

    name: str
    setting: str | None = None
    note: str = ""
    convert: Callable[[str], str | None] | None = None


@dataclass(frozen=True, slots=True)
class AliasValue:
    """A setting's value as text and the variable it came from."""

    value: str
    name: str


def _environment(value: str) -> str:
    return _ENVIRONMENTS.get(value.strip().lower(), value.strip().lower())


def _level(value: str) -> str:
    return _LEVELS.get(value.strip().upper(), value.strip().upper())


def _format(value: str) -> str:
    return _FORMATS.get(value.strip().lower(), value.strip().lower())


def _lower(value: str) -> str:
    return value.strip().lower()


def _mock_if_true(value: str) -> str | None:
    return "mock" if value.strip().lower() in _TRUE else None


_NO_WHISPER = "the embedded recogniser has one model; Whisper is not among this version's engines"
_NO_COQUI = "the embedded synthesisers have their own voices; Coqui is not among this version's engines"
_NO_LLM = "the scripted patient generates nothing; language models are not among this version's engines"
_NO_DEVICE = "the embedded engines run on the processor; nothing in this version uses a graphics card"
_NO_RETRIEVAL = "the patient knows its card alone; there is no retrieval store in this version"
_NO_CLOUD = "nothing is sent to a provider: every engine of this version runs on this machine"
_NO_CACHE = "the embedded engines are loaded once at start and kept; there is nothing to evict"

ALIASES: tuple[Alias, ...] = (
    Alias("APP_ENV", "environment", "`development`, `testing`, `stage` and `prod` are understood too.", _environment),
    Alias("ENVIRONMENT", "environment", "APP_ENV wins over it.", _environment),
    Alias("SECRET_KEY", "secret_key"),
    Alias("MODEL_BACKEND", "engines.backend", "Wins over USE_MOCKS.", _lower),
    Alias("USE_MOCKS", "engines.backend", "`true` sets `mock`; anything else sets nothing.", _mock_if_true),
    Alias("LOG_LEVEL", "log.level", "Any case; `warn` and `fatal` are understood too.", _level),
    Alias("LOG_FORMAT", "log.format", "`text`, `plain` and `pretty` mean `console`.", _format),
    Alias("LOG_PATH", "log.path"),
    Alias("DATA_PATH", "data_path"),
    Alias("MAX_CONCURRENT_REQUESTS", "server.max_sessions", "What runs concurrently here is a session."),
    Alias("DATABASE_URL", note="sessions are kept as files under data_path; this version has no database"),
    Alias(
        "MODEL_PATH", note="the embedded engines carry their models in their packages; none are looked for elsewhere"
    ),
    Alias("STT_MODEL_SIZE", note=_NO_WHISPER),
    Alias("STT_DEVICE", note=_NO_DEVICE),
    Alias("VOICE__WHISPER_MODEL_SIZE", note=_NO_WHISPER),
    Alias("VOICE__PIPER_VOICES_DIR", note="Piper is not among this version's engines; choose engines.synthesiser"),
    Alias("VOICE__GOOGLE_CLOUD_PROJECT", note=_NO_CLOUD),
    Alias("VOICE__GOOGLE_APPLICATION_CREDENTIALS", note=_NO_CLOUD),
    Alias("TTS_MODEL_NAME", note=_NO_COQUI),
    Alias("LLM_MODEL_NAME", note=_NO_LLM),
    Alias("LLM_DEVICE", note=_NO_DEVICE),
    Alias("LLM_QUANTIZATION", note=_NO_LLM),
    Alias("LLM__DEVICE", note=_NO_DEVICE),
    Alias("LLM__MEDGEMMA_MODEL_ID", note=_NO_LLM),
    Alias("LLM__GOOGLE_API_KEY", note=_NO_CLOUD),
    Alias("OPENAI_API_KEY", note=_NO_CLOUD),
    Alias("OLLAMA_HOSTS", note="replies come from the scripted patient; no model host is asked in this version"),
    Alias("MASTER_MODEL_NAME", note=_NO_LLM),
    Alias("MASTER_MAX_NEW_TOKENS", note=_NO_LLM),
    Alias("MASTER_TEMPERATURE", note=_NO_LLM),
    Alias("SENTIMENT_MODEL_NAME", note="sentiment is not judged in this version"),
    Alias("EMBEDDING__MODEL_ID", note=_NO_RETRIEVAL),
    Alias("EMBEDDING__DEVICE", note=_NO_RETRIEVAL),
    Alias("EMBEDDING_DIMENSION", note=_NO_RETRIEVAL),
    Alias("VECTOR_STORE_TOP_K", note=_NO_RETRIEVAL),
    Alias("MODEL_CACHE_SIZE", note=_NO_CACHE),
    Alias("BATCH_SIZE", note="the embedded engines decode one stream or clause at a time; nothing is batched"),
    Alias("MAX_AUDIO_LENGTH", note="sound is streamed and never held whole; session.session_s limits a role-play"),
    Alias("MAX_MEMORY_USAGE", note="a limit belongs to the container or the unit; server.max_sessions bounds the use"),
    Alias("GPU_MEMORY_FRACTION", note=_NO_DEVICE),
    Alias("CPU_THREADS", note="each engine worker is one process of one thread; set engines.recogniser_workers"),
    Alias("GUNICORN_WORKERS", note="a live session belongs to one process; run one per container and add instances"),
    Alias("GUNICORN_TIMEOUT", note="a socket lives as long as its role-play; see session.idle_s and session.session_s"),
)


def apply_aliases(environ: Mapping[str, str]) -> tuple[dict[str, AliasValue], list[str]]:
    """Return the settings (dotted path to value) that these names set, and a note for each set name without effect.

    A name that is set but empty counts as not set, but for SECRET_KEY: an empty secret is a fault, to be told of.
    """
    values: dict[str, AliasValue] = {}
    notes: list[str] = []
    for alias in ALIASES:
        text = environ.get(alias.name)
        if text is None or (not text and alias.setting != "secret_key"):
            continue
        if alias.setting is None:
            notes.append(f"{alias.name} has no effect here, because {alias.note}")
            continue
        value = alias.convert(text) if alias.convert else text
        if value is None:
            continue
        first = values.setdefault(alias.setting, AliasValue(value, alias.name))
        if first.value != value:
            notes.append(
                f"{alias.name}={value} has no effect here, because {first.name}={first.value} stands before it"
            )
    return values, notes
