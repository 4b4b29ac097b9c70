"""A recogniser that mishears people doesn't put swear words into their mouths."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from common.errors import EngineError
from pipelines.engines import StreamSpec
from pipelines.stt.pocketsphinx import PocketSphinxRecogniser
from pipelines.stt.profanity import UNWANTED, without_unwanted

# What people say in a consultation, though some of it sounds like, contains or can mean something else.
NEEDED = (
    "breast penis vagina vulva anal rectal rectum bloody blood bowel testicles nipple buttock buttocks sexual prick "
    "pinprick screw screws jerk knee pass passed passing class assess assessment asset he'll hello help health shell "
    "cockroach hancock dickinson dickens title stitch peacock cumulative document dyke sod fart retarded"
).split()


@pytest.fixture(scope="module")
def recogniser() -> PocketSphinxRecogniser:
    return PocketSphinxRecogniser()


def test_entries_go_with_their_further_pronunciations_and_owners() -> None:
    dictionary = (
        "hello HH AH L OW\nhell HH EH L\nhell's HH EH L Z\nhe'll HH IY L\nretard R IH T\nretard(2) R IY T\nshell SH\n"
    )
    assert without_unwanted(dictionary) == "hello HH AH L OW\nhe'll HH IY L\nshell SH\n"
    assert without_unwanted("") == ""


def test_the_decoder_can_write_no_unwanted_word_and_every_needed_one(recogniser: PocketSphinxRecogniser) -> None:
    stream = recogniser.open(StreamSpec(stream_id="s"))
    known = stream._decoder.raw.lookup_word
    assert [word for word in UNWANTED if known(word) is not None or known(f"{word}(2)") is not None] == []
    assert [word for word in NEEDED if word in UNWANTED or known(word) is None] == []
    stream.close()


def test_a_card_may_teach_such_a_word_for_its_own_role_plays(recogniser: PocketSphinxRecogniser) -> None:
    stream = recogniser.open(StreamSpec(stream_id="s", vocabulary=("Mr Dick",)))
    assert stream._decoder.raw.lookup_word("dick~0") is not None
    stream.close()
    other = recogniser.open(StreamSpec(stream_id="t"))
    assert other._decoder.raw.lookup_word("dick~0") is None
    other.close()


def test_nothing_is_left_of_the_file_that_the_decoder_was_built_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    PocketSphinxRecogniser().warm()
    assert list(tmp_path.iterdir()) == []


def test_a_machine_without_room_for_the_file_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(EngineError, match="TMPDIR"):
        PocketSphinxRecogniser().warm()
