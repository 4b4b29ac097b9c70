"""What tells a finished turn from a pause: features of a turn's text and of its place in the talk.

All work on lower-case words; punctuation is used where the recogniser gives any. Numbers are scaled to about 0..2, so
that one regularisation fits all. Two sets: `turn_features` tell whether the speaker goes on after an utterance,
`word_features` whether the words so far can be the end of one at all.
"""

from __future__ import annotations

import math
import re

from pipelines.endpointing.evidence import PauseEvidence
from pipelines.endpointing.numerals import spelled_out
from pipelines.endpointing.spoken_figures import last_figure

_WORD = re.compile(r"[a-z']+(?:-[a-z]+)*")
_TOKEN = re.compile(r"[a-z']+(?:-[a-z]+)*|[.,?!]")
_MARKS = re.compile(r"[.,?!]")

FILLERS = frozenset("um uh uhm erm er mm hmm mmm".split())
RECEIPTS = frozenset(
    "ok okay right alright all yeah yes no fine great good sure hi hello there perfect excellent mm hmm mmhmm mm-hmm "
    "oh and so um uh see i".split()
)
"""A turn of these alone receives what was said: its speaker mostly goes on, with the next question."""

_AUXILIARIES = frozenset("do does did have has had are is was were can could would will should any".split())
_ASKERS = frozenset("what when where why who which how whose".split())
_ASKED_BY = frozenset("do should can could".split())
_SUBJECTS = frozenset("you your it that this there he she they we i the".split())
_POSSESSING = frozenset("have has had".split())
_NOMINATIVES = frozenset("i you he she it we they".split())
_AMOUNTS = frozenset("about long many often much".split())
DANGLING = frozenset(
    "and but so or because the a an to of in on at with for if that which who my your is are was were i you we it just "
    "like um uh erm as from about into than then when while by towards against among within".split()
)
"""Words that hardly ever end what somebody wants to say."""

_VERBS = frozenset(
    "know ask tell discuss check explain say find see show give take make get want need have understand "
    "mention describe hear start try use look talk go do be help suggest advise prescribe confirm clarify examine "
    "measure".split()
)
_BEFORE_VERB = frozenset(
    "to can could will would i'll i'd we'll let's let me also just please should must might may".split()
)

_PREPOSITIONS = frozenset(
    "of to for with at in on from about by into than like without between during until towards against among "
    "within".split()
)
_DETERMINERS = frozenset("a an the my your his her its our their some any every each no this these those".split())
_CONJUNCTIONS = frozenset("and or but because so if when while that which who whether although unless".split())
_ADJECTIVES = frozenset(
    "small big little large new old good bad sharp dull strong weak high low long short deep left right upper lower "
    "other last next first second third same different normal severe mild heavy light cold warm hot dry wet red white "
    "blue black yellow clear soft hard sore painful swollen itchy regular daily weekly whole few lot bit".split()
)
_FRAME = re.compile(
    r"(\b(can|could|would|will) (you|i)( please| just| also)*( (tell|show|describe|explain|give|let|ask))?"
    r"( me| to me| us)?( a bit| a little| more)?|\bwonder(ing)?( if| whether)?|\bi('m| am| was)( just)? wondering"
    r"|\bi('d| would)( also| just)? (like|want)|\bi (also |just )?(need|want|have)|\blet me|\b(it|that) (is|was|'s) "
    r"(important|possible|good|better|normal|likely)( that| to)?|\bmake sure( that| you)?)$"
)
_LISTED = frozenset("your any some a the in with no or and".split())
_OPENER = frozenset("if when before after while because since once although as until unless whenever".split())

_NO_ITEM = (
    _CONJUNCTIONS
    | _AUXILIARIES - {"any"}
    | _ASKERS
    | RECEIPTS
    | _PREPOSITIONS
    | frozenset(
        "i you he she it we they i'm you're it's i'll we'll that's don't can't is be been go take do then as "
        "please thanks thank you bye goodbye today now here there again too really sir madam doctor nurse mister "
        "misses mrs mr miss".split()
    )
)
"""Words that no thing of a list has: what joins or ends one, what makes a sentence, and what is said for itself."""

_SIDE_BY_SIDE = re.compile(r"\b(your|my|some) (\S+(?: \S+)?) \1 (\S+(?: \S+)?)$")

_TAG = re.compile(
    r"\b(is that (right|correct|ok|okay)|right|isn't it|is it|are you|do you|have you|don't you|does that make sense|"
    r"any questions|all right|yeah)$"
)
_FAREWELL = re.compile(r"\b(bye|goodbye|take care|see you|all the best)\b")
_REQUEST = re.compile(r"\b(tell me|let me know|say that again|repeat)\b")
_PLAN = re.compile(
    r"\b(let me|i'm just|bear with|just going to|moment|i'll|i will|going to|i'd like|i would like|i just)\b"
)
_SUBORDINATE = re.compile(r"\b(if|because|so that|when)\b")

