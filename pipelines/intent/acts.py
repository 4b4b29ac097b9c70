"""What a candidate's turn does: the closed set of acts."""

from __future__ import annotations

from enum import StrEnum


class Act(StrEnum):
    """What one turn is taken for; its value is what the log and the examiner's page call it."""

    # The candidate greets or introduces themselves; the answer is the card's greeting.
    GREETING = "greeting"
    # The candidate asks for name or age; the answer is a fixed sentence with the card's name and age.
    IDENTITY = "identity"
    # A question such as "what brings you in?" gets the first asked cue that was not told yet, in the card's order.
    OPEN = "open_question"
    CUE = "cue_question"  # a question about a cue of the card -> that cue
    UNKNOWN = "unknown_question"  # a question about nothing on the card -> not_on_card
    # The candidate asks for worries, feelings or questions; the answer is a due volunteered cue, or nothing_more.
    INVITATION = "invitation"
    # "Does that make sense?" or "would you try that?" gets a due volunteered cue, or acknowledge.
    CHECK = "check"
    # An explanation, advice or reassurance gets a due volunteered cue, or acknowledge.
    STATEMENT = "statement"
    PERMISSION = "permission"  # "may I have a look?" -> permit
    # "Sorry, could you say that again?" gets the patient's last line again.
    REPEAT = "repeat"
    FAREWELL = "farewell"  # -> closing
    UNINTELLIGIBLE = "unintelligible"  # nothing to go by -> say_again, never twice in a row
    OPENING = "opening"  # not a turn: the patient speaks first
    SILENCE = "silence"  # not a turn: the candidate has said nothing for long
    CLOSING = "closing"  # not a turn: the role-play ends


ASKING = frozenset({Act.CUE, Act.IDENTITY, Act.PERMISSION})
"""Turns that ask for one certain thing: once such a one is understood, it is most likely over. Others are followed by
more often: a greeting by a name, a word of sympathy by an explanation, an invitation by a question."""
