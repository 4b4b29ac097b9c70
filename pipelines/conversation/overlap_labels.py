"""What words over the patient's speech are: one ordered table from words to a label, and what that does to the floor.

The first row that fits gives the label. Whether a row is looked at may depend on what the patient was doing: "yes" over
the end of a question answers it, anywhere else it encourages. Sounds without words, and the patient's own echo, are
told from words before (`floor.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, StrEnum, auto

from rapidfuzz.distance import Levenshtein

from pipelines.endpointing.features import FILLERS

BACKCHANNELS = FILLERS | frozenset(
    "mhm mm-hmm mmhmm uh-huh huh hum ah aha ooh oh okay ok right alright yes yeah yep yup sure good great fine lovely "
    "exactly indeed absolutely wow understand course".split()
)
"""Words that encourage whoever speaks, alone or in a row."""

AROUND = frozenset("i i'm that's it's all of got it see very".split())
"""Words that may stand beside them: "I see", "that's right", "of course"."""

BEGINNINGS = frozenset(
    "i i'm i'd i'll i've and but because if can could do does did is are we let my the would me you to so um uh er "
    "a".split()
)
"""Words with which a turn begins, and which say nothing yet: who breaks off after them begins again."""


class Label(StrEnum):
    """What somebody does who speaks over the patient."""

    BACKCHANNEL = "backchannel"  # encourages, or feels with the patient: "mhm", "oh no"
    ACKNOWLEDGEMENT = "acknowledgement"  # receives a question: "okay"
    ANSWER = "answer"  # to what the patient has just asked
    QUESTION = "question"
    CORRECTION = "correction"  # "no, that's wrong"
    STOP_REQUEST = "stop_request"
    HOLD_REQUEST = "hold_request"  # asks for time: "just a moment"
    CANNOT_HEAR = "cannot_hear"  # "sorry?", "you're breaking up"
    GREETING = "greeting"
    TURN = "turn"  # says anything else that is to be heard


class Floor(Enum):
    """What a label does to the patient's floor."""

    TAKES_AT_ONCE = auto()  # as soon as it is understood
    TAKES = auto()  # once it is over, however short it is
    KEEPS = auto()  # unless it lasts very long
    # It takes it if it lasts, because short words are mostly misheard ones.
    BY_LENGTH = auto()


class When(Enum):
    """Where a row is looked at; see `Context`."""

    EVER = auto()
    ASKED = auto()
    ASKED_LAST = auto()
    ASKED_LEAVE = auto()  # where "yes" lets the patient go on
    NOT_ASKED = auto()
    FIRST_WORDS = auto()
    JUST_BEGUN = auto()


@dataclass(frozen=True, slots=True)
class Asked:
    """The patient has just asked something, or is at the end of asking it.

    `last`: nothing follows. `leave`: more follows, and "yes" lets it come, as after "can I be honest?".
    """

    last: bool
    leave: bool = False


@dataclass(frozen=True, slots=True)
class Context:
    """What the patient was doing when the words began.

    `first_words`: nothing had been heard of the patient before this reply. `just_begun`: the reply was so young that
    the candidate may not have finished. `names` are the words of the patient's name, lower case.
    """

    asked: Asked | None = None
    first_words: bool = False
    just_begun: bool = False
    names: frozenset[str] = frozenset()

    def allows(self, when: When) -> bool:
        """Return whether rows of this kind are looked at."""
        asked = self.asked
        return {
            When.EVER: True,
            When.ASKED: asked is not None,
            When.ASKED_LAST: asked is not None and asked.last,
            When.ASKED_LEAVE: asked is not None and asked.leave,
            When.NOT_ASKED: asked is None,
            When.FIRST_WORDS: self.first_words,
            When.JUST_BEGUN: self.just_begun,
        }[when]


NOTHING_KNOWN = Context()


@dataclass(frozen=True, slots=True)
class LabelRule:
    """A row of the table; with `waits` the patient says nothing to it, but waits for what follows."""

    label: Label
    pattern: re.Pattern[str]
    floor: Floor
    when: When = When.EVER
    waits: bool = False


# Stands in patterns for the patient's name, and for a title with any name.
NAME = "NAME"
# So much of a name's letters must be right; recognisers mishear names more than other words.
NAME_ALIKE = 0.75
# Shorter names are like too many other words.
NAME_LETTERS = 4
_TITLES = frozenset("mr mrs ms miss mister missis missus".split())

# These words may come before the ones that count, and these after them; they change nothing.
_LEAD = rf"(?:(?:um|uh|er|erm|oh|ah|well|so|okay|ok|right|sorry|please|just|and|but|now|excuse me|sir|madam|{NAME}) )*"
_TAIL = rf"(?: (?:please|sorry|thanks|thank you|okay|now|then|again|there|sir|madam|{NAME}))*"
_FILLERS = r"(?:(?:um|uh|er|erm|oh|ah|well|so|and) )*"


