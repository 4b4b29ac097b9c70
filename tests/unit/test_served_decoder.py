"""A recogniser on another machine: what is asked and answered survives the way, and faults are told in a line."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.errors import EngineError
from pipelines.engine_choices import choose_engines
from pipelines.engine_settings import EngineSettings
from pipelines.engines import Decoded, DecodedBatch, DecodeRequest, EngineInfo, Rejection, Word
from pipelines.models.settings import ModelSettings
from pipelines.stt.decode_wire import (
    MOST_CLIPS,
    MOST_SAMPLES,
    pack_batch,
    pack_info,
    pack_requests,
    unpack_batch,
    unpack_info,
    unpack_requests,
)
from pipelines.stt.served_decoder import ServedDecoder, check_address
from server.cli.doctor import check_served
from server.settings.tree import Settings
from tests.fakes.served import served

INFO = EngineInfo("recogniser", "whisper", demonstration=False, isolation="thread", detail="Whisper tiny.en")
BATCH = DecodedBatch(
    (
        Decoded((Word("Good", 0, 300, 0.9), Word("morning.", 300, 800, None))),
        Decoded(rejected=Rejection("phantom", "Thank you.")),
        Decoded((Word("naïve", 0, 10, 0.5),), Rejection("repeats", "naïve naïve")),
    )
)


def clip(seconds: float = 0.1, **fields: Any) -> DecodeRequest:
    samples = np.random.default_rng(0).integers(-30_000, 30_000, int(16_000 * seconds)).astype(np.int16)
    return DecodeRequest(samples, **fields)


class Reading:
    """Reads what it was told to, and keeps what it was asked."""

    info = INFO

    def __init__(self, batch: DecodedBatch = BATCH) -> None:
        self.batch = batch
        self.asked: list[Sequence[DecodeRequest]] = []

    def warm(self) -> None:
        pass

    def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
        self.asked.append(requests)
        return DecodedBatch(self.batch.results[: len(requests)])


# ------------------------------------------------------------------ the form


def test_requests_are_what_they_were() -> None:
    asked = (clip(0.2, purpose="interim", vocabulary=("Mr Brown", "naïve")), clip(0.1, prefix=("Good",), times=False))
    got = unpack_requests(pack_requests(asked))
    for before, after in zip(asked, got, strict=True):
        assert np.array_equal(before.samples, after.samples)
        assert after.samples.dtype == np.int16
        for name in ("purpose", "vocabulary", "prefix", "times"):
            assert getattr(before, name) == getattr(after, name)


def test_what_was_read_is_what_it_was() -> None:
    assert unpack_batch(pack_batch(BATCH)) == BATCH


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}\n",
        b"[]\n",
        b'{"form": 1, "clips": []}\n',
        b'{"form": 2, "clips": [1]}\n',
        b'{"form": 1, "clips": [{"samples": -1, "purpose": "final", "vocabulary": [], "prefix": [], "times": true}]}\n',
        pack_requests([clip()])[:-1],
        pack_requests([clip()]) + b"\0",
        pack_requests([clip()]).replace(b'"final"', b'"sing_"'),
        pack_requests([clip()]).replace(b'"vocabulary": []', b'"vocabulary": 17'),
        pack_requests([clip(0.01)] * (MOST_CLIPS + 1)),
        pack_requests([DecodeRequest(np.zeros(MOST_SAMPLES + 1, dtype=np.int16))]),
    ],
)
def test_what_is_no_request_is_refused_in_a_line(body: bytes) -> None:
    with pytest.raises(EngineError, match=r"^this is no request to read audio: ") as refused:
        unpack_requests(body)
    assert "\n" not in str(refused.value)


@given(st.binary(max_size=400))
def test_no_bytes_break_what_reads_them(body: bytes) -> None:
    for read in (unpack_requests, unpack_batch, lambda body: unpack_info(body, at="x")):
        with pytest.raises(EngineError):
            read(body)


def test_what_a_decoder_says_of_itself_comes_with_where_it_is() -> None:
    info = unpack_info(pack_info(INFO), at="http://10.0.0.7:8100/")
    assert (info.name, info.demonstration) == ("whisper", False)
    assert info.detail == "Whisper tiny.en, served at http://10.0.0.7:8100/"


# ------------------------------------------------------------------ the way


def test_a_served_decoder_reads_as_the_decoder_does() -> None:
    reading = Reading()
    with served(reading) as address:
        decoder = ServedDecoder(address=address, timeout_s=10)
        decoder.warm()
        assert decoder.info.name == "whisper"
        asked = [clip(0.2), clip(0.1, purpose="caption"), clip(0.3)]
        assert decoder.decode(asked) == BATCH
        assert [len(one.samples) for one in reading.asked[-1]] == [len(one.samples) for one in asked]
        decoder.close()


def test_an_answer_that_lacks_a_reading_is_a_failure() -> None:
    with served(Reading(DecodedBatch(BATCH.results[:1]))) as address:
        decoder = ServedDecoder(address=address, timeout_s=10)
        with pytest.raises(EngineError, match="answered 1 of 2 requests"):
            decoder.decode([clip(), clip()])
        decoder.close()


def test_a_fault_there_is_told_here() -> None:
    class Broken(Reading):
        def decode(self, requests: Sequence[DecodeRequest]) -> DecodedBatch:
            raise EngineError("the model is broken")

    with served(Broken()) as address:
        decoder = ServedDecoder(address=address, timeout_s=10)
        with pytest.raises(EngineError, match="answered 400: the model is broken"):
            decoder.decode([clip()])
        decoder.close()


def test_a_machine_that_is_away_is_told_with_what_to_do() -> None:
    with served(Reading()) as address:
        decoder = ServedDecoder(address=address, timeout_s=10)
        decoder.warm()
    with pytest.raises(EngineError, match=r"does not answer .*engines\.recogniser_address") as refused:
        decoder.decode([clip()])
    assert address in str(refused.value)
    decoder.close()


def test_what_is_not_ours_is_not_taken_for_a_recogniser() -> None:
    with pytest.raises(EngineError, match="is no recogniser of ours"):
        unpack_info(b"<html>", at="http://10.0.0.7/")


@pytest.mark.parametrize(
    "address", ["http://10.0.0.7:8100/", "http://127.0.0.1:8100", "https://ear.internal/stt", "http://[::1]:8100/"]
)
def test_addresses_of_ones_own_are_taken(address: str) -> None:
    assert check_address(address).startswith(address.split("/", 3)[0])


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("", "write the whole address"),
        ("10.0.0.7:8100", "write the whole address"),
        ("ftp://10.0.0.7/", "is no address"),
        ("http://stt.example.org/", "not on a private network"),
        ("https://stt.example.org/", "candidates have not agreed"),
        ("http://a:b@10.0.0.7/", "must be an address alone"),
    ],
)
def test_other_addresses_are_refused_with_the_setting(address: str, why: str) -> None:
    with pytest.raises(EngineError, match=why) as refused:
        choose_engines(EngineSettings(recogniser="served", recogniser_address=address), ModelSettings())
    assert str(refused.value).startswith("engines.recogniser_address: ")


def test_a_served_recogniser_counts_as_whisper_and_says_where_it_reads() -> None:
    settings = EngineSettings(recogniser="served", recogniser_address="http://10.0.0.7:8100/", recogniser_at_once=3)
    choices = choose_engines(settings, ModelSettings())
    assert (choices.backend, choices.recogniser.name, choices.recogniser.readers) == ("local", "served", 3)
    assert choices.recogniser.reason == "asked for by name; it reads at http://10.0.0.7:8100/"
    assert not choices.recogniser.demonstration


def test_the_doctor_asks_a_served_recogniser() -> None:
    with served(Reading()) as address:
        settings = Settings(engines=EngineSettings(recogniser="served", recogniser_address=address))
        assert check_served(settings).status == "ok"
    told = check_served(settings)
    assert told.status == "fail"
    assert address in f"{told.found} {told.advice}"
