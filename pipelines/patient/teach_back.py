"""What a patient says who is asked to say in their own words what was explained: what to do, and only that.

The instructions are found in what the candidate has said, by the words that give them, and turned round: "You should
keep your leg up" becomes "I should keep my leg up".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from pipelines.engines import HistoryItem

NOTHING_LINE = "I'm not sure. Could you tell me again what I should do?"
LINE = "So I should {todo}."
FACTS_LINE = "Let me see. {facts}"
# More than that nobody keeps in mind.
MOST = 3
MOST_FACTS = 2
FACT_WORDS = 6
LONGEST_WORDS = 22

_SENTENCE = re.compile(r"[^.?!;]+[.?!;]*")
# Where one instruction ends and the next begins.
_NEXT = re.compile(
    r",? (?:and|but|so|then|and then) "
    r"(?=(?:you|please|i'd|i would|i want|make sure|try to|remember|come|call)\b)",
    re.IGNORECASE,
)
# No instruction begins with these: "please sit down", "you must be tired", "you should know".
_NO_ACTION = (
    r"(?!(?:be|have been|have had|know|tell|see|feel|ask|say|imagine|worry|come (?:in|through)|sit|take a seat"
    r"|have a seat)\b)"
)
_GIVEN = re.compile(
    r"\b(?:you (?P<not>shouldn't|mustn't|should not|must not|aren't to)"
    r"|you (?:should|must|need to|have to|ought to|will need to|will have to)"
    r"|'ll (?:need|have|want) to|'d better|(?:it's|it'd be|it is|it would be) (?:best|better|wise|important) to"
    r"|make sure (?:that )?you|make sure to|be sure to"
    r"|i(?:'d| would)? (?:like|want|advise|suggest|recommend|ask|need)(?: that)? you(?: to)?"
    r"|(?<!don't )remember to|(?<!don't )(?<!not )try to|please) "
    rf"(?P<todo>{_NO_ACTION}\w.*)",
    re.IGNORECASE,
)
_BEGUN = re.compile(
    r"^(?:(?:and|then|so|also|first|secondly|finally|next|now|just|after that|afterwards|from now on|at home|today"
    rf"|tonight|tomorrow)\W+)*(?P<todo>{_NO_ACTION}"
    r"(?:take|keep|drink|eat|use|come|call|ring|stop|rest|apply|put|wash|change|raise|lift|exercise|walk|breathe|rinse"
    r"|shake|hold|avoid|wear|check|clean|brush|do not|don't|never|always|continue|start|finish|reduce|cut|leave|store"
    r"|get|stick|bend|squeeze|bring|swap|have|sleep|set|give|lie|stay|go|do|read|write|move|stand|press|point|stretch"
    r"|wait|pick|carry|cover|dry|cool|warm|book|skip) .+)",
    re.IGNORECASE,
)
_YOU_DO = re.compile(
    r"\byou (?:then |also |can |could |just )*(?P<todo>(?:wash|spray|take|use|rinse|put|vacuum|clean|brush|apply|soak"
    r"|wear|keep|press|push|hold|shake|squeeze|rest|drink|eat|come back|call|ring|stop|start|change|do the|give"
    r"|let) .+)",
    re.IGNORECASE,
)
_WHEN = re.compile(r"^(?P<when>(?:if|when|whenever|once|as soon as)\b[^,]+), (?P<rest>.+)", re.IGNORECASE)
_IN_CASE = re.compile(r"\b(?:if|as soon as)\b", re.IGNORECASE)
_WHEN_ASKED = re.compile(r"\bwhen\b|\bsigns?\b|\bwhat (?:would|should) bring\b|\bin which case\b", re.IGNORECASE)
_WHY_ASKED = re.compile(
    r"\bwhy\b|\bwhat (?:is|it is|does)\b(?!.*\b(?:do|take|eat|use)\b)|\bexplain(?:ed)? (?:to|it to)\b", re.IGNORECASE
)
_NEVER = re.compile(r"(, (?:and )?)(?:do not|don't|never)\b", re.IGNORECASE)
_HESITATION = re.compile(r",? ?\b(?:um|uh|er|erm)\b,? ?", re.IGNORECASE)
_ABOUT_SPEAKER = re.compile(
    r"^(?:i|i'm|i'll|i'd|we|thank|hello|hi|good|okay|so i|that must|it must|that sounds|sorry|please)\b", re.IGNORECASE
)
_TURNED = {
    "you": "I", "your": "my", "yours": "mine", "yourself": "myself", "you're": "I'm", "you've": "I've",
    "you'll": "I'll", "you'd": "I'd", "i": "you", "me": "you", "my": "your", "i'm": "you're", "i'll": "you'll",
    "i've": "you've", "i'd": "you'd", "mine": "yours", "myself": "yourself", "us": "you", "our": "your", "we": "you",
}  # fmt: skip
# Behind these "you" does something; elsewhere something is done to you.
_SUBJECT_AFTER = frozenset(
    "if when whenever that because until till before after while so and or but where what how unless as since once "
    "why which than whether every time day thing everything although though".split()
)
# Before these "you" does something too.
_SUBJECT_BEFORE = frozenset(
    "may might can can't cannot could will won't would should shouldn't must mustn't didn't".split()
)


def in_own_words(history: Sequence[HistoryItem], *, asked: str = "") -> str:
    """Return what the patient has understood that they are to do; that nothing is known, where nothing was told.

    `asked` is what the candidate asks: "When would you come back?" is answered by what to do in which case.
    """
    said = [item.text for item in history if item.role == "candidate"]
    told = list(dict.fromkeys(each for text in said for each in _instructions(text)))
    cases = [each for each in told if _IN_CASE.search(each)] if _WHEN_ASKED.search(asked) else []
    todo = (cases or told)[-MOST:]
    why = _WHY_ASKED.search(asked) is not None
    if not todo or why:
        explained = [each for text in said for each in _facts(text)]
        facts = explained[:MOST_FACTS] if why else explained[-MOST_FACTS:]
    if not todo or (why and facts):
        return FACTS_LINE.format(facts=" ".join(facts)) if facts else NOTHING_LINE
    listed = todo[0] if len(todo) == 1 else f"{', '.join(todo[:-1])}, and {todo[-1]}"
    return LINE.format(todo=listed)


def _instructions(text: str) -> Iterator[str]:
    for sentence in _SENTENCE.findall(text):
        if sentence.rstrip().endswith("?"):
            continue
        for part in _NEXT.split(_HESITATION.sub(" ", sentence).strip().rstrip(".!;")):
            part, when = _without_condition(part)
            found = _BEGUN.search(part) or _GIVEN.search(part) or _YOU_DO.search(part)
            if found is not None and len(found["todo"].split()) <= LONGEST_WORDS:
                todo = re.sub(r"^(?:do not|don't|never)\b", "not", found["todo"].strip(" ,"), flags=re.IGNORECASE)
                # Inside of "I should ..." as well.
                todo = _NEVER.sub(r"\1not", todo)
                yield _turned(f"not {todo}" if found.groupdict().get("not") else todo) + (
                    f" {_turned(when)}" if when else ""
                )


def _facts(text: str) -> Iterator[str]:
    """Yield what a turn explains, where it tells nothing to do: its statements that are about something."""
    for sentence in _SENTENCE.findall(_HESITATION.sub(" ", text)):
        plain = sentence.strip()
        if plain.endswith(".") and len(plain.split()) >= FACT_WORDS and not _ABOUT_SPEAKER.search(plain):
            yield _turned(plain, sentence_case=True)


def _without_condition(part: str) -> tuple[str, str]:
    """Return "go to the hospital" and "if it swells" of "If it swells, go to the hospital"."""
    found = _WHEN.search(part.strip())
    return (found["rest"], found["when"]) if found is not None else (part.strip(), "")


def _turned(todo: str, *, sentence_case: bool = False) -> str:
    words = todo.split()
    turned = []
    for place, word in enumerate(words):
        bare = word.strip(",:").lower()
        after = words[place - 1].strip(",").lower() if place else "if"
        last = place == len(words) - 1
        before = "" if last else words[place + 1].strip(",").lower()
        object_ = bare == "you" and (last or (after not in _SUBJECT_AFTER and before not in _SUBJECT_BEFORE))
        other = "me" if object_ else _TURNED.get(bare)
        turned.append(word if other is None else word.lower().replace(bare, other, 1))
    text = " ".join(turned)
    if sentence_case:
        return text[0].upper() + text[1:]
    return text[0].lower() + text[1:] if not re.match(r"I\b", text) else text
