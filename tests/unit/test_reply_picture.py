"""The picture of a reply: what is in it is the sound and its words."""

from __future__ import annotations

import struct
import zlib
from xml.etree import ElementTree

import numpy as np

from audio.frames import WIRE_HZ, Pcm
from bench.reply_picture import COLUMNS, MOST_HZ, ROWS, draw, png, spectrum
from bench.voice.lines import Line, SpokenLine
from pipelines.engines import Voice, Word


def tone(hz: float, seconds: float) -> Pcm:
    phase = 2 * np.pi * hz * np.arange(round(seconds * WIRE_HZ)) / WIRE_HZ
    made: Pcm = np.rint(8_000 * np.sin(phase)).astype(np.int16)
    return made


def test_a_tone_is_light_at_its_height_and_when_it_sounds() -> None:
    levels = spectrum(np.concatenate([np.zeros(WIRE_HZ, dtype=np.int16), tone(2_000, 1.0)]))
    assert levels.shape == (ROWS, COLUMNS)
    late = levels[:, 3 * COLUMNS // 4]
    assert abs(int(late.argmax()) - ROWS * (1 - 2_000 / MOST_HZ)) <= 2
    assert late.max() == 255
    assert levels[:, COLUMNS // 4].max() == 0


def test_a_png_holds_every_pixel() -> None:
    levels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    data = png(levels)
    assert data.startswith(b"\x89PNG")
    assert struct.unpack(">II", data[16:24]) == (3, 2)
    at = data.index(b"IDAT")
    (length,) = struct.unpack(">I", data[at - 4 : at])
    assert zlib.decompress(data[at + 4 : at + 4 + length]) == b"\x00\x00\x01\x02\x00\x03\x04\x05"


def test_every_word_is_marked_and_described() -> None:
    words = (Word("It", 0, 200), Word("hurts & <burns>", 500, 900))
    line = Line("card", "It hurts & <burns>", Voice(), {})
    tree = ElementTree.fromstring(draw(SpokenLine(line, tone(300, 1.0), words), "joe"))
    texts = [node.text for node in tree.iter("{http://www.w3.org/2000/svg}text")]
    assert "It" in texts
    assert "hurts & <burns>" in texts
    (described,) = tree.iter("{http://www.w3.org/2000/svg}desc")
    assert "2 words lie between 0.00 and 0.90 s" in str(described.text)
