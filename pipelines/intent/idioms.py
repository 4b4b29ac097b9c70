"""Expressions whose words mean something else in them than alone: "does it work" asks nothing about a job.

They are general English of consultations, applied in order to lower-case text whose contractions are written out, to
what is said and to the triggers alike.
"""

from __future__ import annotations

import re

IDIOMS = (
    (
        re.compile(
            r"\b(does|do|did|is|are|has|have) (it|they|that|this|these|those|any of (?:it|them|that)) (?:\w+ )?"
            r"(?:work(?:ing|ed)?)\b(?! (?:as|at|in|for|on|stress))"
        ),
        r"\1 \2 relieve",
    ),
    (
        re.compile(
            r"\b(does|do|did|has|have|is|are) (it|they|that|this|these|those|anything|any of (?:it|them|that)) "
            r"((?:\w+ )?)"
            r"help(?:s|ed|ing)?\b(?! (?:you|with|at|in)\b)"
        ),
        r"\1 \2 \3relieve",
    ),
    (re.compile(r"\bhow (?:well )?(it|they|that|this) (?:works?|helps?)\b"), r"how \1 relieves"),
    (re.compile(r"\b(?:if|whether) (it|they|that|this) (?:works?|helps?)\b"), r"if \1 relieves"),
    (re.compile(r"\bblood pressure\b"), "hypertension"),
    (re.compile(r"\bside effects?\b"), "sideeffect"),
    (re.compile(r"\b(?:runs?|running) in (?=(?:the|your|his|her) family\b)"), "in "),
    (re.compile(r"\bdrink(?:ing)? (?=(?:\w+ ){0,2}(?:alcohol|beer|wine)\b)"), ""),
    (re.compile(r"\b(alcohol|beer|wine) (do|did|would|have) you (?:\w+ )?drink\b"), r"\1 \2 you have"),
    (re.compile(r"\bfree time\b"), "leisure"),
    (
        re.compile(r"\b(?:get|got) (?:here|there|home|to (?:the|this|our) (?:clinic|practice|pharmacy|surgery))\b"),
        "travel",
    ),
    (re.compile(r"\blast night\b"), "yesterday"),
    # Who hurts something has an accident; what hurts is a pain.
    (
        re.compile(
            r"\b(you|she|he) ((?:have |has |had )?)(?:hurt|hurted)\b"
            r"(?= (?:your|yourself|her|his|herself|himself|it|the)\b)"
        ),
        r"\1 \2injured",
    ),
    (re.compile(r"\b(got|get|getting|been|was|were) hurt\b"), r"\1 injured"),
    (
        re.compile(
            r"\bhow many (?:days|nights|times) (?:a|an|per|in a|in one|in the|of the|each|every|out of the) "
            r"(week|month|day)\b"
        ),
        r"how often a \1",
    ),
    (
        re.compile(
            r"\beat(?:s|ing|en)? (?:and drink(?:s|ing)? )?(?:quite |very |just )?"
            r"(?:normally|well|okay|ok|fine|all right|properly|enough|as (?:usual|normal|before)|"
            r"like (?:before|always|usual|normal))\b"
        ),
        "appetite",
    ),
    (re.compile(r"\b(how (?:is|are|has|have|does) (?:\w+ )?)(?:been )?eat(?:ing)?\b"), r"\1appetite"),
    (
        re.compile(
            r"\b(allergic|allerg(?:y|ies)) to (?:any )?(?:\w+ )?"
            r"(?:medicines?|medications?|drugs?|tablets?|antibiotics?)\b"
        ),
        r"\1",
    ),
    (re.compile(r"\b(?:recreational|illegal|illicit|street|hard) drugs?\b"), "cannabis"),
    (re.compile(r"\b(?:health|medical|travel|pet) insurance\b"), "insurance"),
    (
        re.compile(r"\b(?<!why )did you (?:come|get) (?:here|to (?:the|this|our) \w+) (?=by|with|alone|on|in|from)"),
        "did you travel ",
    ),
    # Who helps with something is asked for, not the thing.
    (
        re.compile(
            r"\b((?:who|anyone|anybody|somebody|someone)(?: \w+){0,5}? "
            r"(?:help|helps|assist|assists|support|supports) you) with (?:the |your )?\w+"
        ),
        r"\1",
    ),
    # Care of a person is help at home, care of a wound is not.
    (re.compile(r"(?<!be )\b(?:look(?:s|ing|ed)? after|tak(?:es?|ing) care of) you(?:rself)?\b"), "help you"),
    (re.compile(r"\b(?:get|got) (?:her|him|them) (?:from|at|as)\b|(?<=when did you )get (?:her|him)\b"), "adopted"),
    (re.compile(r"\bfor (?:a|your) living\b"), "for a job"),
    (re.compile(r"\bwork(ing)? out\b(?! (?:how|what|why|if))"), "exercise"),
    (re.compile(r"\bbirth control(?: pills?)?\b|(?<=\bon )the pill\b|(?<=example )the pill\b"), "contraception"),
    (re.compile(r"\b(?:no|not a) (?:problem|worries|trouble)(?: at all)?\b(?! (?:with|in|at|when))"), "okay"),
    (
        re.compile(r"\b(?:put(?:ting)? (?:\w+ )?weight on|bear(?:ing)? weight on)\b(?= (?:it|the|your|that))"),
        "stand on",
    ),
    (re.compile(r"\b(?:at (?:the|this) (?:moment|minute|time|point)|right now|these days|at present)\b"), "now"),
    (re.compile(r"\b(?:first of all|to (?:start|begin) with|by the way|in that case|of course|in mind)\b"), ""),
)
