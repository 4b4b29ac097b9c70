"""What may be told: from an interpretation and the card's rules to a release, which is a proposal.

Everything that is released is a text of the card, except a few fixed sentences: name, age, a told-already line, "As I
said," before a cue that is told again, a question back, and what the candidate has explained, turned round. Nothing
here changes anything: the conversation's core alone counts a cue as told, once it was heard.
"""

from __future__ import annotations

import functools
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from pipelines.engines import AlsoAsked, CueMatch, HistoryItem, Interpretation, Release, RespondKind
from pipelines.intent.acts import Act
from pipelines.intent.exemplars import Denial
from pipelines.intent.reading import ASKED_AT, CERTAIN, FITS
from pipelines.intent.words import tokens
from pipelines.patient.card import Card, Cue
from pipelines.patient.deflections import ASKS_WHY, DEFLECTIONS, NOT_NOTICED, AnswerForm, form_of
from pipelines.patient.identity import ADDRESS_FACT, BIRTH_FACT, Identity
from pipelines.patient.jargon import WHAT_IS_LINE, unexplained
from pipelines.patient.summaries import CORRECTED_LINE, WRONG_LINE, Stated, disagreeing
from pipelines.patient.teach_back import in_own_words
from pipelines.patient.wording import behind, is_one_of, spoken_lines, uncapitalised, was_said

# Whoever has none of these may say no; of other things one knows more than yes or no.
DENIED = frozenset({"symptoms", "complaint", "medication", "allergies", "lifestyle"})
# Among so many of the patient's last turns one does not ask twice why something is asked.
ASKED_WHY_TURNS = 4
# What is asked for in an invitation, and told about though no worry is due.
QUESTIONS, WORRIES, FEELINGS = "questions", "worries", "feelings"
ANSWERED_ANYWAY = frozenset({"understanding", FEELINGS, "hopes", "hardest", "mood"})
# The fact of a child's or an animal's name: child-name, dog-name.
NAME_FACTS = "-name"
# The fact of how one is: "Good morning, how are you?" is more than a greeting.
HOW_ARE_YOU_FACT = "how-are-you"
# What one would feel or see, whatever is asked about it.
NOTICED = frozenset({"symptoms", "complaint"})
TOLD_LINE = "I think I've told you all I know about that."
AGAIN_PREFIX = "As I said, "
WAIT_LINE = "Of course, take your time."
# The person who speaks comes before the role-play.
DISTRESS_LINE = "Are you all right? We can stop for a moment."
ASK_BACK_LINE = "Sorry, are you asking about {topic}?"
# What a patient tells of their own accord is not named before it is told.
ASK_BACK_BLINDLY_LINE = "Sorry, what do you mean exactly?"
# A fact so likely is told, even if the turn is taken for something else than a question.
SURE_FACT = 0.85
# A cue so close behind the best may have been meant, if it is so likely itself.
CLOSE = 0.1
MEANT_AT = 0.55
_YES = re.compile(
    r"^\W*(?:(?:um|uh|er|oh|well)\W+)?"
    r"(?:yes|yeah|yep|yup|right|exactly|correct|that's (?:it|right)|i am|i do|please|sure)\b",
    re.IGNORECASE,
)

PARTING = frozenset({Act.FAREWELL, Act.ACKNOWLEDGEMENT, Act.REASSURANCE})
"""What is said while one parts."""

HARD_TO_FOLLOW = frozenset(
    {Act.EXPLANATION, Act.STATEMENT, Act.ADVICE, Act.BAD_NEWS, Act.UNKNOWN, Act.CHECK, Act.PROPOSAL, Act.REASSURANCE,
     Act.SUMMARY, Act.PERMISSION, Act.INVITATION}
)  # fmt: skip
"""Turns in which a word that the patient does not know is asked about."""

LEADS = ("acknowledge", "comforted", "agree", "accept", "thanked")
"""The lines of a card that answer what was said before the patient tells what is on their mind."""

