"""Written clauses as the words that people say."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipelines.patient.card import Card
from pipelines.patient.card_library import CardLibrary
from pipelines.patient.read_aloud import warnings
from pipelines.patient.wording import spoken_lines
from pipelines.tts import espeak_binding
from pipelines.tts.spoken.say import joined, say
from pipelines.tts.spoken.unreadable import unreadable

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
# There is no voice called en-gb: British is "en".
VOICES = ("en", "en-us")


def phrases(name: str) -> list[tuple[str, str]]:
    listed = yaml.safe_load((DATA / name).read_text(encoding="utf-8"))["phrases"]
    return [(one["written"], one["spoken"]) for one in listed]


DOSES = phrases("said_doses.yaml")
FRESH = phrases("said_doses_fresh.yaml")
HARDER = phrases("said_doses_harder.yaml")


@pytest.mark.parametrize(("written", "spoken"), DOSES + FRESH + HARDER)
def test_doses_are_said_as_a_pharmacist_says_them(written: str, spoken: str) -> None:
    assert joined(say(written)) == spoken


@pytest.mark.parametrize(("written", "spoken"), phrases("said_forms.yaml"))
def test_every_form_has_its_reading(written: str, spoken: str) -> None:
    assert joined(say(written)) == spoken


def test_phrases_sound_as_when_written_out_by_hand() -> None:
    espeak = espeak_binding.instance()
    assert (len(DOSES) >= 40, len(FRESH)) == (True, 30)
    for voice in VOICES:
        differing = [
            written
            for written, spoken in DOSES + FRESH + HARDER
            if espeak.phonemes(joined(say(written)), voice=voice) != espeak.phonemes(spoken, voice=voice)
        ]
        assert differing == []


def test_the_phonemes_tell_a_right_reading_from_a_wrong_one() -> None:
    espeak = espeak_binding.instance()
    assert espeak.phonemes("five milligrams", voice="en") != espeak.phonemes("five milligram", voice="en")
    assert espeak.phonemes(joined(say("an ECG at A&E")), voice="en") != espeak.phonemes("an ECG at A and E", voice="en")


def test_each_written_word_has_its_own_words() -> None:
    said = [(one.word.text, one.spoken) for one in say("Take 5 mg, or 100mcg - 2 %.")]
    assert said == [
        ("Take", "Take"),
        ("5", "five"),
        ("mg,", "milligrams,"),
        ("or", "or"),
        ("100mcg", "one hundred micrograms"),
        ("- 2 %.", "- two per cent."),
    ]


def test_words_that_say_nothing_are_kept_empty() -> None:
    said = say("Well <break/> then")
    assert [(one.word.text, one.spoken) for one in said] == [("Well", "Well"), ("<break/>", ""), ("then", "then")]
    assert joined(said) == "Well then"


# ------------------------------------------------------------------ pronunciations


def test_pronunciations_win_over_every_rule() -> None:
    said = joined(say("Take Xarelto 20 mg, XARELTO’s mg. GP!", {"xarelto": "za-rel-toe", "mg": "em gee", "GP": "doc"}))
    assert said == "Take za-rel-toe twenty em gee, za-rel-toe's em gee. doc!"


def test_a_phrase_is_respelled_over_its_written_words() -> None:
    respelled = {"co-trimoxazole 80/400": "co try mox", "St. Elsewhere": "Snelsa", "Elsewhere": "wrong"}
    said = say("Have co-trimoxazole 80/400 at St. Elsewhere.", respelled)
    assert [one.spoken for one in said] == ["Have", "co", "try mox", "at", "Snelsa.", ""]


def test_a_pronunciation_makes_a_piece_readable() -> None:
    assert unreadable("some xqzt") == ("xqzt",)
    assert unreadable("some xqzt", {"Xqzt": "exact"}) == ()


# ------------------------------------------------------------------ what nobody could read


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("what xqzt is §§ this", ("§§", "xqzt")),
        ("take 5 zq and 5foo", ("zq", "5foo")),
        ("привет 5 мг", ("привет", "мг")),
        ("XYZ, q.w.z. and XYZ", ("XYZ", "q.w.z")),
        ("5 mg b.d. at 8.30 pm, Dr. Smith! My GP's NSAIDs, 37.5 °C, hmm", ()),
        ("😀 <b>x</b> 5-HT, HbA1c, COVID-19, β-blockers, 24-hr, 1st, 58yo, 14 h, H1N1", ()),
        ("VERY bad, NOT now, naïve café, info@nhs.uk, www.xqzt.com/qq", ()),
    ],
)
def test_what_nobody_could_read_is_named(text: str, pieces: tuple[str, ...]) -> None:
    assert unreadable(text) == pieces


@pytest.mark.parametrize("written", [written for written, _ in DOSES + FRESH])
def test_phrases_with_a_rule_are_readable(written: str) -> None:
    assert unreadable(written) == ()


@pytest.mark.parametrize("card", CardLibrary.load(ROOT / "configs" / "cards").values(), ids=lambda card: card.id)
def test_the_supplied_cards_can_be_read_aloud_as_they_are_written(card: Card) -> None:
    assert warnings(card) == []
    texts = [text for _, text in spoken_lines(card)]
    assert len(texts) > 20
    assert [text for text in texts if joined(say(text)) != text] == []
