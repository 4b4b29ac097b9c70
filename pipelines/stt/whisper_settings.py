"""Settings of the Whisper recogniser."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.models.devices import DEVICE_PATTERN
from pipelines.stt.growing import Growth
from pipelines.stt.telling import Telling
from pipelines.stt.window import WindowRule

ComputeType = Literal[
    "auto", "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16", "float32"
]


class WhisperSettings(BaseModel):
    """Which Whisper, where it computes, and how it listens; frozen and hashable."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str = Field(
        default="auto",
        min_length=1,
        description="Model by its id (tiny.en, base.en, small, large-v3, turbo, ...), its repository on the hub, or a "
        "folder; auto: the best model in models.path that this machine can run fast enough.",
    )
    device: str = Field(
        default="auto",
        pattern=DEVICE_PATTERN,
        description="Device: auto (a graphics card if there is one), cpu, cuda, cuda:1, or mps (cpu).",
    )
    compute: ComputeType = Field(
        default="auto", description="Number type; auto: float16 on a graphics card, int8 on the processor."
    )
    language: str = Field(
        default="en", pattern=r"^[a-z]{2,3}$", description="Spoken language by its code: en, de, yue."
    )
    true_length: Literal["qualified", "always", "never"] = Field(
        default="qualified",
        description="Whether audio is encoded at its own length instead of padded to 30 s: qualified (for models that "
        "a trial on this machine found as good that way), always, never.",
    )
    floor_s: float = Field(
        default=10, ge=0, le=30, description="Shortest window of the encoder in seconds, at the audio's own length."
    )
    margin_s: float = Field(
        default=5, ge=0, le=30, description="Seconds of silence added to audio that is encoded at its own length."
    )
    partial_every_ms: int = Field(
        default=1_000,
        ge=100,
        le=10_000,
        description="Milliseconds of new audio after which a caption is decoded, unless a short silence comes first; "
        "under load it takes longer.",
    )
    # A word that was only half said is often the same in two readings, and what has to go on from it goes wrong: of the
    # words of second-language speakers 41.7 % were wrong with none held back, 37.5 % with one, 36.9 % with two.
    held_back_words: int = Field(
        default=1,
        ge=0,
        le=10,
        description="How many of the last words that two captions agree on wait for a third caption before they are "
        "settled.",
    )
    told: str = Field(
        default=Telling().plain,
        max_length=500,
        description="Prompt for the model if there are no names: a sentence as if it was said before.",
    )
    told_names: str = Field(
        default=Telling().of_names,
        max_length=500,
        description="Prompt with the names and drugs of the card in place of `{names}`.",
    )
    beam: int = Field(
        default=1, ge=1, le=10, description="Number of hypotheses to follow for a final transcript (beam search)."
    )
    max_segment_s: float = Field(
        default=28, ge=5, le=30, description="Most seconds of audio to decode at once; longer audio is cut."
    )

    @property
    def rule(self) -> WindowRule:
        """The windows of audio that is encoded at its own length."""
        return WindowRule(self.floor_s, self.margin_s)

    @property
    def telling(self) -> Telling:
        """What the model is told was said before."""
        return Telling(self.told, self.told_names)

    @property
    def growth(self) -> Growth:
        """How speech is read while it grows."""
        return Growth(most_s=self.max_segment_s, held_back=self.held_back_words)

    @model_validator(mode="after")
    def _hears_the_language(self) -> WhisperSettings:
        if self.model.endswith(".en") and self.language != "en":
            raise ValueError(f"{self.model} hears English alone; set model to {self.model[:-3]}, or language to en")
        return self