_THANKS = re.compile(r"\bthank(?:s|\b)", re.IGNORECASE)
_OFFER = re.compile(
    r"\b(?:would you like|do you want (?:me|us|some|a)|shall i|should i|can i get you|would it help if i"
    r"|would (?:that|it|this) (?:help|be (?:useful|helpful|of help|any help)))\b",
    re.IGNORECASE,
)
# Asked of a parent or an owner, "Do you smoke?" is about themselves, and "Have you noticed a rash?" is not.
_ABOUT_SPEAKER = re.compile(r"\b(?:you|your|yourself)\b", re.IGNORECASE)
_ABOUT_ANOTHER = re.compile(
    r"\b(?:he|she|him|her|his|hers|it|its|son|daughter|child|boy|girl|baby|dog|cat|noticed|seen)\b", re.IGNORECASE
)
_INEXACT = re.compile(r"I couldn't say exactly|It's hard to|I haven't really kept count")
_OF_ME = {"he is": "I am", "she is": "I am", "he": "I", "she": "I", "his": "my", "her": "my"}
_OF_PATIENT = re.compile(r"\b(?:s?he(?: is)?|his|her)\b", re.IGNORECASE)
_SHOWN = re.compile(r"\b(?:show(?:ing)? me|point (?:to|at))\b", re.IGNORECASE)
# Whoever says why they ask is not asked why.
_REASON = re.compile(r"\b(?:because|i ask|i'm asking|so that|since)\b|[.!]\s+\w", re.IGNORECASE)
_ELSE = re.compile(r"\b(?:any|some)thing else\b", re.IGNORECASE)
_ASKS_LEAVE = re.compile(r"(?:can|could|may|shall|should) (?:i|we)\b|would you like (?:me|us)\b", re.IGNORECASE)
_PROMISE = re.compile(r"\b(?:i'll|i can|i could|try|manage)\b", re.IGNORECASE)

NOT_INTERPRETED = Interpretation(Act.UNINTELLIGIBLE, 0.0, reason="nothing was made of it")
"""What a turn is taken for that could not be interpreted: the patient asks to hear it again."""


@dataclass(frozen=True, slots=True)
class Moment:
    """Why the patient is to speak, what the candidate's words were taken for, and what was said and heard before."""

    kind: RespondKind
    turn: int
    text: str = ""
    interpretation: Interpretation = NOT_INTERPRETED
    history: tuple[HistoryItem, ...] = ()
    told: tuple[str, ...] = ()


Disclose = Callable[[Moment], Release]


def nothing_to_tell(moment: Moment) -> Release:
    """Return a release without a text: for a patient who has no card."""
    return Release(moment.interpretation.act, "")


class Disclosure:
    """One patient's rules of telling: the same release for the same moment and seed.

    `denials` has what somebody says who has nothing to tell of a common topic ("No, no fever.").
    """

    def __init__(self, card: Card, seed: int = 0, denials: Callable[[], Mapping[str, Denial]] = dict) -> None:
        self._card = card
        self._seed = seed
        self._denials = denials

    def __call__(self, moment: Moment) -> Release:
        """Return what the patient may say at that moment."""
        return _Telling(self._card, self._seed, moment, self._denials(), self._known).release()

    @functools.cached_property
    def _known(self) -> frozenset[str]:
        return self._card.words()


