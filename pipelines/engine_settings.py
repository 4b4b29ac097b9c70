"""Which engines to use: the settings under `engines`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from pipelines.models.devices import DEVICE_PATTERN
from pipelines.responders.language_model.settings import LanguageModelSettings
from pipelines.responders.remote.settings import RemoteSettings
from pipelines.stt.whisper_settings import WhisperSettings

Backend = Literal["mock", "embedded", "local", "cloud", "auto"]


class EngineSettings(BaseModel):
    """Which engines to use, and how many workers each has."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    profile: Literal["embedded", "small-cpu", "hybrid", "gpu"] = Field(
        default="embedded", description="Named set of defaults for a kind of machine; see the table of profiles."
    )
    backend: Backend = Field(
        default="auto",
        description="Set of engines: mock (scripted, tests only), embedded, local, cloud, or auto (best installed).",
    )
    recogniser: Literal["auto", "whisper", "pocketsphinx", "served", "scripted"] = Field(
        default="auto",
        description="Recogniser by name; auto follows the backend. served: a Whisper on another machine of yours, at "
        "engines.recogniser_address.",
    )
    recogniser_address: str = Field(
        default="",
        description="Address of the recogniser that is served, e.g. http://10.0.0.7:8100/, on this machine or a "
        "private network.",
    )
    recogniser_at_once: int = Field(
        default=1, ge=1, le=64, description="Readings that the served recogniser is asked for at once: its replicas."
    )
    recogniser_within_s: float = Field(
        default=10, gt=0, le=120, description="Seconds that the served recogniser may take for an answer."
    )
    interpreter: Literal["auto", "encoder", "spelling", "scripted"] = Field(
        default="auto",
        description="What understands the candidate's questions, by examples: encoder (by meaning), spelling (by how "
        "they are spelt). auto: the encoder if it is installed and Whisper listens.",
    )
    interpreter_model: str = Field(
        default="all-minilm-l6-v2", description="Text encoder to understand with: an id of the catalogue, or a folder."
    )
    interpreter_device: str = Field(
        default="cpu",
        pattern=DEVICE_PATTERN,
        description="Where the text encoder computes: cpu, cuda, cuda:1, or auto. A sentence takes 2 ms of one core.",
    )
    interpreter_top_k: int = Field(
        default=3, ge=1, le=20, description="How many cues and facts, the likeliest first, are looked up for a turn."
    )
    responder: Literal["auto", "scripted-patient", "language-model", "remote", "scripted"] = Field(
        default="auto",
        description="What words the patient's replies, by name; scripted-patient: the card's words; language-model: "
        "that of engines.language_model; remote: the one of engines.remote. auto follows the backend: local takes a "
        "language model that is installed, cloud and the profile hybrid a remote one, all others the card's words.",
    )
    language_model: LanguageModelSettings = Field(default_factory=LanguageModelSettings)
    guard_rules: Path | None = Field(
        default=None,
        description="File of the rules by which the guard reads what a language model says as the patient, read again "
        "when it changes; empty: configs/guard.yaml.",
    )
    synthesiser: Literal["auto", "neural", "espeak", "flite", "scripted"] = Field(
        default="auto",
        description="Voices: neural (those that were pulled), flite, espeak. auto: neural ones that are quick enough "
        "on this machine for the patients that they fit, and for the others flite where it is installed.",
    )
    coqui_model: str = Field(
        default="",
        description="Model of the package coqui-tts that speaks for patients of one sex: a name such as "
        "`tts_models/en/ljspeech/tacotron2-DDC`, or a folder. It needs `./scripts/setup-coqui`. Empty: none.",
    )
    coqui_sex: Literal["female", "male"] = Field(default="female", description="Whose voice the Coqui model has.")
    coqui_speaker: str = Field(default="", description="Speaker of a Coqui model of several; empty: its only one.")
    coqui_python: Path = Field(
        default=Path(".coqui-env/bin/python"), description="Python of the environment that has coqui-tts."
    )
    turn_detector: Literal["auto", "smart-turn", "off", "scripted"] = Field(
        default="auto",
        description="What hears whether a turn sounds finished; auto: Smart Turn if it is installed. off: text alone.",
    )
    recogniser_workers: int = Field(
        default=0, ge=0, le=64, description="PocketSphinx processes; 0: one per core, at most 4."
    )
    interpreter_workers: int = Field(default=1, ge=1, le=64, description="Threads of the interpreter.")
    responder_workers: int = Field(
        default=0,
        ge=0,
        le=64,
        description="Threads of the responder, for a remote one at least 16; 0: one, for a language model two.",
    )
    synthesiser_workers: int = Field(
        default=0, ge=0, le=64, description="Threads or processes of the voice; 0: one, for neural voices two."
    )
    spoken_ahead_mib: int = Field(
        default=64,
        ge=0,
        le=4_096,
        description="Memory for the beginnings of patients' lines, which neural voices speak ahead while nobody talks: "
        "a patient then answers at once. Twelve cards take about 40 MiB. 0: none.",
    )
    turn_detector_workers: int = Field(default=1, ge=1, le=64, description="Threads of the turn detector.")
    whisper: WhisperSettings = Field(default_factory=WhisperSettings)
    remote: RemoteSettings = Field(default_factory=RemoteSettings)

    @field_validator("interpreter", mode="before")
    @classmethod
    def _not_by_rules(cls, name: object) -> object:
        if name == "word-index":
            raise ValueError("there is no word-index any more: 'spelling' understands without a text encoder")
        return name