_ANNOUNCED = re.compile(r"\b(like|want|wanted|need|have|going) (to|you to)$")
_NEVER_LAST = frozenset(
    "a an the my your their our his every because if unless until whether although while i we they he she i'm you're "
    "we're they're i'll we'll you'll i'd we'd you'd i've we've you've it's that's there's to by very than".split()
)
"""Words that end three of 8,000 utterances in the consultations."""

_STATED_THAT = re.compile(
    r"\b(sure|important|likely|possible|means?|worried|afraid|hope|believe|so|suggest|recommend|notice|realise) that$"
)
_OBJECTS = frozenset("anything everything something what nothing all else".split())

Features = dict[str, float]


def words_of(text: str) -> list[str]:
    """Return the words of a text, lower case, without punctuation; digits are written out as words."""
    return _WORD.findall(spelled_out(text.lower()))


def ends_open(words: list[str]) -> bool:
    """Return whether the words end on a filler, on a verb without its object, or are a subordinate clause alone."""
    if not words:
        return False
    if words[-1] in FILLERS | _NEVER_LAST or words[-1] in ("wonder", "wondering"):
        return True
    if (words[0] in _OPENER and len(words) <= 6) or _STATED_THAT.search(" ".join(words[-3:])):
        return True
    announced = words[-1] in _VERBS - {"do", "go", "help", "start", "talk"} and _ANNOUNCED.search(
        " ".join(words[-4:-1])
    )
    return bool(announced) and _OBJECTS.isdisjoint(words[-8:])


def lists_so_far(words: list[str]) -> bool:
    """Return whether the words end on two things side by side: "your weight your blood pressure"."""
    found = _SIDE_BY_SIDE.search(" ".join(words[-6:]))
    return found is not None and _NO_ITEM.isdisjoint(f"{found[2]} {found[3]}".split())


def is_item(piece: list[str]) -> bool:
    """Return whether words said between two pauses may be one thing of a list: "headaches", "your blood pressure"."""
    if not 1 <= len(piece) <= 3 or (len(piece) > 1 and piece[0] not in _DETERMINERS) or piece[0].endswith("ly"):
        return False
    return _NO_ITEM.isdisjoint(piece) and last_figure(piece) is None


def word_features(words: list[str]) -> Features:
    """Return what the last words say on whether an utterance can end after them."""
    count = len(words)
    last = ["^", "^", "^", *words]
    features = {
        f"1={last[-1]}": 1.0,
        f"2={last[-2]}": 1.0,
        f"3={last[-3]}": 1.0,
        f"21={last[-2]} {last[-1]}": 1.0,
        f"32={last[-3]} {last[-2]}": 1.0,
        f"321={last[-3]} {last[-2]} {last[-1]}": 1.0,
        "dangling": float(last[-1] in DANGLING),
        "filler": float(last[-1] in FILLERS),
        "open verb": float(last[-1] in _VERBS and last[-2] in _BEFORE_VERB),
        "preposition": float(last[-1] in _PREPOSITIONS),
        "determiner": float(last[-1] in _DETERMINERS),
        "conjunction": float(last[-1] in _CONJUNCTIONS),
        "adjective": float(
            last[-1] in _ADJECTIVES and last[-2] in _DETERMINERS | _PREPOSITIONS | {"very", "more", "is"}
        ),
        "frame": float(_FRAME.search(" ".join(words[-8:])) is not None),
        "list": float(_lists(words)),
        "opener only": float(count <= 7 and words[:1] != [] and words[0] in _OPENER),
    }
    asked = _question_at(words[-14:])
    features["no question" if asked is None else f"question {min(min(count, 14) - 1 - asked, 8)} back"] = 1.0
    for length in (1, 2, 3, 4, 6, 9):
        features[f"words>{length}"] = float(count > length)
    return features


def turn_features(evidence: PauseEvidence) -> Features:
    """Return what a pause's evidence says on whether the speaker goes on."""
    text = evidence.text.lower()
    words = words_of(text)
    count = len(words)
    features: Features = _timing(evidence, count)
    for length in (1, 2, 3, 5):
        features[f"words<={length}"] = float(count <= length)
    if not words:
        return features | {"empty": 1.0}
    features |= {f"1={words[-1]}": 1.0, f"2={words[-2] if count > 1 else '^'}": 0.7, f"first={words[0]}": 0.5}
    if count > 1:
        features[f"21={words[-2]} {words[-1]}"] = 1.0
    for word in set(words[-14:]):
        features[f"near={word}"] = 0.4
    features |= _manner(words)
    features |= _receiving(evidence, words, features)
    features |= _punctuation(text) if _MARKS.search(text) else {"no marks": 1.0}
    return features


