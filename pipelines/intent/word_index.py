"""The interpreter that needs no model: it matches words, sounds and set phrases against the card."""

from __future__ import annotations

from pipelines.engines import CueMatch, EngineInfo, IndexRequest, Interpretation, InterpretRequest
from pipelines.intent.acts import ASKING
from pipelines.intent.distress import by_rules
from pipelines.intent.elsewhere import topics
from pipelines.intent.lexicon import concepts_of
from pipelines.intent.matching import index_for
from pipelines.intent.phrases import closest_phrase, opens_like_question
from pipelines.intent.sentences import sentences_of
from pipelines.intent.understanding import understand

# What was taken for a question by its words alone, without a question's form, is only half sure to be one.
BARE_CONFIDENCE = 0.5


class WordIndex:
    """An Interpreter that matches turns lexically against the card; stateless but for the per-card index."""

    def __init__(self) -> None:
        self.info = EngineInfo(
            kind="interpreter",
            name="word-index",
            demonstration=True,
            isolation="thread",
            detail="matches the candidate's words against the card's example questions",
        )

    def warm(self) -> None:
        """Fill the tables of words, so that the first turn does not wait for them."""
        topics()
        concepts_of("")
        closest_phrase(("hello",))
        opens_like_question(("hello",))

    def index(self, request: IndexRequest) -> None:
        """Make the card's index ahead of its first turn (about 20 ms)."""
        index_for(request.card)

    def interpret(self, request: InterpretRequest) -> Interpretation:
        """Return what the turn is taken for."""
        index = index_for(request.card)
        heard = understand(request.text, index=index, words=request.words, first=request.first_words)
        return Interpretation(
            heard.act,
            BARE_CONFIDENCE if heard.bare else heard.score,
            tuple(CueMatch(score.cue, score.score, score.trigger) for score in heard.ranking),
            heard.score if heard.act in ASKING else 0.0,
            heard.reason,
            distress=next(filter(None, (by_rules(sentence) for sentence in sentences_of(request.text))), ""),
        )
