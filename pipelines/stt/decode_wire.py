"""Readings asked for from another machine: how requests and answers are written as bytes, and how they are answered.

A request is a line of JSON and the audio of all clips after it; an answer is JSON. Both say the version of this form.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from audio.frames import ANALYSIS_HZ
from common.errors import EngineError
from pipelines.engines import Decoded, DecodedBatch, DecodeRequest, EngineInfo, Rejection, SegmentDecoder, Word

FORM = 1
MOST_CLIPS = 64
MOST_SAMPLES = 30 * ANALYSIS_HZ  # of one clip, as a decoder takes it
MOST_BYTES = MOST_CLIPS * MOST_SAMPLES * 2 + 1_000_000
PURPOSES = ("caption", "interim", "final")


def pack_requests(requests: Sequence[DecodeRequest]) -> bytes:
    """Return requests as bytes."""
    clips = [
        {
            "samples": len(request.samples),
            "purpose": request.purpose,
            "vocabulary": request.vocabulary,
            "prefix": request.prefix,
            "times": request.times,
        }
        for request in requests
    ]
    audio = b"".join(request.samples.astype("<i2", copy=False).tobytes() for request in requests)
    return json.dumps({"form": FORM, "clips": clips}).encode() + b"\n" + audio


def unpack_requests(body: bytes) -> tuple[DecodeRequest, ...]:
    """Return the requests of a body; raises EngineError with what is wrong with it."""
    head, line, audio = body.partition(b"\n")
    try:
        told = json.loads(head)
        clips = told["clips"]
        if told["form"] != FORM or not line or not 1 <= len(clips) <= MOST_CLIPS:
            raise ValueError(f"form {told['form']}, {len(clips)} clips")
        found, place = [], 0
        for clip in clips:
            count = clip["samples"]
            if not (isinstance(count, int) and 0 < count <= MOST_SAMPLES) or clip["purpose"] not in PURPOSES:
                raise ValueError("a clip is no clip")
            samples = np.frombuffer(audio, dtype="<i2", count=count, offset=place).astype(np.int16)
            place += 2 * count
            found.append(
                DecodeRequest(
                    samples,
                    clip["purpose"],
                    _texts(clip["vocabulary"]),
                    _texts(clip["prefix"]),
                    times=bool(clip["times"]),
                )
            )
        if place != len(audio):
            raise ValueError("there is more audio than its clips have")
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"this is no request to read audio: {error}") from None
    return tuple(found)


def pack_batch(batch: DecodedBatch) -> bytes:
    """Return what was read as bytes."""
    results = [
        {
            "words": [[word.text, word.start_ms, word.end_ms, word.confidence] for word in result.words],
            "rejected": None if result.rejected is None else [result.rejected.reason, result.rejected.text],
        }
        for result in batch.results
    ]
    return json.dumps({"form": FORM, "results": results}).encode()


def unpack_batch(body: bytes) -> DecodedBatch:
    """Return what an answer says was read; raises EngineError."""
    try:
        told = json.loads(body)
        if told["form"] != FORM:
            raise ValueError(f"form {told['form']}")
        results = tuple(
            Decoded(
                tuple(Word(str(text), int(start), int(end), sure) for text, start, end, sure in result["words"]),
                None if result["rejected"] is None else Rejection(*result["rejected"]),
            )
            for result in told["results"]
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"this is no answer of a recogniser: {error}") from None
    return DecodedBatch(results)


def pack_info(info: EngineInfo) -> bytes:
    """Return what a decoder says of itself as bytes."""
    told = {"form": FORM, "name": info.name, "demonstration": info.demonstration, "detail": info.detail}
    return json.dumps(told).encode()


def unpack_info(body: bytes, *, at: str) -> EngineInfo:
    """Return what the decoder at an address says of itself; raises EngineError."""
    try:
        told = json.loads(body)
        if told["form"] != FORM:
            raise ValueError(f"form {told['form']}")
        return EngineInfo(
            kind="recogniser",
            name=str(told["name"]),
            demonstration=bool(told["demonstration"]),
            isolation="thread",
            detail=f"{told['detail']}, served at {at}",
        )
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError(f"{at} is no recogniser of ours: {error}") from None


def answer(decoder: SegmentDecoder, body: bytes) -> bytes:
    """Return the answer to a body; raises EngineError."""
    return pack_batch(decoder.decode(unpack_requests(body)))


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError("words are a list of texts")
    return tuple(value)