def _whole(*parts: str) -> re.Pattern[str]:
    """Compile a pattern for texts that are one of the parts, with words around it that change nothing."""
    return re.compile(rf"^{_LEAD}(?:{'|'.join(parts)}){_TAIL}$")


def _begins(*parts: str) -> re.Pattern[str]:
    return re.compile(rf"^{_LEAD}(?:{'|'.join(parts)})(?![a-z'-])")


def _has(*parts: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z'-])(?:{'|'.join(parts)})")


def _rows_of(words: str) -> re.Pattern[str]:
    """Compile a pattern for texts of nothing but these words (alternatives), in any number."""
    return re.compile(rf"^(?:(?:{words})(?: |$))+$")


_MOMENT = r"(?:(?:a|one|another) )?(?:few )?(?:more )?(?:moments?|seconds?|secs?|minutes?|mins?)"
# Said alone, it must not be an answer to "how long?".
_A_MOMENT = (
    r"(?:(?:just |a |one )+(?:moment|second|sec)|moment please|just (?:a|one) (?:minute|min)|(?:a|one) minute please)"
)
_WRITE = r"(?:write|note|get|find|check|look|read|finish|take|open|fetch|put|close)"
_WRITING = r"(?:writing|noting|getting|finding|checking|looking|reading|finishing|taking|opening|fetching)"
# No question may hide in it: "hold on, let me check: do you take aspirin?".
_SOMETHING = r"(?: (?!(?:you|do|does|did|are|is|was|have|can|could|what|which|how|where|when|why|who)\b)[a-z']+){0,8}"
_TO_WRITE = (
    rf"(?: (?:while|as) i{_SOMETHING}| let me (?:just )?{_WRITE}{_SOMETHING}"
    rf"| i (?:just |only )?(?:need|have|want) to (?:just )?{_WRITE}{_SOMETHING}"
    rf"| i(?:'m| am) (?:just )?{_WRITING}{_SOMETHING})?"
)
_NO = r"no(?: no)*"
_ASKER = r"(?:why|what|when|where|which|how)"
_KIND = r"(?:fine|okay|ok|alright|all right|good)"
_YES = r"(?:yes|yeah|yep|yup|sure|of course|right|certainly|absolutely|exactly)"
_GO_ON = r"(?:(?:do|please|you can) )*(?:go on|go ahead|carry on|continue|keep going)"
_RECEIVING = (
    r"(?:okay|ok|all right|alright|fine|good|great|lovely|i see|i understand|mhm|mm-hmm|mmhmm|uh-huh|mm|aha|thank you"
    r"|thanks)"
)
_GREETING = r"(?:hello|hi|hey|good (?:morning|afternoon|evening|day))(?: hello| hi| there)*"
_GOING_ON = r"(?:i|i'd|i'll|i've|and|but|because|can|could|do|does|did|let|my|if)"
_VOCAL = r"um|uh|uhm|er|erm|hm|hmm|mm|mmm|hum|huh|oh|ah|ooh|aha|wow"

RULES: tuple[LabelRule, ...] = (
    # ---------------------------------------------------------------- asking for time, for words again, for silence
    LabelRule(
        Label.HOLD_REQUEST,
        _whole(
            rf"(?:hold|hang) on (?:for )?(?:just )?{_MOMENT}{_TO_WRITE}",
            rf"wait (?:for )?(?:just )?{_MOMENT}{_TO_WRITE}",
            rf"(?:can|could|would|will) you (?:please |just )*(?:hold on|hang on|wait|give me)"
            rf"(?: (?:for )?(?:just )?{_MOMENT})?",
        ),
        Floor.TAKES_AT_ONCE,
        waits=True,
    ),
    LabelRule(
        Label.HOLD_REQUEST,
        _whole(
            rf"(?:hold|hang) on{_TO_WRITE}",
            rf"{_A_MOMENT}{_TO_WRITE}",
            rf"(?:give|allow) me (?:just )?{_MOMENT}{_TO_WRITE}",
            rf"(?:bear|bare|there) with me(?: (?:for )?(?:just )?{_MOMENT})?{_TO_WRITE}",
            rf"let me (?:just )?{_WRITE} (?:that|this|it|something)(?: down| up| out)?",
        ),
        Floor.TAKES,
        waits=True,
    ),
    # A figure ("1 second") is no word, so that "one" may be missing.
    LabelRule(
        Label.HOLD_REQUEST, _whole(r"wait(?: wait)*", r"(?:moment|second|sec)"), Floor.TAKES, When.NOT_ASKED, waits=True
    ),
    LabelRule(Label.STOP_REQUEST, re.compile("^please stop(?: it| now)?$"), Floor.TAKES_AT_ONCE, waits=True),
    LabelRule(
        Label.STOP_REQUEST,
        _whole(r"stop(?: stop| it| talking)*", r"that(?:'s| is) enough", r"enough(?: enough)*", r"(?:be )?quiet"),
        Floor.TAKES,
        When.NOT_ASKED,
        waits=True,
    ),
    LabelRule(
        Label.CANNOT_HEAR,
        _has(
            r"(?:can you hear me|are you (?:still )?there|what did you say|what was that)\b",
            r"(?:can|could) you (?:please )?(?:repeat|say (?:that|it) again|speak up)\b",
        ),
        Floor.TAKES_AT_ONCE,
    ),
    LabelRule(
        Label.CANNOT_HEAR,
        _whole(
            r"sorry",
            r"(?:i )?(?:beg (?:your )?)?pardon(?: me)?",
            r"(?:come|say) again",
            r"(?:once|one time|one) more(?: time)?",
            r"repeat",
            r"(?:a (?:bit|little) )?(?:louder|slower|slowly)",
        ),
        Floor.TAKES,
    ),
    LabelRule(Label.CANNOT_HEAR, re.compile("^(?:sorry )?what$"), Floor.TAKES),
    # ---------------------------------------------------------------- with the patient
    LabelRule(
        Label.BACKCHANNEL,
        _whole(rf"(?:{_YES}|{_RECEIVING})(?: {_YES}| {_RECEIVING}| {_GO_ON}| please do)*", _GO_ON, r"please do"),
        Floor.KEEPS,
        When.ASKED_LEAVE,
    ),
    LabelRule(
        Label.BACKCHANNEL,
        _whole(
            r"(?:oh|ah|aw|ooh)(?: (?:oh|my|dear|god|gosh|goodness|no|wow|really))+",
            rf"{_NO} (?:of course(?: not)?|not at all|don't worry|problem|worries|way|rush|need|{_GO_ON}"
            rf"|(?:that's|it's) {_KIND}|{_KIND})",
            rf"{_GO_ON}|of course not|not at all|please do|take your time|i know|really|don't worry|that's {_KIND}",
            r"(?:(?:that's|it's) )?not (?:so |very |too )?(?:good|nice|great|bad|easy|fun|fair)",
            r"(?:you )?poor (?:you|thing|man|woman)",
        ),
        Floor.KEEPS,
        When.NOT_ASKED,
    ),
    LabelRule(Label.GREETING, _whole(_GREETING), Floor.KEEPS, When.FIRST_WORDS),
    # ---------------------------------------------------------------- clear as soon as they are understood
    LabelRule(Label.ANSWER, _whole(r"i (?:don't )?think (?:so|not)"), Floor.TAKES, When.ASKED),
    LabelRule(
        Label.QUESTION,
        _has(
            r"(?:can|could|should|may|do|did|does|are|were|have|has|is|was) "
            r"(?:i|you|we|it|he|she|they|your|there|this|that)\b",
            r"(?:would|will) (?:you|it|that)\b",
            r"(?:what|when|where|why|which|how|what's|where's|how's) (?:is|are|was|were|do|does|did|has|have|had|about"
            r"|exactly|kind|sort|happened|long|much|many|often|far|bad)\b",
        ),
        Floor.TAKES_AT_ONCE,
    ),
    LabelRule(Label.CORRECTION, _has(r"actually (?:it|it's|that|that's|not|no|i)\b"), Floor.TAKES_AT_ONCE),
    LabelRule(
        Label.TURN,
        _has(
            r"(?:let|tell|excuse|pardon) me\b",
            r"(?:sorry|wait|stop|please|actually|before|listen|hold on|hang on) [a-z]",
            r"i (?:think|need|want|wonder|would|have|must)\b",
            r"i'd like\b",
            r"you (?:said|say|told)\b",
        ),
        Floor.TAKES_AT_ONCE,
    ),
    LabelRule(Label.TURN, re.compile(r"[a-z] (?:but|so) [a-z]"), Floor.TAKES_AT_ONCE),
    # ---------------------------------------------------------------- clear once they are over
    LabelRule(
        Label.CANNOT_HEAR,
        _has(
            r"i (?:can't|cannot|can not|couldn't|could not|can hardly|can barely|didn't|did not) (?:quite |really )?"
            r"(?:hear|catch|get|understand|follow)\b",
            r"i don't (?:quite |really )?(?:hear|understand) (?:you|that|what)\b",
            r"(?:breaking|cutting) (?:up|out)\b",
            r"(?:line|connection|sound|audio|voice|signal)(?: is|'s)? (?:very |so |too |really )*"
            r"(?:bad|poor|gone|terrible|breaking|low|quiet|unclear)\b",
            r"you(?:'re| are) (?:very |so |too |really )*(?:quiet|faint|far away)\b",
            r"say (?:that|it) (?:again|once more|one more time)\b",
            r"repeat (?:that|it|please|what)\b",
            r"(?:speak|talk) (?:a (?:bit|little) )?(?:up|louder|slower|slowly|more (?:slowly|loudly|clearly))\b",
        ),
        Floor.TAKES,
    ),
    LabelRule(
        Label.ANSWER,
        _begins(
            _YES,
            r"no|nope|not|never|maybe|perhaps|probably|possibly|definitely|correct|always|sometimes",
            r"don't worry|please do|go ahead|let's",
            r"(?:that|it)(?:'s| is| does| will| can| may| might| should)",
            r"i(?:'m| am)? (?:don't|do|guess|suppose|hope|believe|will|afraid|sure|know)",
            r"you (?:can|can't|should|shouldn't|will|won't|do|don't|need|may)|we (?:can|will|should)",
        ),
        Floor.TAKES,
        When.ASKED,
    ),
    LabelRule(Label.ACKNOWLEDGEMENT, re.compile(rf"^{_FILLERS}{_RECEIVING}(?![a-z'-])"), Floor.TAKES, When.ASKED),
    LabelRule(
        Label.CORRECTION,
        _has(
            r"(?:that's|that is|it's|it is|this is) (?:not|wrong|incorrect|a mistake)\b",
            r"(?:that|it|this) isn't\b",
            r"i (?:meant|never said|didn't (?:say|mean))\b",
            r"you(?:'re| are) (?:wrong|mistaken)\b",
        ),
        Floor.TAKES,
    ),
    LabelRule(Label.CORRECTION, _begins(rf"{_NO} (?!of )[a-z]+", r"not [a-z]+", r"i mean [a-z]+"), Floor.TAKES),
    LabelRule(Label.CORRECTION, _whole(_NO, r"nope", r"wrong", r"incorrect"), Floor.TAKES),
    LabelRule(Label.QUESTION, _has(rf"{_ASKER}\b"), Floor.TAKES),
    LabelRule(Label.GREETING, _whole(_GREETING), Floor.TAKES),
    LabelRule(Label.TURN, _has(r"(?:sorry|pardon|wait|stop|excuse|listen|hold on|hang on)\b"), Floor.TAKES),
    LabelRule(Label.TURN, re.compile(rf"^(?:(?:okay|ok|right|so|now|well|oh|but|and|um|uh) )*{NAME}\b"), Floor.TAKES),
    # "You are a" and the like are misheard backchannels more often.
    LabelRule(
        Label.TURN, re.compile(rf"^{_GOING_ON}(?: (?:{'|'.join(sorted(BEGINNINGS))}))*$"), Floor.TAKES, When.JUST_BEGUN
    ),
    # ---------------------------------------------------------------- the rest
    LabelRule(Label.BACKCHANNEL, _rows_of("|".join([*sorted(BACKCHANNELS), *sorted(AROUND), NAME])), Floor.KEEPS),
    # Nothing follows the question: what is said is said to it, and silence would be the worst reply.
    LabelRule(Label.ANSWER, re.compile(rf"^(?!(?:(?:{_VOCAL}|you)(?: |$))+$)."), Floor.TAKES, When.ASKED_LAST),
    LabelRule(Label.TURN, re.compile("."), Floor.BY_LENGTH),
)
"""The first row that fits counts."""


def rule_for(words: list[str], context: Context) -> LabelRule | None:
    """Return the row that fits the words (lower case, in order); None without a word."""
    text = _named(words, context.names)
    fitting = (rule for rule in RULES if context.allows(rule.when) and rule.pattern.search(text))
    return next(fitting, None) if text else None


def telling(words: list[str]) -> list[str]:
    """Return the words that are neither backchannels nor stand beside them."""
    return [word for word in words if word not in BACKCHANNELS and word not in AROUND]


def _named(words: list[str], names: frozenset[str]) -> str:
    """Return the words as a text in which the patient's name, and any name after a title, is NAME."""
    text: list[str] = []
    titled = False
    for word in words:
        if word in _TITLES:
            titled = True
        elif titled or _is_name(word, names):
            text.append(NAME)
            titled = False
        else:
            text.append(word)
    return " ".join([*text, NAME] if titled else text)


def _is_name(word: str, names: frozenset[str]) -> bool:
    return word in names or (
        len(word) >= NAME_LETTERS
        and any(
            len(name) >= NAME_LETTERS and Levenshtein.normalized_similarity(word, name) >= NAME_ALIKE for name in names
        )
    )
