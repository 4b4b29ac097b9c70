"""Reads the fixture sentences as the product does: with its prompts, streamed or whole, padded or not.

Streamed is as a session hears it: frames of 20 ms, a caption every half second, the words that captions agreed on put
before the next reading. With a vocabulary, the names and drugs of the recording's card come before the audio as well.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio.frames import ANALYSIS_HZ, Pcm, samples_for
from pipelines.engines import DecodeRequest, SegmentDecoder, StreamSpec
from pipelines.models.settings import ModelSettings
from pipelines.stt.decoded_stream import DecodedRecogniser
from pipelines.stt.whisper import WhisperDecoder, make_decoder
from pipelines.tts.espeak import EspeakSynthesiser
from tests.models.proof_settings import MODEL, proof_settings
from tests.models.reading import Sentence, qualifying, same, sentences
from tests.models.speech import vocabularies

_FRAME = samples_for(20.0, ANALYSIS_HZ)


@dataclass(frozen=True, slots=True)
class Way:
    """One of the product's ways to read a clip."""

    streamed: bool
    true_length: bool
    vocabulary: bool

    def __str__(self) -> str:
        how = "streamed" if self.streamed else "whole"
        length = "its own length" if self.true_length else "padded to 30 s"
        return f"{how}, {length}, {'the card’s words' if self.vocabulary else 'no vocabulary'}"


@dataclass(frozen=True, slots=True)
class Misread:
    """A sentence that was read wrong: how, and every caption on the way there with its count of words for good."""

    sentence: Sentence
    text: str
    captions: tuple[tuple[str, int], ...] = ()
    rejected: str = ""


def ways() -> list[Way]:
    """Return all eight."""
    both = (True, False)
    return [Way(streamed, length, words) for length in both for streamed in (False, True) for words in both]


def load_decoder(folder: Path = MODEL, *, true_length: bool, threads: int = 1) -> WhisperDecoder:
    """Return the product's decoder on this model."""
    settings = proof_settings(folder, true_length=true_length)
    return make_decoder(folder=folder, settings=settings, models=ModelSettings(cpu_threads=threads))


def pcm(sentence: Sentence) -> Pcm:
    """Return the audio as the product has it."""
    return np.clip(np.round(sentence.samples * 32768.0), -32768, 32767).astype(np.int16)


def read_whole(decoder: SegmentDecoder, sentence: Sentence, vocabulary: tuple[str, ...] = ()) -> Misread:
    """Return what one final decode reads."""
    (decoded,) = decoder.decode((DecodeRequest(pcm(sentence), vocabulary=vocabulary),)).results
    rejected = decoded.rejected
    text = " ".join(word.text for word in decoded.words)
    return Misread(sentence, text, rejected=f"{rejected.reason} {rejected.text!r}" if rejected else "")


def read_streamed(decoder: SegmentDecoder, sentence: Sentence, vocabulary: tuple[str, ...] = ()) -> Misread:
    """Return what is read in the end of a clip that comes in frames, and the captions before."""
    stream = DecodedRecogniser(decoder).open(StreamSpec("", vocabulary))
    samples = pcm(sentence)
    captions = []
    for at in range(0, len(samples), _FRAME):
        if (caption := stream.feed(samples[at : at + _FRAME])) is not None:
            captions.append((caption.text, caption.stable_words))
    final = stream.finish()
    rejected = f"{final.rejected.reason} {final.rejected.text!r}" if final.rejected else ""
    return Misread(sentence, final.text, tuple(captions), rejected)


def misread(decoder: SegmentDecoder, way: Way, everything: Sequence[Sentence]) -> Iterator[Misread]:
    """Yield the sentences that are read wrong this way."""
    words = vocabularies() if way.vocabulary else {}
    read = read_streamed if way.streamed else read_whole
    for sentence in everything:
        found = read(decoder, sentence, words.get(sentence.card, ()))
        if not same(sentence.text, found.text):
            yield found


def main(arguments: Sequence[str] | None = None) -> int:
    """Read all sentences all ways; return 1 when more are wrong than allowed."""
    parser = argparse.ArgumentParser(description="Read every fixture sentence as the product does; print wrong ones.")
    parser.add_argument("folder", nargs="?", type=Path, default=MODEL, help="of the model (default: the proof model)")
    parser.add_argument("--only", default="", help="ways whose name has all of these words, e.g. 'streamed own'")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="read every Nth sentence alone")
    parser.add_argument("--captions", action="store_true", help="print the captions of what is wrong too")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--allowed", type=float, default=0.0, help="share of readings that may be wrong (default: 0)")
    given = parser.parse_args(arguments)
    bundled = qualifying(EspeakSynthesiser())
    wrong = total = 0
    for way in ways():
        if not all(word in str(way) for word in given.only.split()):
            continue
        # A stream may be longer than the window; what has been settled is let go on the way.
        known = sentences(longest_s=math.inf) if way.streamed else sentences()
        everything = (known + bundled)[:: given.every]
        decoder = load_decoder(given.folder, true_length=way.true_length, threads=given.threads)
        decoder.warm()
        found = list(misread(decoder, way, everything))
        decoder.close()
        wrong, total = wrong + len(found), total + len(everything)
        sys.stdout.write(f"{way}: {len(everything) - len(found)} of {len(everything)} right\n")
        for one in found:
            name = one.sentence.name
            sys.stdout.write(f"  {name}: {one.sentence.text!r}\n  {' ' * len(name)}  {one.text!r} {one.rejected}\n")
            for text, stable in one.captions if given.captions else ():
                sys.stdout.write(f"  {' ' * len(name)}    {stable:3} {text!r}\n")
        sys.stdout.flush()
    return 1 if wrong > given.allowed * total else 0


if __name__ == "__main__":
    sys.exit(main())
