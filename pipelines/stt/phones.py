"""Pronunciations for words the stock dictionary lacks: espeak-ng's American phonemes as ARPAbet.

The acoustic model knows the 39 phones of CMUdict. A rule-based speaker's phonemes are near enough to them that a plain
table does; sounds English lacks are given their nearest neighbour.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

ARPABET = frozenset(
    "AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW V W Y Z ZH".split()
)

# Longest first where one is the beginning of another: that is how the reader below takes them.
_IPA = {
    "aɪɚ": "AY ER", "aɪə": "AY AH", "iːə": "IY AH",
    "oːɹ": "AO R", "ɔːɹ": "AO R", "ɑːɹ": "AA R", "ɛɹ": "EH R", "ɪɹ": "IH R", "ʊɹ": "UH R", "əl": "AH L", "n̩": "AH N",
    "aɪ": "AY", "aʊ": "AW", "eɪ": "EY", "oʊ": "OW", "əʊ": "OW", "ɔɪ": "OY", "ɪə": "IH R", "eə": "EH R", "ʊə": "UH R",
    "dʒ": "JH", "tʃ": "CH", "ɑː": "AA", "ɔː": "AO", "oː": "AO", "ɜː": "ER", "iː": "IY", "uː": "UW",
    "a": "AE", "æ": "AE", "ɐ": "AH", "ʌ": "AH", "ə": "AH", "ɚ": "ER", "ɝ": "ER", "ɜ": "ER", "ɛ": "EH", "e": "EH",
    "ɪ": "IH", "ᵻ": "IH", "i": "IY", "ɨ": "IH", "ɑ": "AA", "ɒ": "AA", "ɔ": "AO", "o": "OW", "ʊ": "UH", "u": "UW",
    "b": "B", "d": "D", "ð": "DH", "f": "F", "ɡ": "G", "g": "G", "h": "HH", "j": "Y", "k": "K", "x": "K", "l": "L",
    "m": "M", "n": "N", "ŋ": "NG", "p": "P", "ɹ": "R", "r": "R", "s": "S", "ʃ": "SH", "t": "T", "ɾ": "T", "ʔ": "T",
    "θ": "TH", "v": "V", "w": "W", "z": "Z", "ʒ": "ZH",
}  # fmt: skip
_LONGEST = max(len(symbol) for symbol in _IPA)


def arpabet(phonemes: Iterable[str]) -> tuple[str, ...]:
    """Return IPA phonemes as ARPAbet phones without stress; marks that stand for no sound of their own are dropped."""
    phones: list[str] = []
    for phoneme in phonemes:
        plain = "".join(mark for mark in phoneme if mark not in "ˈˌ")
        position = 0
        while position < len(plain):
            for length in range(min(_LONGEST, len(plain) - position), 0, -1):
                if (known := _IPA.get(plain[position : position + length])) is not None:
                    phones += known.split()
                    position += length
                    break
            else:
                position += 1
    return tuple(phones)


_VOICES = ("en-us", "en")
_REDUCED = {"a": "ə", "æ": "ə", "ɛ": "ə", "ɑː": "ə", "ɒ": "ə", "ɔ": "ə", "ɪ": "ə", "oʊ": "ə", "əʊ": "ə"}


def pronounce(word: str) -> tuple[tuple[str, ...], ...]:
    """Return the likely pronunciations of an English `word` as ARPAbet phones; none when it has no sound.

    American and British are both given, since a candidate may say either, and each also with its unstressed vowels
    reduced, which rules for letters do too seldom in long words. Raises EngineError when espeak-ng can't be loaded.
    """
    from pipelines.tts import espeak_binding

    found: list[tuple[str, ...]] = []
    for voice in _VOICES:
        phonemes = espeak_binding.instance().phonemes(word, voice=voice)
        weaker = [_REDUCED.get(phoneme, phoneme) for phoneme in phonemes]
        weakest = [_REDUCED.get(phoneme.removeprefix("ˌ"), phoneme) for phoneme in phonemes]
        found += [arpabet(phonemes), arpabet(weaker), arpabet(weakest)]
    return tuple(dict.fromkeys(phones for phones in found if phones))


def plain_word(text: str) -> str:
    """Return `text` as recognisers write words: lower case, no accents, inner apostrophes and hyphens only."""
    letters = unicodedata.normalize("NFKD", text.lower().replace("’", "'"))
    return "".join(mark for mark in letters if mark.isalnum() or mark in "'-").strip("'-")


_SPELLINGS = (
    ("aemia", "emia"), ("aesth", "esth"), ("paed", "ped"), ("haem", "hem"), ("oed", "ed"), ("oes", "es"),
    ("orrhoea", "orrhea"), ("gynae", "gyne"), ("isation", "ization"), ("ising", "izing"), ("ised", "ized"),
    ("ises", "izes"), ("ise", "ize"), ("yse", "yze"), ("our", "or"), ("elling", "eling"), ("elled", "eled"),
    ("litre", "liter"), ("metre", "meter"), ("centre", "center"), ("ogue", "og"), ("sulph", "sulf"),
)  # fmt: skip


def american_spellings(word: str) -> tuple[str, ...]:
    """Return how a British `word` may be spelt in an American dictionary, likeliest first; empty when nothing fits."""
    found = [word.replace(british, american) for british, american in _SPELLINGS if british in word]
    return tuple(dict.fromkeys(spelling for spelling in found if spelling != word))
