"""Settings: one frozen tree, laid over in six layers, of which each may be left out.

    defaults here < profile < configs/base.yaml < configs/<environment>.yaml < environment variables < `--set a.b=value`

Environment variables are `INTERLOCUTOR__SERVER__PORT`, and the names in `aliases.py`. Making a `Settings` reads
nothing: only `load_settings` looks at files and at the environment it is given.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator

from audio.conditioning import AudioSettings
from audio.speech import SpeechSettings
from audio.text import is_well_formed
from audio.vad import VadName
from common.errors import SettingsError
from pipelines.conversation.settings import ConversationSettings
from pipelines.engine_settings import EngineSettings
from pipelines.models.settings import ModelSettings
from pipelines.responders.remote.providers import KEYS
from server.addresses import normal_origin, parse_host
from server.paths import ROOT
from server.settings import layers
from server.settings.aliases import apply_aliases, environment_name
from server.settings.backup import BackupSettings
from server.settings.env_file import environment
from server.settings.exam import ExamSettings
from server.settings.instances import InstanceSettings
from server.settings.judge import JudgeSettings
from server.settings.lab import LabSettings
from server.settings.limits import LimitSettings
from server.settings.marking import MarkingSettings
from server.settings.profiles import PROFILE, profile_layer
from server.settings.recordings import RecordingsSettings
from server.settings.reservations import ReservationSettings
from server.settings.retention import RetentionSettings
from server.settings.rtc import RtcSettings
from server.settings.second_opinion import SecondOpinionSettings
from server.settings.secrets import MAKE_ONE, read_secret_file, weakness
from server.settings.store import AuditSettings, AuthMode, AuthSettings, DatabaseSettings
from server.settings.tracing import TracingSettings
from server.settings.vault import VaultSettings

Model = TypeVar("Model", bound=BaseModel)

EnvironmentName = Literal["dev", "test", "staging", "production"]

CONFIG_FOLDER = ROOT / "configs"
SECRETS = ("secret_key", "developer_key", "turn_secret")
"""Secrets that this deployment makes itself, and that must be strong."""
KEYS_OF_OTHERS = (
    *(f"engines.remote.keys.{name}" for name in KEYS),
    "auth.oidc.client_secret",
    "recordings.s3.secret_access_key",
    "audit.s3.secret_access_key",
    "tracing.authorization",
)
"""Secrets that somebody else made."""
MASTER_KEY = "vault.key"
"""The vault reads its file itself, as often as that changes."""
LENIENT: tuple[EnvironmentName, ...] = ("dev", "test")
"""Environments in which nobody else's data is at stake: a weak secret will do there."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ServerSettings(_Section):
    """The door: addresses, limits of a connection, how many sessions at once."""

    host: str = Field(
        default="127.0.0.1",
        min_length=1,
        description="Address to listen on; 0.0.0.0 means all addresses of the machine.",
    )
    port: int = Field(default=8000, ge=0, le=65535, description="TCP port to listen on; 0 takes a free one.")
    max_sessions: int = Field(
        default=0,
        ge=0,
        le=10_000,
        description="Most sessions at the same time; the server refuses the next with 503 and a time to retry. 0: as "
        "many as the server measures at its start.",
    )
    root_path: str = Field(
        default="",
        pattern=r"^(/[A-Za-z0-9._~\-]+)*$",
        description="Path below which a proxy serves this server, e.g. /oet; empty: none.",
    )
    allowed_origins: tuple[str, ...] = Field(
        default=(),
        description="Origins whose pages may connect and call the API, e.g. https://exam.example.org; empty: only this "
        "server's own.",
    )
    allowed_hosts: tuple[str, ...] = Field(
        default=(),
        description="Names under which this server answers, e.g. oet.example.org or *.example.org; empty: any. Set it "
        "in production: a page elsewhere can have a name of its own lead here.",
    )
    send_deadline_s: float = Field(
        default=5,
        gt=0,
        le=60,
        description="Seconds that a client may take to accept a message before the server cuts it off.",
    )
    message_max_bytes: int = Field(
        default=98_304,
        ge=4_096,
        le=16_777_216,
        description="Largest message that a client may send, in bytes; the default holds 64 KiB of audio as base64.",
    )
    retry_after_s: int = Field(
        default=10, ge=1, le=3_600, description="Seconds after which a refused client may try again."
    )
    drain_deadline_s: int = Field(
        default=330,
        ge=0,
        le=7_200,
        description="Most seconds that role-plays may go on once the server was told to stop by SIGTERM; 0: none. "
        "Whatever stops the server must wait longer than this before it kills it.",
    )
    reservations: ReservationSettings = Field(default_factory=ReservationSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    trusted_proxies: tuple[str, ...] = Field(
        default=("127.0.0.1", "::1"),
        description="Addresses or networks of the reverse proxies in front of this server: what they say of a client's "
        "address (X-Forwarded-For) and scheme (X-Forwarded-Proto) counts. Of anybody else the address of the "
        "connection counts.",
    )
    # The kernel takes twice as much: 0.7 s of audio, and enough under way for round trips as long.
    socket_send_buffer_bytes: int = Field(
        default=24_576,
        ge=4_096,
        le=16_777_216,
        description="Bytes that may wait unsent in a socket's buffer; small, so that little of a cancelled reply is "
        "on its way.",
    )
    try_engines_every_s: float = Field(
        default=300,
        ge=0,
        le=86_400,
        description="Seconds between two trials of every engine with a small piece of real work, made while no "
        "role-play runs; where one always runs, one engine is tried every third time. While one fails, /ready says so. "
        "0: never.",
    )
    metrics_enabled: bool = Field(default=True, description="Whether /metrics answers.")
    allow_embedded_in_production: bool = Field(
        default=False,
        description="Let production serve real candidates with PocketSphinx, understanding by spelling, or plain "
        "voices. It needs no leave once Whisper, the text encoder and a neural voice for each card's patient are here.",
    )

    @field_validator("allowed_origins")
    @classmethod
    def _are_origins(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        found = tuple(normal_origin(origin) for origin in origins)
        for origin, known in zip(origins, found, strict=True):
            if known is None:
                raise ValueError(f"{origin!r} is no origin; write https://name or https://name:port")
        return tuple(known for known in found if known is not None)

    @field_validator("allowed_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        for host in hosts:
            if parse_host(host.removeprefix("*.")) is None:
                raise ValueError(f"{host!r} is no host; write a name, without https://")
        return hosts

    @field_validator("trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for network in networks:
            ipaddress.ip_network(network)
        return networks


class SessionSettings(_Section):
    """The time-table of a role-play."""

    prepare_s: int = Field(default=180, ge=0, le=3_600, description="Seconds to read the card before the role-play.")
    session_s: int = Field(default=300, ge=10, le=7_200, description="Length of a role-play in seconds.")
    join_within_s: int = Field(
        default=600, ge=10, le=86_400, description="Most seconds between opening a session and connecting to it."
    )
    start_within_s: int = Field(
        default=300,
        ge=1,
        le=86_400,
        description="Most seconds between connecting and the first audio or item of the role-play. Set it longer than "
        "the preparation, because some clients connect before it (the page connects after it).",
    )
    idle_s: int = Field(
        default=120, ge=5, le=3_600, description="Seconds without any message after which the session ends."
    )
    resume_s: int = Field(
        default=60,
        ge=0,
        le=600,
        description="Seconds within which a client may reconnect and resume its session.",
    )
    consent_required: bool = Field(
        default=False,
        description="Whether a candidate's session needs the consent text; the page always asks for consent.",
    )


class LogSettings(_Section):
    """What the server writes of its own doings (never what was said, but for DEBUG)."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = Field(
        default="INFO", description="Lowest level to write; DEBUG shows what was said, so never use it for exams."
    )
    format: Literal["json", "console"] = Field(
        default="json", description="json: one object a line, for machines; console: for people."
    )
    path: Path | None = Field(
        default=None,
        description="File that also gets every line, as JSON: a new file each day (UTC), seven kept. In a folder the "
        "file is interlocutor.log.",
    )


class Settings(_Section):
    """Everything that can be set; frozen, with unknown keys refused."""

    environment: EnvironmentName = Field(
        default="dev", description="Environment of this server; it names the file to read in the configuration folder."
    )
    server: ServerSettings = Field(default_factory=ServerSettings)
    session: SessionSettings = Field(default_factory=SessionSettings)
    exam: ExamSettings = Field(default_factory=ExamSettings)
    rtc: RtcSettings = Field(default_factory=RtcSettings)
    engines: EngineSettings = Field(default_factory=EngineSettings)
    models: ModelSettings = Field(default_factory=ModelSettings)
    conversation: ConversationSettings = Field(default_factory=ConversationSettings)
    audio: AudioSettings = Field(default_factory=AudioSettings)
    speech: SpeechSettings = Field(default_factory=SpeechSettings)
    vad: VadName = Field(
        default="auto", description="Voice activity detector: silero, webrtc, or auto (silero if it can be loaded)."
    )
    lab: LabSettings = Field(default_factory=LabSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    instances: InstanceSettings = Field(default_factory=InstanceSettings)
    audit: AuditSettings = Field(default_factory=AuditSettings)
    vault: VaultSettings = Field(default_factory=VaultSettings)
    marking: MarkingSettings = Field(default_factory=MarkingSettings)
    second_opinion: SecondOpinionSettings = Field(default_factory=SecondOpinionSettings)
    judge: JudgeSettings = Field(default_factory=JudgeSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    backup: BackupSettings = Field(default_factory=BackupSettings)
    recordings: RecordingsSettings = Field(default_factory=RecordingsSettings)
    tracing: TracingSettings = Field(default_factory=TracingSettings)
    data_path: Path = Field(default=Path(".data"), description="Folder for recordings and session logs.")
    cards_path: Path | None = Field(default=None, description="Folder of role-play cards; unset: the supplied cards.")
    log: LogSettings = Field(default_factory=LogSettings)
    secret_key: SecretStr | None = Field(
        default=None, description="This deployment's secret, at least 32 bytes; production needs one."
    )
    secret_key_file: Path | None = Field(default=None, description="File that holds secret_key.")
    developer_key: SecretStr | None = Field(
        default=None, description="Bearer key of developers, who may choose cards and tune turn-taking; unset: none."
    )
    developer_key_file: Path | None = Field(default=None, description="File that holds developer_key.")
    turn_secret: SecretStr | None = Field(
        default=None,
        description="Secret shared with the TURN server (coturn: static-auth-secret); unset: none.",
    )
    turn_secret_file: Path | None = Field(default=None, description="File that holds turn_secret.")

    @field_validator("environment", mode="before")
    @classmethod
    def _by_any_name(cls, name: object) -> object:
        return environment_name(name) if isinstance(name, str) else name

    @field_validator("data_path", "cards_path", "secret_key_file", "developer_key_file", "turn_secret_file")
    @classmethod
    def _expand_home(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser()

    @field_validator(*SECRETS)
    @classmethod
    def _is_text(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret is not None and not is_well_formed(secret.get_secret_value()):  # no token could ever equal it
            raise ValueError(f"is not UTF-8 text; {MAKE_ONE}")
        return secret

    @property
    def cards_folder(self) -> Path:
        """The folder the cards are read from."""
        return self.cards_path or CONFIG_FOLDER / "cards"

    @property
    def auth_mode(self) -> AuthMode:
        """Who may use this server: as set, or else everybody in dev and test, and people with accounts elsewhere."""
        return self.auth.mode or ("open" if self.environment in LENIENT else "accounts")

    @property
    def backup_every_hours(self) -> float:
        """Hours between two backups that the server makes by itself, 0 for none: as set, or else a day but in dev."""
        usual = 0.0 if self.environment in LENIENT else 24.0
        return usual if self.backup.every_hours is None else self.backup.every_hours

    @property
    def backup_days(self) -> int | None:
        """Days that something is in backups after it was deleted, None where this server makes none."""
        hours = self.backup.keep * self.backup_every_hours
        return math.ceil(hours / 24) or None

    def production_faults(self) -> list[str]:
        """Return why production must not start like this, one line each; empty in other environments."""
        if self.environment != "production":
            return []
        faults = [] if self.secret_key else [f"secret_key: production needs one; {MAKE_ONE}, set it as SECRET_KEY"]
        faults += self.secret_faults()
        if self.auth_mode == "open":
            faults.append(
                "auth.mode: production refuses open, in which strangers may sit exams; set accounts or guests"
            )
        if self.log.level == "DEBUG":
            faults.append("log.level: production refuses DEBUG, which writes what people say; set INFO")
        faults += self.auth.oidc.faults(public_url=self.auth.public_url, strict=True)
        faults += self.backend_faults()
        for kind in ("recogniser", "interpreter", "responder", "synthesiser"):
            if getattr(self.engines, kind) == "scripted":
                faults.append(f"engines.{kind}: production refuses the scripted {kind}, which is for tests; set auto")
        return faults

    def backend_faults(self) -> list[str]:
        """Return why production must not run on the backend that is set, one line; empty in other environments.

        What engines come to that are chosen by themselves, `server/production_engines.py` judges.
        """
        if self.environment != "production":
            return []
        if self.engines.backend == "mock":
            return ["engines.backend: production refuses mock, which is for tests; set auto, local or cloud"]
        if self.engines.backend == "embedded" and not self.server.allow_embedded_in_production:
            return [
                "engines.backend: production refuses embedded, a demonstration recogniser and voice; choose another "
                "backend, or accept it with server.allow_embedded_in_production=true"
            ]
        return []

    def secret_faults(self) -> list[str]:
        """Return what is wrong with the secrets that are set, one line each; nothing is wrong in dev and test."""
        if self.environment in LENIENT:
            return []
        faults = []
        for name in SECRETS:
            secret: SecretStr | None = getattr(self, name)
            fault = weakness(secret.get_secret_value()) if secret is not None else None
            if fault:
                faults.append(f"{name}: {fault}")
        if self.secret_key is not None and self.secret_key == self.developer_key:
            faults.append("developer_key: is the same as secret_key; make another, as developers are told this one")
        return faults

    def bucket_faults(self) -> list[str]:
        """Return what is missing or wrong of the object stores that are to be used, one line each."""
        return self.recordings.faults() + self.audit.faults()

    def instance_faults(self) -> list[str]:
        """Return why this server can't be one of several as it is set, one line each."""
        if self.instances.name is None:
            return []
        faults = []
        url = self.database.url.get_secret_value() if self.database.url is not None else ""
        if not url.startswith("postgres"):
            faults.append("instances.name: several servers share a PostgreSQL database; name it in database.url")
        if self.instances.address is None and self.server.host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
            faults.append(
                "instances.address: this server listens on all its addresses; say which one the others reach it at"
            )
        return faults

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all settings but the secrets and their files, so that a session can name them."""
        hidden = {*SECRETS, *(f"{name}_file" for name in SECRETS)}
        plain = self.model_dump(mode="json", exclude=hidden)
        del plain["engines"]["remote"]["keys"], plain["vault"]
        for name in ("client_secret", "client_secret_file"):
            del plain["auth"]["oidc"][name]
        for section in ("recordings", "audit"):
            for name in ("secret_access_key", "secret_access_key_file"):
                del plain[section]["s3"][name]
        for name in ("authorization", "authorization_file"):
            del plain["tracing"][name]
        return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":")).encode()).hexdigest()

    def shaping(self) -> dict[str, Any]:
        """Return the settings that shape a conversation, by their paths; no secret and no address is among them."""
        plain = self.model_dump(mode="json", include={"conversation", "speech", "audio", "vad", "engines"})
        del plain["engines"]["remote"]
        return dict(sorted(_flat(plain)))

    def redacted(self) -> dict[str, Any]:
        """Return all settings as plain data, with `********` for each secret that is set."""
        plain = self.model_dump(mode="json")
        for path in (*SECRETS, *KEYS_OF_OTHERS, MASTER_KEY):
            *sections, name = path.split(".")
            place = plain
            for section in sections:
                place = place[section]
            place[name] = "********" if _at(self, path) is not None else None
        return plain


# Sections that belong to other rooms say this in comments beside their fields; here it is for people.
DESCRIPTIONS: dict[str, str] = {
    "conversation.endpointing.style": "Patience of the wait: practice, exam (more), slow_speaker (much more).",
    "conversation.endpointing.floor_ms": "Shortest wait in milliseconds of silence, even if the end is clear.",
    "conversation.endpointing.ceiling_ms": "Longest wait in milliseconds of silence, even if the end is unclear.",
    "conversation.endpointing.patience_s": "Seconds of waiting worth as much as not cutting somebody off once.",
    "conversation.endpointing.inner_share": "Expected number of pauses between words for each end of a turn.",
    "conversation.endpointing.short_share": "Expected number of pauses under half a second for each longer pause.",
    "conversation.endpointing.asked_factor": "Factor on the odds of going on, once the turn asks for something.",
    "conversation.endpointing.unheard_ms": "Milliseconds of silence that end speech without a recognised word.",
    "conversation.fixed_wait_ms": "Fixed milliseconds of silence that end every turn; empty: the endpointing decides.",
    "conversation.drafts.enabled": "Whether to prepare replies in a pause, before it is certain that the turn is over.",
    "conversation.drafts.ahead_ms": "How many milliseconds before a turn's expected end a reply is prepared.",
    "conversation.drafts.most": "Most replies to prepare ahead in one turn.",
    "conversation.floor.yield_after_ms": "Milliseconds of speech over the patient's that count as an interruption.",
    "conversation.floor.unsure_ms": "The same in milliseconds while no word, or only one, is recognised.",
    "conversation.floor.backchannel_ms": "The same in milliseconds for backchannels in a row.",
    "conversation.floor.resume_after_ms": "Milliseconds of silence that end a sound over the patient's speech.",
    "conversation.floor.give_up_ms": "Milliseconds of silence after which the patient goes on though no text has come.",
    "conversation.peek_ms": "Milliseconds of silence after which the recogniser reads the speech so far.",
    "conversation.help_message": "What the page says to somebody in danger or distress: name who helps where you are.",
    "conversation.segment_max_ms": "Milliseconds of speech without a pause after which a segment is cut.",
    "conversation.segment_pause_ms": "Milliseconds of silence after which a segment gets its final transcript.",
    "conversation.excused_ms": "Most milliseconds of missing audio in a pause that do not count as silence.",
    "conversation.noise_max_ms": "Milliseconds; a shorter sound without a word counts as noise.",
    "conversation.silence_prompt_ms": "Milliseconds of silence after which the patient prompts once; 0: never.",
    "conversation.recognise_timeout_ms": "Milliseconds to wait for a final transcript; then the partial one counts.",
    "conversation.respond_timeout_ms": "Milliseconds to wait for a reply; then the turn goes unanswered.",
    "conversation.reply_stall_ms": "Milliseconds of silence after which a reply ends if an engine hangs in it.",
    "conversation.closing_grace_s": "Seconds from 'time is up' to the hard end of the role-play.",
    "speech.on_threshold": "Probability of speech (0 to 1) from which audio counts as voiced.",
    "speech.off_threshold": "Probability of speech (0 to 1) below which audio is silent; not above on_threshold.",
    "speech.start_ms": "Milliseconds of voiced audio after which speech has started.",
    "speech.pause_ms": "Milliseconds of silence that make a pause; speech can continue at once after it.",
    "speech.stop_ms": "Milliseconds of silence after which speech has ended and must start again.",
    "speech.preroll_ms": "Milliseconds of audio before the first voice that the recogniser also gets.",
}

LEAVES = layers.leaves(Settings)
"""Every leaf by its dotted path."""


def describe(path: str) -> str:
    """Return what the setting at a dotted path is, with its unit; raises KeyError."""
    return LEAVES[path].description or DESCRIPTIONS[path]


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """Settings, where each leaf came from, and notes to log.

    An origin is `default`, `profile` and its name, a file's name, a variable's name or `--set`.
    """

    settings: Settings
    origins: Mapping[str, str]
    notes: tuple[str, ...]


def load_settings(
    *,
    config_folder: Path | None = None,
    overrides: Mapping[str, str] | Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Return the settings of all layers; raises SettingsError with one line per fault."""
    return load_with_origins(config_folder=config_folder, overrides=overrides, environ=environ).settings


def load_with_origins(
    *,
    config_folder: Path | None = None,
    overrides: Mapping[str, str] | Sequence[str] = (),
    environ: Mapping[str, str] | None = None,
) -> LoadedSettings:
    """Return the settings of all layers with the origin of each leaf; raises SettingsError, one line per fault.

    `environ` is this process's environment with the file `.env`, if it is not given.
    """
    environ = environment() if environ is None else environ
    folder = config_folder or CONFIG_FOLDER
    if not folder.is_dir():
        raise SettingsError(f"{folder}: is not a folder; give the one that holds base.yaml")
    faults: list[str] = []
    base = layers.from_file(folder / "base.yaml", LEAVES, faults)
    aliases, notes = apply_aliases(environ)
    alias_layer = [
        layers.Given(path, layers.parse_text(alias.value, LEAVES[path]), alias.name) for path, alias in aliases.items()
    ]
    variables = layers.from_environment(environ, LEAVES, faults)
    command_line = layers.from_overrides(overrides, LEAVES, faults)
    chosen = layers.merge([base, alias_layer, variables, command_line]).get("environment")
    named = chosen.value if chosen else Settings.model_fields["environment"].default
    own = _environment_layer(folder, environment_name(named) if isinstance(named, str) else named, faults)
    given = [base, own, alias_layer, variables, command_line]
    profile = layers.merge(given).get(PROFILE)
    merged = layers.merge([_catalogue_layer(folder), profile_layer(profile.value) if profile else [], *given])
    try:
        settings = Settings.model_validate(layers.nested(merged))
    except ValidationError as error:
        raise SettingsError("\n".join(faults + layers.explain(error, merged, LEAVES))) from None
    origins = {path: merged[path].origin if path in merged else "default" for path in LEAVES}
    settings = _with_secrets(settings, origins, faults)
    faults += settings.secret_faults()
    if faults:
        raise SettingsError("\n".join(faults))
    return LoadedSettings(settings, origins, tuple(notes))


def _catalogue_layer(folder: Path) -> list[layers.Given]:
    """Return the catalogue of models in a configuration folder of one's own, which stands in for the supplied one."""
    own = folder / "models.yaml"
    if folder == CONFIG_FOLDER or not own.is_file():
        return []
    return [layers.Given("models.catalogue", str(own), own.name)]


def _environment_layer(folder: Path, environment: Any, faults: list[str]) -> list[layers.Given]:
    if environment not in get_args(EnvironmentName):
        # The model says what is wrong with it; no file of such a name is looked for.
        return []
    path = folder / f"{environment}.yaml"
    if environment not in LENIENT and not path.is_file():
        faults.append(f"environment: {environment} needs its file {path}; put it there, empty if need be")
    given = layers.from_file(path, LEAVES, faults)
    for item in given:
        if item.path == "environment" and item.value != environment:
            faults.append(f"environment: {path.name} says {item.value!r}; its name says it, so remove the line")
    return given


def _with_secrets(settings: Settings, origins: dict[str, str], faults: list[str]) -> Settings:
    """Return settings with the secrets of their files; in dev and test an empty secret is none, and an empty key is."""
    strict = settings.environment not in LENIENT
    for name in (*SECRETS, *KEYS_OF_OTHERS, MASTER_KEY):
        value: SecretStr | None = _at(settings, name)
        path: Path | None = _at(settings, f"{name}_file") if name != MASTER_KEY else None
        if value is not None and not value.get_secret_value() and (not strict or name not in SECRETS):
            settings = _put(settings, name, None)
            value = None
        if strict and value is not None and origins[name].endswith((".yaml", "--set")):
            faults.append(f"{name}: must not come from {origins[name]}; use an environment variable or {name}_file")
        if path is None:
            continue
        if value is not None:
            faults.append(f"{name}: is set by {origins[name]}, and so is {name}_file; remove one of them")
            continue
        secret, fault = read_secret_file(path, strict=strict)
        if fault:
            faults.append(f"{name}_file: {fault}")
        else:
            settings = _put(settings, name, SecretStr(secret))
            origins[name] = f"{name}_file"
    return settings


def _at(tree: BaseModel, path: str) -> Any:
    """Return what stands at a dotted path."""
    value: Any = tree
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _put(tree: Model, path: str, value: object) -> Model:
    """Return the tree with another value at a dotted path."""
    name, _, rest = path.partition(".")
    return tree.model_copy(update={name: _put(getattr(tree, name), rest, value) if rest else value})


def _flat(plain: dict[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested data with their paths."""
    for name, value in plain.items():
        path = f"{above}{name}"
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{path}.")
        else:
            yield path, value
