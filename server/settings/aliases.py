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
    caps: bool = False
    """Whether a value that `convert` changes is to be told of: somebody asked for more than there is."""


@dataclass(frozen=True, slots=True)
class AliasValue:
    """A setting's value as text and the variable it came from."""

    value: str
    name: str


def environment_name(value: str) -> str:
    return _ENVIRONMENTS.get(value.strip().lower(), value.strip().lower())


def _level(value: str) -> str:
    return _LEVELS.get(value.strip().upper(), value.strip().upper())


def _format(value: str) -> str:
    return _FORMATS.get(value.strip().lower(), value.strip().lower())


def _lower(value: str) -> str:
    return value.strip().lower()


def _address(value: str) -> str:
    """Return an address with its scheme: Ollama's own variable goes without."""
    return value if "://" in value else f"http://{value}"


def _every_address(value: str) -> str:
    return "0.0.0.0/0, ::/0" if value.strip() == "*" else value


def _mock_if_true(value: str) -> str | None:
    return "mock" if value.strip().lower() in _TRUE else None


def _language_model_numbers(value: str) -> str:
    """Return the type of numbers that a quantization stands for: CTranslate2 has none of four bits."""
    name = value.strip().lower()
    if name in ("4bit", "4-bit", "int4", "q4", "nf4", "8bit", "8-bit", "q8"):
        return "int8"
    return "auto" if name in ("", "none", "no", "false") else name


def _at_most(limit: int, read: Callable[[str], float]) -> Callable[[str], str]:
    """Return what makes the limit of larger values; of what is no number the setting says what is wrong."""

    def convert(value: str) -> str:
        try:
            return str(limit) if read(value) > limit else value
        except ValueError:
            return value

    return convert


_NO_CLOUD = "Google's recogniser and voices are not used: what is heard and spoken is made on this machine"

