"""Settings: their layers, what is refused in which words, secrets, aliases, and that docs/settings.md is current."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest
from pydantic import ValidationError

from common.errors import SettingsError
from pipelines.engine_settings import EngineSettings
from server.reference_docs import settings_markdown
from server.settings.aliases import ALIASES, apply_aliases
from server.settings.env_file import NAME as ENV_FILE
from server.settings.env_file import with_env_file
from server.settings.layers import variable_name
from server.settings.profiles import PROFILES
from server.settings.secrets import weakness
from server.settings.tree import (
    CONFIG_FOLDER,
    DESCRIPTIONS,
    LEAVES,
    LoadedSettings,
    Settings,
    describe,
    load_settings,
    load_with_origins,
)

DOCS = Path(__file__).parents[2] / "docs"
GOOD_SECRET = "pQ7vZc1L0mX4sR9tB2nK6wJ8yH3dF5gA0eU7iO1c"
OTHER_SECRET = "Zr3kTq8WmN1xVb6LpS0fHc9JyG2uD7aE4oKi5QvM"

NAMES_IN_USE = """
APP_ENV ENVIRONMENT SECRET_KEY MODEL_BACKEND USE_MOCKS LOG_LEVEL LOG_FORMAT LOG_PATH DATA_PATH DATABASE_URL MODEL_PATH
STT_MODEL_SIZE STT_DEVICE VOICE__WHISPER_MODEL_SIZE VOICE__PIPER_VOICES_DIR VOICE__GOOGLE_CLOUD_PROJECT
VOICE__GOOGLE_APPLICATION_CREDENTIALS TTS_MODEL_NAME LLM_MODEL_NAME LLM_DEVICE LLM_QUANTIZATION LLM__DEVICE
LLM__MEDGEMMA_MODEL_ID LLM__GOOGLE_API_KEY OPENAI_API_KEY OLLAMA_HOSTS MASTER_MODEL_NAME MASTER_MAX_NEW_TOKENS
MASTER_TEMPERATURE SENTIMENT_MODEL_NAME EMBEDDING__MODEL_ID EMBEDDING__DEVICE EMBEDDING_DIMENSION VECTOR_STORE_TOP_K
MAX_CONCURRENT_REQUESTS MODEL_CACHE_SIZE BATCH_SIZE MAX_AUDIO_LENGTH MAX_MEMORY_USAGE GPU_MEMORY_FRACTION CPU_THREADS
GUNICORN_WORKERS GUNICORN_TIMEOUT ANTHROPIC_API_KEY FORWARDED_ALLOW_IPS SECRET_KEY_FILE REDIS_URL
OLLAMA_HOST MEDGEMMA_MODEL_ID
""".split()


def load(folder: Path, *overrides: str, **environ: str) -> LoadedSettings:
    return load_with_origins(config_folder=folder, overrides=overrides, environ=environ)


def faults(folder: Path, *overrides: str, **environ: str) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(folder, *overrides, **environ)
    return caught.value.message.splitlines()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("base", "dev", "staging", "production"):
        (tmp_path / f"{name}.yaml").write_text("# nothing differs\n")
    return tmp_path


# ------------------------------------------------------------------ layers


def test_every_layer_wins_over_the_one_before(folder: Path) -> None:
    assert load(folder).settings.server.port == 8000
    (folder / "base.yaml").write_text("server: {port: 1001, retry_after_s: 11}")
    assert load(folder).settings.server.port == 1001
    (folder / "dev.yaml").write_text("server: {port: 1002}")
    assert load(folder).settings.server.port == 1002
    assert load(folder, INTERLOCUTOR__SERVER__PORT="1003").settings.server.port == 1003
    loaded = load(folder, "server.port=1004", INTERLOCUTOR__SERVER__PORT="1003")
    assert loaded.settings.server.port == 1004
    assert loaded.settings.server.retry_after_s == 11


def test_each_value_says_where_it_came_from(folder: Path) -> None:
    (folder / "base.yaml").write_text("session: {idle_s: 60}")
    (folder / "staging.yaml").write_text("retention: {practice_days: 3}")
    origins = load(folder, "vad=webrtc", APP_ENV="staging", INTERLOCUTOR__SERVER__HOST="::1").origins
    assert set(origins) == set(LEAVES)
    assert origins["session.idle_s"] == "base.yaml"
    assert origins["retention.practice_days"] == "staging.yaml"
    assert origins["environment"] == "APP_ENV"
    assert origins["server.host"] == "INTERLOCUTOR__SERVER__HOST"
    assert origins["vad"] == "--set"
    assert origins["server.port"] == "default"


def test_the_environment_chooses_the_file(folder: Path) -> None:
    (folder / "production.yaml").write_text("server: {max_sessions: 3}")
    assert load(folder, "environment=production").settings.server.max_sessions == 3
    assert load(folder, "environment=production", APP_ENV="dev").settings.environment == "production"
    assert load(folder).settings.server.max_sessions == 0


def test_the_own_variable_wins_over_an_alias(folder: Path) -> None:
    loaded = load(folder, LOG_LEVEL="debug", INTERLOCUTOR__LOG__LEVEL="ERROR")
    assert loaded.settings.log.level == "ERROR"


def test_texts_are_read_by_the_type_of_the_setting(folder: Path) -> None:
    settings = load(
        folder,
        "server.allowed_origins=https://a.example, https://b.example",
        "server.metrics_enabled=false",
        "server.send_deadline_s=2.5",
        "cards_path=null",
        "developer_key=12345",
        INTERLOCUTOR__LOG__PATH="logs",
        INTERLOCUTOR__DATA_PATH="",
    ).settings
    assert settings.server.allowed_origins == ("https://a.example", "https://b.example")
    assert settings.server.metrics_enabled is False
    assert settings.server.send_deadline_s == 2.5
    assert settings.cards_path is None
    assert settings.developer_key is not None
    assert settings.developer_key.get_secret_value() == "12345"
    assert settings.log.path == Path("logs")
    assert settings.data_path == Path(".data")
    assert load(folder, "server.allowed_origins=[https://a.example]").settings.server.allowed_origins == (
        "https://a.example",
    )
    assert load_settings(config_folder=folder, overrides={"server.port": "9"}, environ={}).server.port == 9


def test_settings_are_frozen_and_read_nothing_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INTERLOCUTOR__SERVER__PORT", "1")
    settings = Settings()
    assert settings.server.port == 8000
    with pytest.raises(ValidationError, match="frozen"):
        # The type checker refuses the plain assignment.
        setattr(settings, "vad", "webrtc")  # noqa: B010


@pytest.mark.parametrize("environment", ["dev", "test", "staging", "production"])
def test_the_supplied_files_can_be_used(environment: str) -> None:
    settings = load_settings(environ={"APP_ENV": environment, "SECRET_KEY": GOOD_SECRET})
    assert settings.environment == environment
    assert settings.cards_folder == CONFIG_FOLDER / "cards"


# ------------------------------------------------------------------ faults


def test_faults_come_all_at_once_one_line_each(folder: Path) -> None:
    (folder / "base.yaml").write_text("server: {prot: 1}\nspeech: 3\nnonsense: {a: 1}\n")
    lines = faults(
        folder, "log.levle=INFO", "log=1", "port", INTERLOCUTOR__SERVR__PORT="1", INTERLOCUTOR__SESSION__IDLE_S="x"
    )
    assert lines == [
        "server.prot: there is no such setting; did you mean server.port? (from base.yaml)",
        "speech: is a section; put its settings on indented lines below it (from base.yaml)",
        "nonsense: there is no such setting (from base.yaml)",
        "INTERLOCUTOR__SERVR__PORT: there is no setting 'servr.port'; did you mean INTERLOCUTOR__SERVER__PORT?",
        "log.levle: there is no such setting; did you mean log.level? (from --set)",
        "log: is a section; set one of its settings, e.g. log.level (from --set)",
        "--set port: has no value; write it as --set server.port=9000",
        "session.idle_s: input should be a valid integer, unable to parse string as an integer, not 'x' "
        "(from INTERLOCUTOR__SESSION__IDLE_S)",
    ]


def test_a_setting_without_its_section_is_found(folder: Path) -> None:
    assert faults(folder, "max_sessions=3") == [
        "max_sessions: there is no such setting; did you mean server.max_sessions? (from --set)"
    ]


def test_a_rule_between_settings_names_their_section(folder: Path) -> None:
    (line,) = faults(folder, "speech.off_threshold=0.9")
    assert line.startswith("speech: off_threshold must not be above on_threshold")


def test_a_secret_is_never_told_in_a_fault(folder: Path) -> None:
    (folder / "base.yaml").write_text(f"secret_key: [{GOOD_SECRET}]")
    (line,) = faults(folder)
    assert line.startswith("secret_key: ")
    assert GOOD_SECRET not in line


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"server: {port: 1", "base.yaml: line 1"),
        (b"server: {port: 1, port: 2}", "key 'port' occurs twice"),
        (b"- server", "base.yaml: must be a mapping"),
        (b"vad: \xff", "base.yaml: is not UTF-8 text"),
        (b"server: !!python/object/apply:os.system [ls]", "base.yaml: line 1"),
        (b"# " + b"x" * 300_000, "base.yaml: is larger than 256 KiB"),
    ],
)
def test_a_file_that_cannot_be_read_says_where(folder: Path, content: bytes, told: str) -> None:
    (folder / "base.yaml").write_bytes(content)
    (line,) = faults(folder)
    assert told in line


def test_an_unknown_environment_names_the_known_ones_and_opens_no_file(folder: Path) -> None:
    (folder.parent / "outside.yaml").write_text("server: {port: 1}")
    (line,) = faults(folder, APP_ENV="../outside")
    assert line.startswith("environment: input should be 'dev', 'test', 'staging' or 'production'")


def test_the_file_of_an_environment_with_users_must_be_there(folder: Path) -> None:
    (folder / "production.yaml").unlink()
    (line,) = faults(folder, APP_ENV="production")
    assert line.startswith("environment: production needs its file")


def test_a_file_may_not_claim_to_be_of_another_environment(folder: Path) -> None:
    (folder / "staging.yaml").write_text("environment: dev")
    assert any("staging.yaml says 'dev'" in line for line in faults(folder, APP_ENV="staging"))


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    assert faults(tmp_path / "no") == [f"{tmp_path / 'no'}: is not a folder; give the one that holds base.yaml"]


# ------------------------------------------------------------------ secrets and production


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("change-me-please-change-me-please-now", "is a placeholder"),
        ("<your secret of at least 32 bytes here>", "is a placeholder"),
        ("short1234", "is too short: 9 bytes"),
        ("ababababababababababababababababababab", "is too easy to guess"),
    ],
)
def test_a_weak_secret_is_refused_outside_dev(folder: Path, secret: str, told: str) -> None:
    for environment in ("staging", "production"):
        (line,) = faults(folder, APP_ENV=environment, SECRET_KEY=secret)
        assert line.startswith(f"secret_key: {told}")
        assert "openssl rand" in line
    assert load(folder, APP_ENV="dev", SECRET_KEY=secret).settings.environment == "dev"


@pytest.mark.parametrize("name", ["SECRET_KEY", "INTERLOCUTOR__DEVELOPER_KEY"])
@pytest.mark.parametrize("environment", ["dev", "production"])
def test_a_secret_that_no_token_could_equal_is_refused_and_not_told(folder: Path, name: str, environment: str) -> None:
    given = {"SECRET_KEY": GOOD_SECRET} | {name: GOOD_SECRET[:-1] + "\udcff"}  # a byte that is no UTF-8
    lines = [line for line in faults(folder, APP_ENV=environment, **given) if "UTF-8" in line]
    setting = name.removeprefix("INTERLOCUTOR__").lower()
    assert [line.partition(";")[0] for line in lines] == [f"{setting}: is not UTF-8 text"]
    assert GOOD_SECRET[:-1] not in lines[0]


def test_a_good_secret_is_not_called_weak() -> None:
    assert weakness(GOOD_SECRET) is None
    assert weakness("0123456789abcdef" * 2) is None


def test_an_empty_secret_is_none_in_dev(folder: Path) -> None:
    assert load(folder, SECRET_KEY="").settings.secret_key is None


def test_a_secret_may_come_from_a_file(folder: Path) -> None:
    path = folder / "key"
    path.write_text(GOOD_SECRET + "\n")
    path.chmod(0o600)
    loaded = load(folder, APP_ENV="production", INTERLOCUTOR__SECRET_KEY_FILE=str(path))
    assert loaded.settings.secret_key is not None
    assert loaded.settings.secret_key.get_secret_value() == GOOD_SECRET
    assert loaded.origins["secret_key"] == "secret_key_file"
    (line,) = faults(folder, SECRET_KEY=GOOD_SECRET, INTERLOCUTOR__SECRET_KEY_FILE=str(path))
    assert line == "secret_key: is set by SECRET_KEY, and so is secret_key_file; remove one of them"


def test_a_secret_file_that_everyone_may_read_is_refused_outside_dev(folder: Path) -> None:
    path = folder / "key"
    path.write_text(GOOD_SECRET)
    path.chmod(0o644)
    (line,) = faults(folder, f"developer_key_file={path}", APP_ENV="staging")
    assert line == f"developer_key_file: every user of this machine may read the file {path}; run `chmod o-r {path}`"
    assert load(folder, f"developer_key_file={path}").settings.developer_key is not None


@pytest.mark.parametrize(
    ("content", "told"),
    [(None, "can't be read"), (b"\n", "is empty"), (b"\xff\xfe", "is not text"), (b"x" * 5000, "larger")],
)
def test_a_secret_file_that_holds_none(folder: Path, content: bytes | None, told: str) -> None:
    path = folder / "key"
    if content is not None:
        path.write_bytes(content)
    (line,) = faults(folder, f"secret_key_file={path}")
    assert line.startswith("secret_key_file: the file ")
    assert told in line


def test_secrets_in_yaml_or_on_the_command_line_are_refused_outside_dev(folder: Path) -> None:
    (line,) = faults(folder, f"secret_key={GOOD_SECRET}", APP_ENV="staging")
    assert line == "secret_key: must not come from --set; use an environment variable or secret_key_file"
    (folder / "staging.yaml").write_text(f"secret_key: {GOOD_SECRET}")
    (line,) = faults(folder, APP_ENV="staging")
    assert line.startswith("secret_key: must not come from staging.yaml")


def test_production_needs_a_secret_key_and_real_engines() -> None:
    told = Settings.model_validate(
        {"environment": "production", "engines": {"backend": "mock", "synthesiser": "scripted"}}
    ).production_faults()
    assert [line.partition(":")[0] for line in told] == ["secret_key", "engines.backend", "engines.synthesiser"]


def test_production_refuses_placeholders_and_one_key_for_two_uses() -> None:
    told = Settings.model_validate({"environment": "production", "secret_key": "changeme" * 5}).production_faults()
    assert told == [line for line in told if line.startswith("secret_key: is a placeholder")] != []
    told = Settings.model_validate(
        {"environment": "production", "secret_key": GOOD_SECRET, "developer_key": GOOD_SECRET}
    ).production_faults()
    assert [line.partition(":")[0] for line in told] == ["developer_key"]


def test_production_refuses_embedded_unless_told_so() -> None:
    def told(backend: str, *, allowed: bool = False, environment: str = "production") -> list[str]:
        server = {"allow_embedded_in_production": allowed}
        given = {"environment": environment, "secret_key": GOOD_SECRET, "engines": {"backend": backend}}
        return Settings.model_validate(given | {"server": server}).production_faults()

    assert told("auto") == told("local") == told("embedded", allowed=True) == told("mock", environment="dev") == []
    (fault,) = told("embedded")
    assert "server.allow_embedded_in_production=true" in fault
    (fault,) = told("mock", allowed=True)
    assert fault.startswith("engines.backend: production refuses mock")


def test_digest_follows_the_settings_but_not_the_secrets() -> None:
    plain = Settings()
    assert re.fullmatch(r"[0-9a-f]{64}", plain.digest())
    assert Settings.model_validate({"secret_key": GOOD_SECRET, "developer_key_file": "k"}).digest() == plain.digest()
    assert Settings.model_validate({"session": {"session_s": 301}}).digest() != plain.digest()


def test_redacted_shows_everything_but_the_secrets() -> None:
    settings = Settings.model_validate({"secret_key": GOOD_SECRET, "server": {"port": 81}})
    shown = settings.redacted()
    assert shown["secret_key"] == "********"
    assert shown["developer_key"] is None
    assert shown["server"]["port"] == 81
    assert GOOD_SECRET not in repr(settings)
    assert GOOD_SECRET not in str(shown)


# ------------------------------------------------------------------ keys of providers


def test_a_providers_key_comes_from_a_variable_or_a_file_and_is_never_shown(folder: Path) -> None:
    loaded = load(folder, OPENAI_API_KEY="sk-one", ANTHROPIC_API_KEY="sk-two", MASTER_TEMPERATURE="0.4")
    keys = loaded.settings.engines.remote.keys
    assert keys.openai is not None
    assert keys.openai.get_secret_value() == "sk-one"
    assert loaded.settings.engines.remote.temperature == 0.4
    shown = loaded.settings.redacted()["engines"]["remote"]["keys"]
    assert (shown["openai"], shown["anthropic"], shown["google"]) == ("********", "********", None)
    assert "sk-one" not in repr(loaded.settings) + str(loaded.settings.model_dump(mode="json"))
    assert loaded.settings.digest() == load(folder, MASTER_TEMPERATURE="0.4").settings.digest()
    path = folder / "key"
    path.write_text("sk-three\n")
    loaded = load(folder, INTERLOCUTOR__ENGINES__REMOTE__KEYS__OPENAI_FILE=str(path))
    keys = loaded.settings.engines.remote.keys
    assert keys.openai is not None
    assert keys.openai.get_secret_value() == "sk-three"
    assert loaded.origins["engines.remote.keys.openai"] == "engines.remote.keys.openai_file"


def test_an_empty_key_is_none_and_one_on_the_command_line_is_refused_outside_dev(folder: Path) -> None:
    assert load(folder, INTERLOCUTOR__ENGINES__REMOTE__KEYS__OPENAI="").settings.engines.remote.keys.openai is None
    (folder / "staging.yaml").touch()
    with pytest.raises(SettingsError) as caught:
        load_settings(
            config_folder=folder, overrides=["environment=staging", "engines.remote.keys.openai=sk-one"], environ={}
        )
    assert "engines.remote.keys.openai: must not come from --set" in str(caught.value)
    assert "sk-one" not in str(caught.value)


# ------------------------------------------------------------------ aliases


def test_every_name_in_use_is_in_the_table_once_for_each_setting() -> None:
    assert sorted({alias.name for alias in ALIASES}) == sorted(NAMES_IN_USE)
    pairs = [(alias.name, alias.setting) for alias in ALIASES]
    assert len(set(pairs)) == len(pairs)
    # How long and how freely a language model answers is set for the one here and for a remote one.
    twice = {name for name, _ in pairs if [each for each, _ in pairs].count(name) > 1}
    assert twice == {"MASTER_MAX_NEW_TOKENS", "MASTER_TEMPERATURE"}


def test_an_alias_sets_a_setting_or_says_why_not() -> None:
    for alias in ALIASES:
        assert (alias.setting in LEAVES) if alias.setting else (alias.setting is None and alias.note), alias.name


def test_a_name_without_effect_is_told_of_when_set(folder: Path) -> None:
    without = [alias for alias in ALIASES if alias.setting is None]
    notes = load(folder, **{alias.name: "x" for alias in without}).notes
    assert [note.partition(" ")[0] for note in notes] == [alias.name for alias in without]
    assert load(folder, GUNICORN_WORKERS="").notes == ()


@pytest.mark.parametrize(
    ("name", "text", "path", "value"),
    [
        ("APP_ENV", "prod", "environment", "production"),
        ("ENVIRONMENT", "Development", "environment", "dev"),
        ("SECRET_KEY", GOOD_SECRET, "secret_key", GOOD_SECRET),
        ("MODEL_BACKEND", "EMBEDDED", "engines.backend", "embedded"),
        ("USE_MOCKS", "true", "engines.backend", "mock"),
        ("LOG_LEVEL", "warn", "log.level", "WARNING"),
        ("LOG_FORMAT", "text", "log.format", "console"),
        ("LOG_PATH", "logs", "log.path", "logs"),
        ("DATA_PATH", "data", "data_path", "data"),
        ("MAX_CONCURRENT_REQUESTS", "4", "server.max_sessions", "4"),
        ("MODEL_PATH", "weights", "models.path", "weights"),
        ("STT_MODEL_SIZE", "small", "engines.whisper.model", "small"),
        ("VOICE__WHISPER_MODEL_SIZE", "tiny", "engines.whisper.model", "tiny"),
        ("STT_DEVICE", "CUDA:1", "engines.whisper.device", "cuda:1"),
        ("MODEL_CACHE_SIZE", "5", "models.cache_size", "5"),
        ("MAX_MEMORY_USAGE", "6GB", "models.max_memory", "6GB"),
        ("GPU_MEMORY_FRACTION", "0.5", "models.gpu_memory_fraction", "0.5"),
        ("CPU_THREADS", "3", "models.cpu_threads", "3"),
        ("BATCH_SIZE", "16", "models.batch_size", "16"),
        ("MAX_AUDIO_LENGTH", "20", "engines.whisper.max_segment_s", "20"),
        ("MAX_AUDIO_LENGTH", "300", "engines.whisper.max_segment_s", "30"),
    ],
)
def test_an_alias_sets_its_setting(folder: Path, name: str, text: str, path: str, value: str) -> None:
    values, notes = apply_aliases({name: text})
    assert (values[path].value, values[path].name) == (value, name)
    assert [note.partition(" ")[0] for note in notes] == ([f"{name}={text}"] if text == "300" else [])
    assert load(folder, **{name: text}).origins[path] == name


def test_app_env_wins_over_environment(folder: Path) -> None:
    loaded = load(folder, APP_ENV="staging", ENVIRONMENT="production")
    assert loaded.settings.environment == "staging"
    assert loaded.notes == ("ENVIRONMENT=production has no effect here, because APP_ENV=staging stands before it",)
    assert load(folder, ENVIRONMENT="production").settings.environment == "production"
    assert load(folder, APP_ENV="", ENVIRONMENT="staging").settings.environment == "staging"


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        (
            "MAX_MEMORY_USAGE",
            "lots",
            "models.max_memory: no amount of memory; write it as 8GB, 512MiB or 80%, not 'lots'",
        ),
        ("MAX_MEMORY_USAGE", "8", "models.max_memory: less than a megabyte; write it with its unit"),
        ("GPU_MEMORY_FRACTION", "90", "models.gpu_memory_fraction: input should be less than or equal to 1"),
        ("STT_DEVICE", "gpu", "engines.whisper.device: "),
        ("MAX_AUDIO_LENGTH", "long", "engines.whisper.max_segment_s: input should be a valid number"),
        ("MODEL_CACHE_SIZE", "0", "models.cache_size: input should be greater than or equal to 1"),
        ("INTERLOCUTOR__MODELS__HUB_URL", "hub.example", "models.hub_url: "),
        ("INTERLOCUTOR__ENGINES__PROFILE", "huge", "engines.profile: input should be 'embedded', 'small-cpu'"),
    ],
)
def test_what_is_wrong_with_a_setting_of_models_names_it_and_its_variable(
    folder: Path, name: str, text: str, told: str
) -> None:
    (line,) = faults(folder, **{name: text})
    assert line.startswith(told)
    assert line.endswith(f"(from {name})")


def test_a_model_that_hears_english_alone_is_not_taken_for_another_language(folder: Path) -> None:
    (line,) = faults(folder, INTERLOCUTOR__ENGINES__WHISPER__LANGUAGE="de", STT_MODEL_SIZE="tiny.en")
    assert line == "engines.whisper: tiny.en hears English alone; set model to tiny, or language to en"
    loaded = load(folder, INTERLOCUTOR__ENGINES__WHISPER__LANGUAGE="de", STT_MODEL_SIZE="base")
    assert loaded.settings.engines.whisper.language == "de"


# ------------------------------------------------------------------ profiles


def test_a_profile_stands_between_the_code_and_everything_else(folder: Path) -> None:
    plain = load(folder)
    assert plain.settings.engines.profile == "embedded"
    assert plain.settings.engines.backend == "auto"
    loaded = load(folder, "engines.profile=small-cpu")
    assert loaded.settings.engines.backend == "local"
    assert loaded.settings.models.batch_size == 4
    assert loaded.origins["engines.backend"] == "profile small-cpu"
    assert loaded.origins["engines.profile"] == "--set"
    assert loaded.origins["models.path"] == "default"
    (folder / "base.yaml").write_text("engines: {profile: gpu, backend: embedded, whisper: {beam: 2}}")
    loaded = load(folder, STT_DEVICE="cpu")
    assert loaded.settings.engines.backend == "embedded"
    assert loaded.settings.engines.whisper.beam == 2
    assert loaded.settings.engines.whisper.device == "cpu"
    assert loaded.settings.engines.whisper.model == "turbo"
    assert loaded.origins["engines.whisper.model"] == "profile gpu"
    assert loaded.origins["engines.whisper.beam"] == "base.yaml"
    assert load(folder, INTERLOCUTOR__ENGINES__PROFILE="embedded").settings.engines.whisper.model == "auto"


@pytest.mark.parametrize("name", PROFILES)
def test_every_profile_can_be_used_and_is_documented(folder: Path, name: str) -> None:
    values = PROFILES[name].values
    loaded = load(folder, f"engines.profile={name}")
    assert {path for path, origin in loaded.origins.items() if origin == f"profile {name}"} == set(values)
    assert f"\n| `{name}` | {PROFILES[name].meaning} |" in settings_markdown()


def test_the_profiles_are_those_that_the_setting_takes() -> None:
    assert set(PROFILES) == set(get_args(EngineSettings.model_fields["profile"].annotation))


def test_mocks_are_used_only_if_told_so(folder: Path) -> None:
    assert load(folder, USE_MOCKS="false").settings.engines.backend == "auto"
    loaded = load(folder, USE_MOCKS="1", MODEL_BACKEND="embedded")
    assert loaded.settings.engines.backend == "embedded"
    assert loaded.notes != ()


# ------------------------------------------------------------------ documentation


def test_every_setting_is_described() -> None:
    for path, field in LEAVES.items():
        assert describe(path).endswith("."), path
        assert not (field.description and path in DESCRIPTIONS), f"{path} is described twice"
    assert set(DESCRIPTIONS) <= set(LEAVES)


def test_units_in_names_are_in_the_descriptions() -> None:
    for suffix, unit in {"_ms": "millisecond", "_s": "second", "_days": "day", "_bytes": "byte"}.items():
        for path in LEAVES:
            if path.endswith(suffix):
                assert unit in describe(path).lower(), path


def test_the_page_of_settings_is_current_and_whole() -> None:
    page = (DOCS / "settings.md").read_text(encoding="utf-8")
    assert page == settings_markdown(), "run `python -m server.reference_docs docs`"
    for path in LEAVES:
        assert f"| `{path}` |" in page
    for name in NAMES_IN_USE:
        assert f"| `{name}` |" in page


def test_the_variable_of_a_setting() -> None:
    assert variable_name("conversation.fixed_wait_ms") == "INTERLOCUTOR__CONVERSATION__FIXED_WAIT_MS"


def test_a_file_of_variables_is_read_and_what_is_set_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("# ours\nDATA_PATH='/srv/oet'\nLOG_LEVEL=warn\nINTERLOCUTOR__SERVER__PORT=9000\n")
    monkeypatch.chdir(tmp_path)
    found = with_env_file({"LOG_LEVEL": "ERROR"})
    loaded = load_with_origins(environ=found).settings
    assert (str(loaded.data_path), loaded.log.level, loaded.server.port) == ("/srv/oet", "ERROR", 9000)
    assert "DATA_PATH" not in with_env_file({ENV_FILE: ""})
    with pytest.raises(SettingsError, match="there is no file"):
        with_env_file({ENV_FILE: str(tmp_path / "none")})


def test_names_of_others_mean_what_they_say(tmp_path: Path) -> None:
    (tmp_path / "base.yaml").write_text("")
    secret = tmp_path / "secret"
    secret.write_text("a-secret-of-at-least-thirty-two-bytes-0123")
    secret.chmod(0o600)
    loaded = load(
        tmp_path,
        "environment=development",
        SECRET_KEY_FILE=str(secret),
        OLLAMA_HOST="localhost:11434",
        MEDGEMMA_MODEL_ID="medgemma:4b",
        MAX_AUDIO_LENGTH="300",
        REDIS_URL="redis://here",
    )
    assert loaded.settings.environment == "dev"
    assert loaded.settings.secret_key is not None
    assert loaded.settings.engines.remote.ollama_hosts == ("http://localhost:11434",)
    assert loaded.settings.engines.remote.model == "medgemma:4b"
    assert [note.partition(" ")[0] for note in loaded.notes] == ["REDIS_URL", "MAX_AUDIO_LENGTH=300"]


def test_what_shapes_a_conversation_has_no_secret_and_no_address() -> None:
    shaping = Settings(environment="test").shaping()
    assert shaping["conversation.fixed_wait_ms"] is None
    assert {path.partition(".")[0] for path in shaping} == {"audio", "conversation", "engines", "speech", "vad"}
    assert not [path for path in shaping if "key" in path or "remote" in path or "url" in path]