def _timing(evidence: PauseEvidence, count: int) -> Features:
    speech_s, piece_s = max(evidence.speech_ms, 1.0) / 1000.0, max(evidence.last_piece_ms, 1.0) / 1000.0
    gap_ms = evidence.after_gap_ms
    return {
        "words": min(count, 40) / 10,
        "log words": math.log1p(count),
        "speech": min(speech_s, 20.0) / 10,
        "log speech": math.log1p(speech_s),
        "piece": min(piece_s, 8.0) / 4,
        "log piece": math.log(piece_s + 0.1),
        "piece<1": float(piece_s < 1.0),
        "piece<0.5": float(piece_s < 0.5),
        "pieces": min(evidence.pieces, 6) / 3,
        "rate": min(count / max(speech_s, 0.3), 6.0) / 3,
        "log gap": math.log(min(max((9_000.0 if gap_ms is None else gap_ms) / 1000.0, 0.05), 3.0)),
    }


def _manner(words: list[str]) -> Features:
    """Return how the last words are meant: a question, a list of receipts, a plan, a farewell."""
    count = len(words)
    asked = _question_at(words)
    back = count - 1 - asked if asked is not None else 0
    receipts = 0
    while receipts < count and words[-1 - receipts] in RECEIPTS | FILLERS:
        receipts += 1
    dangling, filler = float(words[-1] in DANGLING), float(words[-1] in FILLERS)
    only = float(receipts == count)
    near = float(asked is not None and 2 <= back <= 14)
    tail = " ".join(words[-6:])
    return {
        "filler": filler,
        "dangling": dangling,
        "question": float(asked is not None),
        "question back": min(back, 20) / 10,
        "question cut": float(asked is not None and back < 2),
        "question near": near,
        "question far": float(back > 14),
        "question whole": float(bool(near) and not receipts and not dangling),
        "question filler": float(asked is not None) * filler,
        "receipts": min(receipts, 4) / 2,
        "receipts after question": float(receipts > 0 and asked is not None),
        "only receipts": only,
        "statement": float(asked is None and not only),
        "long statement": float(asked is None and count > 15),
        "very long statement": float(asked is None and count > 40),
        "tag": float(_TAG.search(tail) is not None),
        "farewell": float(_FAREWELL.search(tail) is not None),
        "thanks": float("thank" in tail),
        "request": float(_REQUEST.search(tail) is not None),
        "plan": float(_PLAN.search(" ".join(words[-12:])) is not None),
        "subordinate": float(_SUBORDINATE.search(" ".join(words[-5:])) is not None),
    }


def _receiving(evidence: PauseEvidence, words: list[str], features: Features) -> Features:
    """Return how the turn takes up what the other said."""
    before = words_of(evidence.after)
    only, length = features["only receipts"], min(len(before), 20) / 10
    return {
        "after": length,
        "after<=3": float(len(before) <= 3),
        "after nothing": float(not before),
        "after question": float(any(word in _ASKERS | _ASKED_BY for word in before[:3])),
        "after marked question": float(evidence.after.rstrip().endswith("?")),
        "receipts after": only * length,
        "receipts after nothing": only * float(not before),
        "one receipt": only * float(len(words) == 1),
        "many receipts": only * float(len(words) > 3),
        "receipts filler": only * features["filler"],
        "receipts piece": only * features["log piece"],
        "receipts gap": only * features["log gap"],
    }


def _punctuation(text: str) -> Features:
    tokens = _TOKEN.findall(text)
    marks = [index for index, found in enumerate(tokens) if found == "?"]
    since = len(tokens) - 1 - marks[-1] if marks else 0
    return {
        f"mark={tokens[-1] if _MARKS.fullmatch(tokens[-1]) else 'none'}": 1.0,
        "asked": float(bool(marks) and since == 0),
        "asked near": float(bool(marks) and since <= 6),
        "asked before": float(bool(marks)),
        "since asked": min(since, 10) / 10,
    }


def _lists(words: list[str]) -> bool:
    """Return whether things seem to be listed: the same small word comes again after one or two others."""
    tail = words[-5:]
    return any(
        word in _LISTED and word in tail[index + 2 : index + 4]
        for index, word in enumerate(tail)
        if index + 2 < len(tail)
    )


def _question_at(words: list[str]) -> int | None:
    """Return where the last question opens ("do you", "how long", "any ..."), if there is one."""
    for index in range(len(words) - 2, -1, -1):
        word, following = words[index], words[index + 1]
        stated = word in _POSSESSING and index > 0 and words[index - 1] in _NOMINATIVES  # "you have the"
        if word == "any" or (word in _AUXILIARIES and following in _SUBJECTS and not stated):
            return index
        if word in _ASKERS and (following in _AUXILIARIES or following in _AMOUNTS):
            return index
    return None
