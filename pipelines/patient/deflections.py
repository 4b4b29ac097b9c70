"""What somebody says who has no answer: it depends on what kind of answer was asked for."""

from __future__ import annotations

import re
from enum import Enum


class AnswerForm(Enum):
    """The kind of answer that a question asks for."""

    YES_OR_NO = "yes_or_no"
    AMOUNT = "amount"
    REASON = "reason"
    ACCOUNT = "account"
    OTHER = "other"


DEFLECTIONS: dict[AnswerForm, tuple[str, ...]] = {
    AnswerForm.YES_OR_NO: ("Not really, no.", "No, not really."),
    AnswerForm.AMOUNT: ("I couldn't say exactly, sorry.", "I don't remember exactly."),
    AnswerForm.REASON: ("I don't really know why.",),
    AnswerForm.ACCOUNT: ("There's not much to tell, really.", "Nothing out of the ordinary."),
}
"""What fits each kind where nothing is known; of others a card has its own lines (`not_on_card`)."""

NOT_NOTICED = ("I haven't really noticed, to be honest.", "I couldn't say. I haven't paid attention to that.")
"""What fits other questions about what one would feel or see, as "Is it worse after hot or cold drinks?"."""

ASKS_WHY = ("Why, is that important?", "Why do you ask? Is that important?", "Is that important? Why do you ask?")
"""What fits nearly any question that one has no answer to: two judges found it fit for 142 and 144 of 144 questions,
"I'm not sure about that" for half of them. Who asks it all the time is no help."""

# What may stand before a question: "and", "okay, so", "can I ask you", "I would like to know".
_LEAD = (
    r"(?:(?:and|so|but|okay|ok|right|well|now|then|also|um|uh|er|erm|please|sorry|all right|thank you|thanks|good)\W+)*"
    r"(?:(?:can|could|may|might) (?:i|you) (?:just |please )?(?:ask|tell)(?: you| me)?(?: please)?\W*"
    r"(?:about |if |whether )?"
    r"|do you (?:know|remember) (?=wh|how)"
    r"|(?:i(?:'d| would) like|i (?:want|need)) to (?:know|ask)(?: you)?\W*(?:about |if |whether )?"
    r"|tell me\W+(?=wh|how|if)|i was wondering (?=if|wh|how))?"
)
_SOMEBODY = (
    r"(?:you|he|she|it|they|we|there|this|that|your|his|her|their|its|the|any|anyone|anybody|anything|everything|somebody"
    r"|someone)"
)
_FORMS: tuple[tuple[AnswerForm, re.Pattern[str]], ...] = (
    (
        AnswerForm.AMOUNT,
        re.compile(
            rf"^{_LEAD}(?:when\b|since when|until when"
            r"|how (?:long|often|many|much|old|far|big|high|tall|fast|late|early)"
            r"|what time|wh(?:at|ich) (?:year|month|day|age|dose))",
            re.IGNORECASE,
        ),
    ),
    (AnswerForm.REASON, re.compile(rf"^{_LEAD}(?:why|how come)\b", re.IGNORECASE)),
    (
        AnswerForm.ACCOUNT,
        re.compile(
            rf"^{_LEAD}(?:how(?:'s|'re| is| are| was| were) "
            r"|(?:tell me|talk to me|let's talk) (?:more |a bit |a little )?about"
            r"|describe|what about|how about|what(?:'s| is) (?:a |your )\w+ like)",
            re.IGNORECASE,
        ),
    ),
    (
        AnswerForm.YES_OR_NO,
        re.compile(
            rf"^{_LEAD}(?:(?:do|does|did|are|is|was|were|have|has|had|will|would|can|could|should)(?:n't)? "
            rf"{_SOMEBODY}\b"
            r"|any\b|ever\b|(?:do|have) you\b|if (?:you|any))|\b(?:or not|right|isn't it|don't you|aren't you)\?$",
            re.IGNORECASE,
        ),
    ),
)


def form_of(text: str) -> AnswerForm:
    """Return what kind of answer the last question of a turn asks for."""
    sentences = [each.strip() for each in re.findall(r"[^.?!]+[.?!]*", text) if each.strip()]
    asked = next((each for each in reversed(sentences) if each.endswith("?")), sentences[-1] if sentences else "")
    # "Breastfed or bottle-fed?" is not to be denied.
    if re.search(r"\bor (?!not\b|any|some)", asked) and not re.search(r"\bany\b|\bever\b", asked, re.IGNORECASE):
        return AnswerForm.AMOUNT if _FORMS[0][1].search(asked) else AnswerForm.OTHER
    # "In the morning, how long does it take?"
    parts = [asked, *(part.strip() for part in asked.split(",")[1:])]
    return next((form for part in parts for form, pattern in _FORMS if pattern.search(part)), AnswerForm.OTHER)
