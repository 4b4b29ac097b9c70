"""Whether a question or a clause has only begun: "could you tell me how", "what I'm going to do is"."""

from __future__ import annotations

import re

from pipelines.endpointing.features import FILLERS, RECEIPTS

_AUXILIARY = r"(do|does|did|have|has|had|are|is|was|were|can|could|would|will|should)"

# ------------------------------------------------------------------ questions

_TO_TELL = re.compile(
    r"\b((tell|show) (me|us)|ask you|describe|explain|(like|want|need|wanted) to (know|ask))( exactly)? "
    r"(how|what|when|where|who|which|whether)$"
)
_AUXILIARY_FIRST = re.compile(
    rf"^{_AUXILIARY} (you|he|she|it|they|we|there)( been| also| still| already| really| usually| often)?$"
)
_EVER = re.compile(rf"\b{_AUXILIARY} (\w+ )?\w+ ever$")
_ASKER_FIRST = re.compile(
    rf"\b(what|when|where|which|who|how|why)( (long|many|much|often|far|old|bad|well))? {_AUXILIARY}$"
)
_ASKING = re.compile(r"\b((can|could|may|to|will|i'll|let me|i) ask you|(tell|ask|talk|hear) .{0,25}about)$")
_ASKED = re.compile(r"\b(what|who|which|how)\b")
"""With one of these before it, "ask you about" may be a whole question."""

_JOINERS = RECEIPTS | FILLERS | frozenset("but then now well or please".split())
_ANSWERING = frozenset("oh really".split())
"""With one of these before it, "oh, did you" answers."""

# ------------------------------------------------------------------ clauses

_RELATIVE = re.compile(r"\b(any|some|every)(thing|one|body)(( else)? that|( \w+){0,3} (who|which))$")
_WHAT_I_DO_IS = re.compile(
    r"\b(what|thing|question|reason|advice) (i|we|you|i'm|we're|i'd|we'd|you're|i'll|we'll)( \S+){1,7} (is|was)$"
)
_SUBJECT_IS = re.compile(r"\b(the|my|your|our|his|her|another|one)((?: \S+){1,3}) (is|was|are|were)$")
_INSIDE = frozenset(
    "that who which there i you he she it we they is are was were do does did as and or ok okay at about on in".split()
)
"""With these in it, what stands before a final "is" is no subject: "all the time there is"."""

_SUBORDINATING = frozenset("how what when where who which why whether if as than".split())
"""After these, "the pain is" may end a clause: "tell me how bad the pain is"."""


def has_begun(words: list[str], *, asked: bool) -> bool:
    """Return whether the words, lower case, end in a question or a clause that has only begun.

    `asked` says that the recogniser heard a question: then the short ones may be whole ("Can you tell me when?").
    """
    said = " ".join(words)
    if any(found.search(said) for found in (_RELATIVE, _WHAT_I_DO_IS, _ASKER_FIRST)) or _names_subject(words):
        return True
    if asked:
        return False
    about = _ASKING.search(said)
    if about is not None and not _ASKED.search(said[: about.start()]):
        return True
    begins = 0
    while begins < len(words) and words[begins] in _JOINERS:
        begins += 1
    if _AUXILIARY_FIRST.search(" ".join(words[begins:])):
        return _ANSWERING.isdisjoint(words[:begins])
    return _TO_TELL.search(said) is not None or _EVER.search(said) is not None


def _names_subject(words: list[str]) -> bool:
    """Return whether a statement has got as far as "the next step is"."""
    found = _SUBJECT_IS.search(" ".join(words[-5:]))
    if found is None or not _INSIDE.isdisjoint(found[2].split()):
        return False
    return _SUBORDINATING.isdisjoint(words[-9 : -len(found[0].split())])