class _Telling:
    """The rules at one moment."""

    def __init__(
        self, card: Card, seed: int, moment: Moment, denials: Mapping[str, Denial], known: frozenset[str]
    ) -> None:
        self.card = card
        self._denials = denials
        # The words that this patient knows.
        self.known = known
        self.lines = card.lines
        self.seed = seed
        self.moment = moment
        self.heard = moment.interpretation
        self.identity = Identity(card)
        self.denial = self._denied(self.heard.topic, moment.text)
        self.cues = {cue.id: cue for cue in card.cues}
        # Not the cues in the history: one that was cut short is there too, and goes on when it is asked for.
        self.told = {cue for cue in moment.told if cue in self.cues}
        self.patient_items = [item for item in moment.history if item.role == "patient" and item.text.strip()]
        self.patient_texts = [self._without_lead(item.text) for item in self.patient_items]
        self.last = self.patient_items[-1].text if self.patient_items else ""

    def release(self) -> Release:
        """Return what may be said."""
        match self.moment.kind:
            case RespondKind.OPENING:
                text = self.card.opening or self.variant(self.lines.greeting)
                return Release(Act.OPENING, text, reason="the patient speaks first")
            case RespondKind.SILENCE:
                if self._parted:
                    return Release(Act.SILENCE, "", reason="goodbye is said")
                return Release(Act.SILENCE, self.variant(self.lines.silence), reason="the candidate is silent")
            case RespondKind.CLOSING:
                return Release(Act.CLOSING, self.variant(self.lines.closing), reason="the role-play ends")
            case RespondKind.REPLY:
                return self._answer()

    def _answer(self) -> Release:
        lines = self.lines
        if self.heard.distress:
            return self._say([DISTRESS_LINE], "the person who speaks may be in distress")
        if self._parted and self.heard.act in PARTING:
            return Release(self.heard.act, "", None, self.heard.reason + "; goodbye is said", self._score)
        meant = self._asked_back()
        if meant is not None and _YES.match(self.moment.text) and self.heard.act not in (Act.CUE, Act.UNSURE):
            return self._tell_item(meant, "asked back, and that was meant", Act.CUE)
        hard = unexplained(self.moment.text, self.known) if self.heard.act in HARD_TO_FOLLOW else ""
        if hard and WHAT_IS_LINE.format(word=hard) not in self.patient_texts:
            return self._say([WHAT_IS_LINE.format(word=hard)], "a word that this patient does not know")
        match self.heard.act:
            case Act.CUE if self._identifies():
                return self._identify()
            case Act.CUE:
                return self._with_others(self._answer_question())
            case Act.UNSURE if self._asked_back() is not None:
                # Nobody is asked back twice: who is asked again answers as well as they can.
                return self._answer_question()
            case Act.UNSURE if self.heard.cues[0].cue in self.cues:
                return self._ask_back()
            case Act.UNSURE if self.heard.cues[0].probability >= FITS:
                # Little is lost where a fact is told to somebody who wanted something else.
                return self._answer_question()
            case Act.UNSURE:
                # One that only lies near is more often no answer than one.
                return self._deny()
            case Act.UNKNOWN:
                return self._with_others(self._deny())
            case Act.GREETING:
                return self._greet()
            case Act.PERMISSION | Act.REQUEST if self._shows():
                return self._answer_question()
            case Act.PERMISSION | Act.PROPOSAL if self._own_answer():
                return self._tell_fact(self._own_answer())
            case Act.PERMISSION:
                return self._say(lines.permit)
            case Act.FAREWELL:
                return self._say(lines.closing)
            case Act.IDENTITY:
                return self._identify()
            case Act.REPEAT:
                return self._repeat()
            case Act.UNINTELLIGIBLE:
                if is_one_of(self.last, lines.say_again):
                    return self._say(lines.acknowledge, "asked to say it again already")
                return self._say(lines.say_again)
            case Act.OPEN:
                cue = self._broken_off() or self._first_untold()
                if cue is not None:
                    return self._tell(cue, "first on the card that is not told")
                # Nobody says that there is nothing more, and then what else there is.
                due = self._due()
                return self._tell(due[0], "its turn has come") if due else self._say(lines.nothing_more)
            case Act.INVITATION:
                return self._answer_invitation()
            case Act.READINESS | Act.CHOICE if self._sure_fact():
                return self._tell_fact(self._sure_fact())
            case Act.READINESS:
                return self._say(self._fact_or("readiness", lines.readiness))
            case Act.SUMMARY:
                return self._confirm()
            case Act.TEACH_BACK:
                return self._say([in_own_words(self.moment.history, asked=self.moment.text)], "what was explained")
            case Act.PROPOSAL:
                return self._volunteer(lines.accept if _OFFER.search(self.moment.text) else lines.agree)
            case Act.CHOICE:
                return self._say(lines.choose)
            case Act.SMALL_TALK:
                return self._say(lines.small_talk)
            case Act.WARNING_SHOT:
                return self._say(lines.warned)
            case Act.REQUEST:
                return self._say(lines.comply)
            case Act.BAD_NEWS:
                return self._say(lines.bad_news)
            case Act.RUDE:
                return self._say(lines.hurt)
            case Act.HARMFUL:
                return self._say(lines.unsafe)
            case Act.APOLOGY:
                return self._say(lines.language)
            case Act.ASIDE:
                return self._say(lines.aside)
            case Act.HOLD:
                return self._say([WAIT_LINE])
            case Act.ACKNOWLEDGEMENT if _THANKS.search(self.moment.text):
                return self._volunteer(lines.thanked)
            case Act.EMPATHY | Act.REASSURANCE:
                return _freely(self._volunteer(lines.comforted))
            case Act.ADVICE:
                return self._volunteer(self._acknowledgements())
            case _:
                return _freely(self._volunteer(self._acknowledgements()))

    def _greet(self) -> Release:
        greeting = self._say(self.lines.greeting)
        if self._sure_fact() != HOW_ARE_YOU_FACT:
            return greeting
        asked = self._tell_fact(HOW_ARE_YOU_FACT)
        return replace(asked, text=f"{greeting.text} {asked.text}")

    # -------------------------------------------------------------- questions

    def _answer_question(self) -> Release:
        """Tell the best-matching cue that the rules allow; never one that fits only because a better one is not due."""
        if not self.heard.cues:
            return self._deny()
        top = self.heard.cues[0]
        if top.cue not in self.cues:
            return self._tell_fact(top.cue)
        cue = self.cues[top.cue]
        if self.heard.act is Act.UNSURE and self._knows(cue):
            return self._say(self.lines.say_again, f"'{cue.id}' is told, and was hardly asked for again")
        if self._may_tell(cue) or self._knows(cue):
            return self._tell(cue)
        for match in self.heard.cues[1:]:
            other = self.cues.get(match.cue)
            if other is None:
                continue
            close = match.probability >= max(MEANT_AT, top.probability - CLOSE)
            if close and self._may_tell(other) and not self._knows(other):
                return self._tell(other, f"'{top.cue}' is not due; '{match.example}' {match.probability:.2f}")
        if self.heard.act is Act.UNSURE:
            return self._volunteer(self.lines.acknowledge, Act.STATEMENT)
        return self._say(self.lines.not_yet, f"'{top.cue}' is not due yet", Act.UNKNOWN)

    def _with_others(self, release: Release) -> Release:
        """Answer as well what was asked in the same breath: what is no cue, or the first cue where none is told yet."""
        for other in self.heard.also:
            cue = self.cues.get(other.item)
            if cue is not None and (release.cue is not None or not self._may_tell(cue)):
                continue
            text = self._other_answer(other)
            if not text or text in release.text:
                continue
            # What counts as told begins the reply: it may be cut short.
            texts = (text, release.text) if cue is not None else (release.text, text)
            told = cue.id if cue is not None else release.cue
            reason = f"{release.reason}; '{other.text}' was asked as well"
            release = replace(release, text=" ".join(texts), cue=told, reason=reason, free=False)
        return release

    def _other_answer(self, other: AlsoAsked) -> str:
        if other.item in self.cues:
            return self._tell(self.cues[other.item]).text
        if other.item:
            return self.variant(self.card.fact(other.item).says, key=other.item, avoid=self.last)
        if other.topic in ("age", "name"):
            return self.identity.age() if other.topic == "age" else self.identity.name()
        return self._denied(other.topic, other.text)

    def _ask_back(self) -> Release:
        item = self.heard.cues[0].cue
        known = self.cues.get(item)
        named = known is None or (known.kind == "asked" and self._may_tell(known))
        topic = known.topic if known is not None else self.card.fact(item).topic
        text = self._asks_back(topic) if named else ASK_BACK_BLINDLY_LINE
        return self._say([text], f"not sure that '{item}' is meant")

    def _asks_back(self, topic: str) -> str:
        """Return the question back about a topic, which is written for the candidate: "Things he is wearing"."""
        said = uncapitalised(topic, self.card)
        if not self.card.patient.speaks_for:
            said = _OF_PATIENT.sub(lambda found: _OF_ME[found[0].lower()], said)
        return ASK_BACK_LINE.format(topic=said)

    def _asked_back(self) -> str | None:
        """Return the item that the patient's last line asked about, to be sure."""
        items = {cue.id: cue.topic for cue in self.card.cues} | {fact.id: fact.topic for fact in self.card.facts}
        asking = {self._asks_back(topic): item for item, topic in items.items()}
        return asking.get(self.last)

    def _answer_invitation(self) -> Release:
        due = self._due(begun=True)
        if due:
            return self._tell(_closest(due, self.heard.cues), "its turn has come")
        for match in self.heard.cues:
            asked = match.probability >= ASKED_AT and match.cue in self.told
            if asked and self.cues[match.cue].kind == "volunteered":
                return self._tell(self.cues[match.cue], "asked again")
        if self.heard.topic == QUESTIONS:
            return self._say(self.lines.nothing_more, "nothing is due")
        top = self.heard.cues[0] if self.heard.cues else None
        if top is not None and top.cue not in self.cues and top.probability >= self._least_for(top.cue):
            return self._tell_fact(top.cue)
        if self.heard.topic in ANSWERED_ANYWAY and self._has_fact(self.heard.topic):
            return self._tell_fact(self.heard.topic)
        meant = self.cues.get(top.cue) if top is not None and top.probability >= FITS else None
        if meant is not None and meant.kind == "volunteered" and not self._may_tell(meant):
            return self._say(self.lines.not_yet, f"'{meant.id}' is not due yet")
        if self.heard.topic in ANSWERED_ANYWAY and self.denial:
            return self._say([self.denial], f"was asked for '{self.heard.topic}'")
        first = self._first_untold()
        if not self.told and first is not None and not _ELSE.search(self.moment.text):
            return self._tell(first, "no worry is due before it")
        return self._say(self.lines.nothing_more, "nothing is due")

    def _least_for(self, fact: str) -> float:
        """Return how likely a fact must be to be told to whoever invites something: worries are no other thing."""
        topic = self.heard.topic
        if topic == WORRIES:
            return CERTAIN
        return SURE_FACT if topic in ANSWERED_ANYWAY and topic != fact else ASKED_AT

    def _tell_item(self, item: str, why: str, act: Act) -> Release:
        return self._tell(self.cues[item], why, act) if item in self.cues else self._tell_fact(item)

    def _tell_fact(self, fact_id: str) -> Release:
        text = self.variant(self.card.fact(fact_id).says, key=fact_id, avoid=self.last)
        reason = f"{self.heard.reason}; tells '{fact_id}', which is no cue"
        return Release(self.heard.act, text, None, reason, self._score, fact_id)

    def _denied(self, topic: str, text: str) -> str:
        """Return what one says who has nothing of a common topic: of whomever the text asks about."""
        denial, other = self._denials.get(topic), self.card.patient.speaks_for
        if denial is None:
            return ""
        themselves = _ABOUT_SPEAKER.search(text) and not _ABOUT_ANOTHER.search(text)
        return denial.of_somebody(other) if other and not themselves else denial.own

    def _deny(self) -> Release:
        """Say that there is nothing to tell: of a common topic as one who has nothing of it, else of anything."""
        if self.identity.asks_for_age(self.moment.text):
            return self._say([self.identity.age()], "", Act.IDENTITY)
        if self.heard.topic in ("age", "name"):
            said = self.identity.age() if self.heard.topic == "age" else self.identity.name()
            return self._say([said], "", Act.IDENTITY)
        form = form_of(self.moment.text)
        # "How many do you take?" is not answered by "No, none".
        # Nor "Have you had an accident?" by "I couldn't say exactly when it began."
        unlike = form is AnswerForm.AMOUNT and self.denial.startswith("No,")
        unlike = unlike or (form is AnswerForm.YES_OR_NO and _INEXACT.match(self.denial) is not None)
        if self.denial and not unlike:
            return self._say([self.denial], f"has nothing of '{self.heard.topic}' to tell", Act.UNKNOWN)
        subject = next((name for name, _ in self.heard.subjects), "")
        recent = self.patient_texts[-ASKED_WHY_TURNS:]
        lines: Sequence[str] = self.lines.not_on_card
        if form is AnswerForm.YES_OR_NO and subject in DENIED:
            lines = DEFLECTIONS[form]
        elif not _REASON.search(self.moment.text) and not any(is_one_of(text, ASKS_WHY) for text in recent):
            lines = ASKS_WHY
        elif form is AnswerForm.OTHER and subject in NOTICED:
            lines = NOT_NOTICED
        elif form is not AnswerForm.YES_OR_NO:
            lines = DEFLECTIONS.get(form, lines)
        return _freely(self._say(lines, f"has no answer of this kind: {form.value}", Act.UNKNOWN))

    def _identifies(self) -> bool:
        """Tell whether a question for a fact of the card asks for several things of who the patient is."""
        identifying = self.heard.cues and self.heard.cues[0].cue in (BIRTH_FACT, ADDRESS_FACT)
        return bool(identifying) and self.identity.asks_for_several(self.moment.text)

    def _identify(self) -> Release:
        """Say who the patient is; a child's or an animal's name, where that is asked for."""
        top = self.heard.cues[0] if self.heard.cues else None
        fact = top.cue if top is not None and top.probability >= FITS and top.cue not in self.cues else ""
        named, text = fact.endswith(NAME_FACTS), self.moment.text
        if fact and not self.identity.asks_for_several(text) and (named or not self.identity.is_asked(text)):
            return self._tell_fact(fact)
        name = self.card.fact(fact).says[0] if named else ""
        said = self._say([self.identity.answer(text, name=name)])
        told = (each.id for each in self.card.facts if each.id in (BIRTH_FACT, ADDRESS_FACT, fact))
        return replace(said, fact=next((each for each in told if self.card.fact(each).says[0] in said.text), None))

    def _sure_fact(self) -> str:
        """Return the fact that is surely asked for, whatever the turn is taken for; nothing, if it is a cue."""
        top = self.heard.cues[0] if self.heard.cues else None
        return top.cue if top is not None and top.probability >= SURE_FACT and top.cue not in self.cues else ""

    def _shows(self) -> bool:
        """Tell whether the patient is to show what can be said: "Can you show me how you use it?"."""
        sure = bool(self.heard.cues) and self.heard.cues[0].probability >= SURE_FACT
        return sure and _SHOWN.search(self.moment.text) is not None

    def _own_answer(self) -> str:
        """Return the fact that answers this very request for leave: "Can I call your wife?" of one who has none."""
        fact = self._sure_fact()
        return fact if fact and _ASKS_LEAVE.match(self.heard.cues[0].example) else ""

    def _has_fact(self, fact_id: str) -> bool:
        return any(fact.id == fact_id for fact in self.card.facts)

    def _fact_or(self, fact_id: str, otherwise: Sequence[str]) -> Sequence[str]:
        return next((fact.says for fact in self.card.facts if fact.id == fact_id), otherwise)

    def _confirm(self) -> Release:
        """Confirm a summary, or correct it: by what was told, and where nothing of it was, without telling it."""
        stated, untold = self._stated()
        if wrong := disagreeing(stated, known=self.known):
            return self._say([CORRECTED_LINE.format(said=wrong)], "the summary says otherwise than what was told")
        if disagreeing(untold, known=self.known):
            return self._say([WRONG_LINE], "the summary says otherwise than what is not told yet")
        return self._say(self.lines.summary) if stated else self._volunteer(self._acknowledgements())

    def _stated(self) -> tuple[list[Stated], list[Stated]]:
        """Return each claim of a summary with what was told of that thing, or may be; and those of untold cues."""
        facts = {fact.id: fact.says for fact in self.card.facts}
        stated, untold = list[Stated](), list[Stated]()
        for claim, item in self.heard.claims:
            said = self.cues[item].says if item in self.cues else facts.get(item, ())
            told = [text for text in said if was_said(text, self.patient_texts)]
            if told or item in facts:
                stated.append(Stated(claim, (told or said)[-1]))
            elif said:
                untold.append(Stated(claim, " ".join(said)))
        return stated, untold

    def _acknowledgements(self) -> Sequence[str]:
        """Return lines that take in what was said: those that promise to do it only after advice."""
        lines, advised = self.lines.acknowledge, self.heard.act is Act.ADVICE
        return [line for line in lines if bool(_PROMISE.search(line)) == advised] or lines

    @property
    def _parted(self) -> bool:
        """Whether both have said goodbye: the patient does so only when taking leave, or when time is up."""
        return is_one_of(self.last, self.lines.closing)

    def _volunteer(self, otherwise: Sequence[str], act: Act | None = None) -> Release:
        due = self._due()
        if not due:
            return self._say(otherwise, "", act)
        told = self._tell(due[0], "nothing was asked, and its turn has come", act)
        # What was said is answered first, and then comes what is on the patient's mind.
        return replace(told, text=f"{self.variant(otherwise, avoid=self.last)} {told.text}")

    def _without_lead(self, text: str) -> str:
        """Return what was heard without the line before it that answers what was said."""
        leads = [lead for name in LEADS for lead in getattr(self.lines, name)]
        return next((text.removeprefix(f"{lead} ") for lead in leads if text.startswith(f"{lead} ")), text)

    def _repeat(self) -> Release:
        """Say the patient's last line again: in full, where what was heard of it is the start of a text of the card."""
        if not self.patient_items:
            text = self.card.opening or self.variant(self.lines.greeting)
            return Release(Act.REPEAT, text, None, self.heard.reason + "; nothing was said yet", self._score)
        last = self.patient_items[-1]
        cue = next((cue for cue in last.cues if cue in self.cues), None)
        begin = tokens(self.patient_texts[-1])
        for _, text in spoken_lines(self.card):
            if begin and tokens(text)[: len(begin)] == begin:
                return Release(Act.REPEAT, text, cue, self.heard.reason, self._score)
        return Release(Act.REPEAT, last.text, cue, self.heard.reason, self._score)

    # -------------------------------------------------------------- cues

    def _tell(self, cue: Cue, why: str = "", act: Act | None = None) -> Release:
        reason = f"{self.heard.reason}; tells '{cue.id}'" + (f": {why}" if why else "")
        act = act or self.heard.act
        if not self._knows(cue):
            text = self._rest_of(cue) or self.variant(cue.says, key=cue.id)
            return Release(act, text, cue.id, reason, self._score)
        if cue.once:
            return Release(act, TOLD_LINE, None, f"{reason}, but it is told only once", self._score)
        fresh = [text for text in cue.says if not was_said(text, self.patient_texts)]
        if fresh:
            text = self.variant(fresh, key=cue.id)
        else:
            text = AGAIN_PREFIX + uncapitalised(self.variant(cue.says, key=cue.id, avoid=self.last), self.card)
        return Release(act, text, cue.id, f"{reason} (asked again)", self._score)

    def _due(self, *, begun: bool = False) -> list[Cue]:
        """Return the volunteered cues whose turn has come; those cut short only with `begun`.

        A patient who was interrupted does not begin again with whatever comes next, but goes on when asked.
        """
        volunteered = [cue for cue in self.card.cues if cue.kind == "volunteered"]
        due = [cue for cue in volunteered if self._may_tell(cue) and not self._knows(cue)]
        if self.seed:  # in an exam all patients tell the same in the same order
            due.sort(key=lambda cue: self._chance(cue.id))
        return [cue for cue in due if begun or not self._begun(cue, self.patient_texts)]

    def _begun(self, cue: Cue, heard: Sequence[str]) -> bool:
        """Whether a cue was cut short: part of it was heard, too little to count as told."""
        return not self._knows(cue) and any(was_said(text, heard) for text in cue.says)

    def _broken_off(self) -> Cue | None:
        """Return the cue in which the patient was interrupted just now."""
        return next((cue for cue in self.card.cues if self._begun(cue, self.patient_texts[-1:])), None)

    def _rest_of(self, cue: Cue) -> str:
        """Return what is left of a cue that was cut short, from the sentence on that was not heard to its end."""
        for text in cue.says:
            for heard in self.patient_texts:
                if was_said(text, [heard]):
                    return behind(text, len(tokens(heard)))
        return ""

    def _may_tell(self, cue: Cue) -> bool:
        return all(other in self.told for other in cue.after)

    def _knows(self, cue: Cue) -> bool:
        return cue.id in self.told

    def _first_untold(self) -> Cue | None:
        for cue in self.card.cues:
            if cue.kind == "asked" and self._may_tell(cue) and not self._knows(cue):
                return cue
        return None

    # -------------------------------------------------------------- lines

    @property
    def _score(self) -> float:
        heard = self.heard
        score = heard.cues[0].probability if heard.act is Act.CUE and heard.cues else heard.confidence
        return round(score, 3)

    def _say(self, variants: Sequence[str], reason: str = "", act: Act | None = None) -> Release:
        text = self.variant(variants, avoid=self.last)
        why = self.heard.reason + (f"; {reason}" if reason else "")
        return Release(act or self.heard.act, text, None, why, self._score)

    def variant(self, variants: Sequence[str], *, key: str = "", avoid: str = "") -> str:
        """Choose by seed and `key`, or turn; not what was said last, if there is another: a replay says the same."""
        choice = [text for text in variants if text != avoid] or list(variants)
        return choice[self._chance(key or str(self.moment.turn)) % len(choice)]

    def _chance(self, key: str) -> int:
        return zlib.crc32(f"{self.seed}:{key}".encode())


def _freely(release: Release) -> Release:
    """Return a release that may be put in other words, unless something of the card is told in it."""
    return replace(release, free=release.cue is None and release.fact is None)


def _closest(due: Sequence[Cue], matches: Sequence[CueMatch]) -> Cue:
    """Return the due cue that the words point to, or the first."""
    ids = {cue.id: cue for cue in due}
    for match in matches:
        if match.cue in ids and match.probability >= MEANT_AT:
            return ids[match.cue]
    return due[0]
