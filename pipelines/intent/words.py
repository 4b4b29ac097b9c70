"""The words of a text, as texts are compared: without punctuation and fillers, contractions written out; their stems.

Everything here is tolerant on purpose: recognisers write without punctuation and drop endings.
"""

from __future__ import annotations

import re
from functools import lru_cache

_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*|\d+")
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


def tokens(text: str) -> tuple[str, ...]:
    """Return the words of `text` in lower case, contractions written out, without fillers ("um") and punctuation."""
    text = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for pattern, replacement in _CONTRACTIONS:
        text = pattern.sub(replacement, text)
    return tuple(word for word in _WORD.findall(text) if word not in FILLERS)


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
