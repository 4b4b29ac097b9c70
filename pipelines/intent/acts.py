"""What a candidate's turn does: the closed set of acts."""

from __future__ import annotations

from enum import StrEnum


class Act(StrEnum):
    """What one turn is taken for; its value is what the log and the examiner's page call it."""

    # Questions.
    CUE = "cue_question"  # about a cue or a fact of the card
    UNSURE = "unsure_question"  # perhaps about a cue or a fact: the patient asks back
    UNKNOWN = "unknown_question"  # about nothing on the card
    OPEN = "open_question"  # "What brings you in?"
    IDENTITY = "identity"  # for the patient's name
    INVITATION = "invitation"  # for worries, feelings, hopes, questions
    PERMISSION = "permission"  # "May I have a look?"
    REQUEST = "request"  # "Please take off your shoe."
    PROPOSAL = "proposal"  # "Would you try that?"
    CHOICE = "choice"  # "Would Monday or Thursday suit you better?"
    READINESS = "readiness"  # "From zero to ten, how ready are you to stop?"
    CHECK = "check"  # "Does that make sense?"
    TEACH_BACK = "teach_back"  # "Can you tell me what you will do at home?"
    SUMMARY = "summary"  # "So it hurts at night, is that right?"
    REPEAT = "repeat"  # "Could you say that again?"
    # What the patient takes in.
    STATEMENT = "statement"  # any of those below, where it is not told apart
    EXPLANATION = "explanation"
    ADVICE = "advice"
    REASSURANCE = "reassurance"
    EMPATHY = "empathy"
    WARNING_SHOT = "warning_shot"  # "I'm afraid the news is not so good."
    BAD_NEWS = "bad_news"
    ACKNOWLEDGEMENT = "acknowledgement"
    APOLOGY = "apology"  # for one's English, or a slip
    HOLD = "hold"  # "Let me write that down."
    RUDE = "rude"
    HARMFUL = "harmful_advice"  # "You can just take double."
    SMALL_TALK = "small_talk"  # "It's raining cats and dogs again."
    ASIDE = "aside"  # about the test, the microphone, to somebody else
    # How one meets and parts.
    GREETING = "greeting"
    FAREWELL = "farewell"
    # No turn, or none that was understood.
    UNINTELLIGIBLE = "unintelligible"
    OPENING = "opening"  # the patient speaks first
    SILENCE = "silence"  # the candidate has said nothing for long
    CLOSING = "closing"  # the role-play ends


ASKING = frozenset({Act.CUE, Act.UNSURE, Act.IDENTITY, Act.PERMISSION})
"""Turns that ask for one certain thing: once such a one is understood, it is most likely over. Others are followed by
more often: a greeting by a name, a word of sympathy by an explanation, an invitation by a question."""

TAKEN_IN = frozenset(
    {
        Act.STATEMENT, Act.EXPLANATION, Act.ADVICE, Act.REASSURANCE, Act.EMPATHY, Act.WARNING_SHOT, Act.BAD_NEWS,
        Act.ACKNOWLEDGEMENT, Act.APOLOGY, Act.HOLD, Act.SMALL_TALK, Act.RUDE, Act.HARMFUL, Act.ASIDE,
    }
)  # fmt: skip
"""What asks for nothing."""

FOLLOWED = frozenset(
    {*TAKEN_IN, Act.REQUEST, Act.CHECK, Act.PROPOSAL, Act.CHOICE, Act.READINESS, Act.TEACH_BACK, Act.SUMMARY}
)
"""What a patient may answer with something of their own accord."""
