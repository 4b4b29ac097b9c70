from __future__ import annotations

import pytest

from common.errors import EngineError
from pipelines.stt.phones import ARPABET, american_spellings, arpabet, plain_word, pronounce
from pipelines.stt.vocabulary import Vocabulary, split_terms


class Model:
    def __init__(self) -> None:
        self.added: list[tuple[str, float]] = []

    def add_word(self, word: str, weight: float) -> int:
        self.added.append((word, weight))
        return len(self.added)


class Decoder:
    """Knows two words, and refuses what the real one refuses: the same word twice."""

    def __init__(self) -> None:
        self.model = Model()
        self.dictionary = {"doctor": "D AA K T ER", "anesthetic": "AE N AH S TH EH T IH K"}

    def get_lm(self) -> Model:
        return self.model

    def lookup_word(self, word: str) -> str | None:
        return self.dictionary.get(word)

    def add_word(self, word: str, phones: str, update: bool) -> int:
        if word in self.dictionary:
            raise RuntimeError(f"Failed to add word {word}")
        self.dictionary[word] = phones
        return len(self.dictionary)


def two_ways(word: str) -> tuple[tuple[str, ...], ...]:
    return (("AA", "B"), ("AH", "B"))


def test_unknown_words_get_each_pronunciation_and_come_back_as_written() -> None:
    decoder = Decoder()
    vocabulary = Vocabulary(decoder, weight=7.0, speak=two_ways)
    assert vocabulary.teach(["Mr. Okonkwo"]) == ()
    added = [word for word, weight in decoder.model.added if weight == 7.0 and "okonkwo" in word]
    assert [vocabulary.spelling(word) for word in added] == ["okonkwo", "okonkwo"]
    assert [decoder.dictionary[word] for word in added] == ["AA B", "AH B"]


def test_known_words_keep_their_pronunciation_and_get_a_weight() -> None:
    decoder = Decoder()
    vocabulary = Vocabulary(decoder, weight=7.0, speak=two_ways)
    vocabulary.teach(["Doctor"])
    (added,) = [word for word, _ in decoder.model.added]
    assert decoder.dictionary[added] == "D AA K T ER"
    assert vocabulary.spelling(added) == "doctor"


def test_a_british_spelling_is_found_under_the_american_one_and_shown_british() -> None:
    vocabulary = Vocabulary(Decoder(), weight=7.0, speak=two_ways)
    vocabulary.teach(["anaesthetic"])
    assert vocabulary.spelling("anesthetic") == "anaesthetic"


def test_teaching_twice_adds_nothing() -> None:
    decoder = Decoder()
    vocabulary = Vocabulary(decoder, weight=7.0, speak=two_ways)
    vocabulary.teach(["apixaban", "doctor"])
    before = list(decoder.model.added), dict(decoder.dictionary)
    assert vocabulary.teach(["Apixaban", "doctor"]) == ()
    assert (list(decoder.model.added), dict(decoder.dictionary)) == before


def test_words_without_a_pronunciation_are_named() -> None:
    def mute(word: str) -> tuple[tuple[str, ...], ...]:
        raise EngineError("no pronunciations here")

    vocabulary = Vocabulary(Decoder(), weight=7.0, speak=mute)
    assert vocabulary.teach(["apixaban", "doctor"]) == ("apixaban",)
    assert vocabulary.taught == {"apixaban", "doctor"}


def test_terms_are_split_into_plain_words() -> None:
    assert split_terms(["Mrs Núñez-O’Brien", "GTN spray", "10", "spray"]) == ["mrs", "nunez", "o'brien", "gtn", "spray"]


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("paracetamol", ("P", "AE", "R", "AH", "S", "EH", "T", "AH", "M", "AA", "L")),
        ("salbutamol", ("S", "AE", "L", "B", "Y", "UW", "T", "AH", "M", "AH", "L")),
        ("wheezy", ("W", "IY", "Z", "IY")),
        ("GTN", ("JH", "IY", "T", "IY", "EH", "N")),
    ],
)
def test_pronunciations_include_the_usual_one(word: str, phones: tuple[str, ...]) -> None:
    assert phones in pronounce(word)


def test_pronunciations_are_phones_of_the_acoustic_model() -> None:
    for word in ("Siobhan", "Nguyen", "oesophagogastroduodenoscopy", "Llewellyn", "chamomile", "loch"):
        for phones in pronounce(word):
            assert phones
            assert ARPABET.issuperset(phones)


def test_signs_without_sound_have_no_phones() -> None:
    assert arpabet(["ˈ", "?", "ˌɪ"]) == ("IH",)


def test_plain_words_and_spellings() -> None:
    assert plain_word("“Café’s,”") == "cafe's"
    assert "anesthetic" in american_spellings("anaesthetic")
    assert "organize" in american_spellings("organise")
    assert american_spellings("warm") == ()
