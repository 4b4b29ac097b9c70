"""Words of an utterance as the matching sees them: tokens, stems, sounds and sentences.

Everything here is tolerant on purpose: recognisers write without punctuation, drop endings and hear one word for
another that sounds like it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from pipelines.intent.idioms import IDIOMS

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*|\d+")
_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
_CONTRACTIONS = (
    (re.compile(r"\bcan't\b|\bcannot\b"), "can not"),
    (re.compile(r"\bwon't\b"), "will not"),
    (re.compile(r"n't\b"), " not"),
    (re.compile(r"\blet's\b"), "let us"),
    (re.compile(r"\b(how|what|where|when|why)'d\b"), r"\1 did"),
    (re.compile(r"\b(what|how|where|who|when|why|it|that|there|here|he|she|this|everything)'s\b"), r"\1 is"),
    (re.compile(r"\bi'm\b"), "i am"),
    (re.compile(r"'re\b"), " are"),
    (re.compile(r"'ve\b"), " have"),
    (re.compile(r"'ll\b"), " will"),
    (re.compile(r"'d\b"), " would"),
    (re.compile(r"'s\b"), ""),
    (re.compile(r"'"), ""),
)

FILLERS = frozenset("um uh er erm ah hmm hm mm mhm uhm huh eh".split())

# Words that carry grammar, not topic. Question words that ask for a time, a place or a person are topics here.
FUNCTION_WORDS = frozenset(
    """far come comes coming came
    a about actually after again all also am an and are as at be because been before being both but by can could
    did do does doing done down each even ever few for from get gets getting go goes going good got had has have
    having he her here hers him his how i if in into is it its just kind know let like little lot made make
    makes many may maybe me might mine more most much must my need no nor not now of off ok okay on one only or
    other our out over own perhaps please quite rather really right said same say see shall she should so some
    something sort still such tell than thank thanks that the their them then there these they thing things
    think this those though through to today too up us very want was way we well were what which while who whom
    whose why will with would yes yet you your yours yourself anything anyone any moment bit able maybe exactly
    usually normally currently present mister missus miss mr mrs ms doctor sir madam look looking ask asking
    question questions talk talking understand describe explain show mind mean means sure hello hi course great
    fine alright sorry yesterday tonight around everything everyone everybody somebody someone anybody nobody nothing
    example instance including especially roughly probably certainly""".split()
)


@dataclass(frozen=True, slots=True)
class SentenceWords:
    """A sentence's words in order; `marked` when it was written with a question mark."""

    words: tuple[str, ...]
    marked: bool = False


def normalise(text: str) -> str:
    """Return `text` in lower case with straight apostrophes and contractions written out."""
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    for pattern, replacement in IDIOMS:
        text = pattern.sub(replacement, text)
    return text


def tokens(text: str) -> tuple[str, ...]:
    """Return the words of `text` without fillers ("um") and punctuation."""
    return tuple(word for word in _WORD.findall(normalise(text)) if word not in FILLERS)


_MEANT_TWICE = (["you"], ["that"], ["had"], ["bye"], ["it"])  # "thank you, you are doing well"


def without_false_starts(words: tuple[str, ...]) -> tuple[str, ...]:
    """Return `words` without what was said twice in a row, up to four words ("do you, er, do you smoke")."""
    kept: list[str] = []
    for word in words:
        kept.append(word)
        for length in range(min(4, len(kept) // 2), 0, -1):
            if kept[-length:] == kept[-2 * length : -length] and kept[-length:] not in _MEANT_TWICE:
                del kept[-length:]
                break
    return tuple(kept)


def sentences(text: str) -> list[SentenceWords]:
    """Return the sentences of `text` without false starts; a text without punctuation is one sentence."""
    found = []
    for piece in _SENTENCE.findall(normalise(text)):
        words = tuple(word for word in _WORD.findall(piece) if word not in FILLERS)
        if words:
            found.append(SentenceWords(without_false_starts(words), marked="?" in piece))
    return found


@lru_cache(maxsize=20_000)
def stem(word: str) -> str:
    """Return `word` without its common English endings (a light stemmer: too little rather than too much)."""
    if len(word) <= 3:
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith("sses"):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for ending in ("ing", "ed", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 3 and re.search("[aeiouy]", word[: -len(ending)]):
            word = word[: -len(ending)]
            if ending != "ly" and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    if word.endswith("our") and len(word) > 4:  # British spellings meet American ones
        word = word[:-3] + "or"
    if word.endswith("e") and len(word) > 3:
        word = word[:-1]
    if word.endswith("y") and len(word) > 3:
        word = word[:-1] + "i"
    return word


_SPELLINGS = (
    (re.compile(r"^kn|^gn|^pn"), "n"),
    (re.compile(r"^wr"), "r"),
    (re.compile(r"^ps"), "s"),
    (re.compile(r"^x"), "s"),
    (re.compile(r"tch|ch|sch|sh|ti(?=on)|si(?=on)|ci(?=a)"), "X"),
    (re.compile(r"ph"), "f"),
    (re.compile(r"th"), "0"),
    (re.compile(r"ck|q"), "k"),
    (re.compile(r"dge|dg"), "j"),
    (re.compile(r"gh(?=t|$)"), ""),
    (re.compile(r"gh"), "g"),
    (re.compile(r"c(?=[eiy])"), "s"),
    (re.compile(r"g(?=[eiy])"), "j"),
    (re.compile(r"c"), "k"),
    (re.compile(r"x"), "ks"),
    (re.compile(r"mb$"), "m"),
    (re.compile(r"(?<=[a-z])h"), ""),
    (re.compile(r"w(?![aeiouy])"), ""),
    (re.compile(r"y(?=[aeiou])"), ""),
    (re.compile(r"e$"), ""),
    (re.compile(r"[aeiouy]+"), "a"),
)
# Sounds that differ in voicing only: recognisers confuse them more than any others.
_VOICING = str.maketrans({"b": "p", "d": "t", "g": "k", "v": "f", "z": "s", "j": "X"})


@lru_cache(maxsize=20_000)
def sound(word: str) -> str:
    """Return a key of how `word` sounds: words that sound alike get the same key or nearly so.

    After the idea of Metaphone (L. Philips, 1990), looser: vowels become one sign, voiced and voiceless consonants one.
    """
    key = word
    for pattern, replacement in _SPELLINGS:
        key = pattern.sub(replacement, key)
    key = key.translate(_VOICING)
    return re.sub(r"(.)\1+", r"\1", key)


def phrase_sound(words: tuple[str, ...]) -> str:
    """Return the sound of several words run together, without the borders that recognisers misplace."""
    return "".join(sound(word) for word in words)
