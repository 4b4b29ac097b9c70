"""The proof model as the recogniser uses it: the real decoder, on the processor, at either length."""

from __future__ import annotations

from pipelines.models.settings import ModelSettings
from pipelines.stt.decoded_stream import DecodedRecogniser
from pipelines.stt.whisper import WhisperDecoder, make_decoder
from tests.models.proof_settings import MODEL, proof_settings

KNOWN = "Please take one tablet twice a day after meals."
KNOWN_TOO = "Can you show me exactly where the pain is?"
"""Of what it was taught to hear from the embedded voice."""


def proof_decoder(*, true_length: bool) -> WhisperDecoder:
    """Return a decoder on the proof model; it loads when it is warmed."""
    settings = proof_settings(true_length=true_length)
    return make_decoder(folder=MODEL, settings=settings, models=ModelSettings(cpu_threads=1))


def proof_recogniser(*, true_length: bool) -> DecodedRecogniser:
    """Return the recogniser without a lane; padded readings take eight times as long, so there are fewer captions."""
    return DecodedRecogniser(proof_decoder(true_length=true_length), caption_every_ms=400.0 if true_length else 1_200.0)