ALIASES: tuple[Alias, ...] = (
    Alias("APP_ENV", "environment", "Also accepts `development`, `testing`, `stage` and `prod`.", environment_name),
    Alias("ENVIRONMENT", "environment", "APP_ENV wins over it.", environment_name),
    Alias("SECRET_KEY", "secret_key"),
    Alias("SECRET_KEY_FILE", "secret_key_file", "A file that holds it."),
    Alias("MODEL_BACKEND", "engines.backend", "Wins over USE_MOCKS.", _lower),
    Alias("USE_MOCKS", "engines.backend", "`true` sets `mock`; anything else sets nothing.", _mock_if_true),
    Alias("LOG_LEVEL", "log.level", "Any case; also accepts `warn` and `fatal`.", _level),
    Alias("LOG_FORMAT", "log.format", "`text`, `plain` and `pretty` mean `console`.", _format),
    Alias("LOG_PATH", "log.path"),
    Alias("DATA_PATH", "data_path"),
    Alias("MAX_CONCURRENT_REQUESTS", "server.max_sessions", "Here a concurrent request is a session."),
    Alias("FORWARDED_ALLOW_IPS", "server.trusted_proxies", "`*` means every address.", _every_address),
    Alias("DATABASE_URL", "database.url"),
    Alias("REDIS_URL", note="what several servers share lies in the data folder and in PostgreSQL"),
    Alias("MODEL_PATH", "models.path"),
    Alias("STT_MODEL_SIZE", "engines.whisper.model", "A size such as `base.en`, `small` or `large-v3`."),
    Alias("STT_DEVICE", "engines.whisper.device", "Any case.", _lower),
    Alias("VOICE__WHISPER_MODEL_SIZE", "engines.whisper.model", "STT_MODEL_SIZE wins over it."),
    Alias("VOICE__PIPER_VOICES_DIR", "models.piper_voices"),
    Alias("VOICE__GOOGLE_CLOUD_PROJECT", note=_NO_CLOUD),
    Alias("VOICE__GOOGLE_APPLICATION_CREDENTIALS", note=_NO_CLOUD),
    Alias("TTS_MODEL_NAME", "engines.coqui_model", "A name of coqui-tts, or a folder."),
    Alias("LLM_MODEL_NAME", "engines.language_model.model", "An id of the catalogue, or a folder."),
    Alias("LLM_DEVICE", "engines.language_model.device", "Any case.", _lower),
    Alias(
        "LLM_QUANTIZATION",
        "engines.language_model.compute",
        "`4bit` and `8bit` mean `int8`, as there are no numbers of four bits here; `none` means `auto`.",
        _language_model_numbers,
    ),
    Alias("LLM__DEVICE", "engines.language_model.device", "LLM_DEVICE wins over it.", _lower),
    Alias("MASTER_MODEL_NAME", "engines.remote.model", "The model of a remote mind, as its provider calls it."),
    Alias("LLM__MEDGEMMA_MODEL_ID", "engines.remote.model", "MASTER_MODEL_NAME wins over it."),
    Alias("MEDGEMMA_MODEL_ID", "engines.remote.model", "MASTER_MODEL_NAME wins over it."),
    Alias("MASTER_MAX_NEW_TOKENS", "engines.remote.max_tokens"),
    Alias("MASTER_TEMPERATURE", "engines.remote.temperature"),
    Alias("OLLAMA_HOSTS", "engines.remote.ollama_hosts", "`http://a:11434,http://b:11434`. Alone it asks nobody."),
    Alias(
        "OLLAMA_HOST", "engines.remote.ollama_hosts", "`localhost:11434` will do. OLLAMA_HOSTS wins over it.", _address
    ),
    Alias("OPENAI_API_KEY", "engines.remote.keys.openai", "Alone it sends nothing anywhere."),
    Alias("ANTHROPIC_API_KEY", "engines.remote.keys.anthropic", "Alone it sends nothing anywhere."),
    Alias("LLM__GOOGLE_API_KEY", "engines.remote.keys.google", "Alone it sends nothing anywhere."),
    Alias(
        "MASTER_MAX_NEW_TOKENS",
        "engines.language_model.max_new_tokens",
        "More than 400 counts as 400: a patient's reply is short.",
        _at_most(400, int),
        caps=True,
    ),
    Alias("MASTER_TEMPERATURE", "engines.language_model.temperature"),
    Alias("SENTIMENT_MODEL_NAME", note="this version does not judge sentiment"),
    Alias("EMBEDDING__MODEL_ID", "engines.interpreter_model", "An id of the catalogue, or a folder."),
    Alias("EMBEDDING__DEVICE", "engines.interpreter_device", "Any case.", _lower),
    Alias("EMBEDDING_DIMENSION", note="the text encoder's own files say how long its vectors are"),
    Alias("VECTOR_STORE_TOP_K", "engines.interpreter_top_k", "How many cues and facts are looked up for a turn."),
    Alias("MODEL_CACHE_SIZE", "models.cache_size"),
    Alias("BATCH_SIZE", "models.batch_size"),
    Alias(
        "MAX_AUDIO_LENGTH",
        "engines.whisper.max_segment_s",
        "Seconds; more than 30 counts as 30, the most that Whisper hears at once. Longer speech is cut, never refused.",
        _at_most(30, float),
        caps=True,
    ),
    Alias("MAX_MEMORY_USAGE", "models.max_memory", "`8GB`, `512MiB`, `80%` or `0.8`."),
    Alias("GPU_MEMORY_FRACTION", "models.gpu_memory_fraction"),
    Alias("CPU_THREADS", "models.cpu_threads"),
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
        if alias.caps and value != text:
            notes.append(f"{alias.name}={text} counts as {value}, the most that {alias.setting} can be")
        first = values.setdefault(alias.setting, AliasValue(value, alias.name))
        if first.value != value:
            notes.append(
                f"{alias.name}={value} has no effect here, because {first.name}={first.value} stands before it"
            )
    return values, notes
