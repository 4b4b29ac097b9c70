from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.engines import Word
from pipelines.stt.stability import StabilityRule, StablePrefix

RULE = StabilityRule(age_ms=1000, readings=3)


def words(text: str, *, each_ms: int = 300) -> tuple[Word, ...]:
    return tuple(Word(part, index * each_ms, (index + 1) * each_ms) for index, part in enumerate(text.split()))


def test_a_word_is_committed_once_it_is_old_and_was_read_three_times() -> None:
    prefix = StablePrefix(RULE)
    assert prefix.read(words("hello there"), now_ms=1290)[1] == 0
    assert prefix.read(words("hello there"), now_ms=1295)[1] == 0
    assert prefix.read(words("hello there"), now_ms=1299)[1] == 0  # "hello" ended 999 ms ago
    assert prefix.read(words("hello there"), now_ms=1300)[1] == 1
    assert [word.text for word in prefix.committed] == ["hello"]


def test_age_alone_is_not_enough() -> None:
    prefix = StablePrefix(RULE)
    assert prefix.read(words("hello there"), now_ms=9000)[1] == 0
    assert prefix.read(words("yellow there"), now_ms=9100)[1] == 0
    assert prefix.read(words("hello there"), now_ms=9200)[1] == 0
    assert prefix.read(words("hello there"), now_ms=9300)[1] == 0
    assert prefix.read(words("hello there"), now_ms=9400)[1] == 2


def test_a_changed_word_starts_the_count_of_those_after_it_again() -> None:
    prefix = StablePrefix(RULE)
    for _ in range(2):
        prefix.read(words("one two three"), now_ms=9000)
    assert prefix.read(words("one too three"), now_ms=9000)[1] == 1


def test_a_later_reading_does_not_take_back_what_was_committed() -> None:
    prefix = StablePrefix(RULE)
    for _ in range(3):
        prefix.read(words("take the tablets"), now_ms=1600)
    shown, stable = prefix.read(words("tape the tablets twice"), now_ms=1700)
    assert stable == 2
    assert [word.text for word in shown] == ["take", "the", "tablets", "twice"]


def test_an_empty_reading_keeps_what_was_committed() -> None:
    prefix = StablePrefix(RULE)
    for _ in range(3):
        prefix.read(words("yes"), now_ms=5000)
    shown, stable = prefix.read((), now_ms=5100)
    assert [word.text for word in shown] == ["yes"]
    assert stable == 1


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=6), max_size=20))
def test_committed_words_only_ever_grow(readings: list[list[str]]) -> None:
    prefix = StablePrefix(RULE)
    before: tuple[Word, ...] = ()
    for number, reading in enumerate(readings):
        shown, stable = prefix.read(words(" ".join(reading), each_ms=100), now_ms=1000 + 100 * number)
        assert prefix.committed[: len(before)] == before
        assert shown[:stable] == prefix.committed
        before = prefix.committed
