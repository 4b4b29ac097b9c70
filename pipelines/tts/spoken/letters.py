"""Rules for what is read letter by letter: initialisms, codes of letters and digits, Roman numerals."""

from __future__ import annotations

import re
from itertools import pairwise

from pipelines.tts.spoken import figures
from pipelines.tts.spoken.pieces import PiecePlace

# Speech engines read a lone A as the article.
_LETTER_A = "eigh"
INITIALISMS = frozenset(
    "A&E AC ADHD AF ALS BBC BCG BMI BNF BP CBT CCU CD CHD CHF CKD CMHT COPD CPN CPR CRP CT CVD DIY DLA DNA DOB DVD DVT"
    " EBV ECG ED EEG EKG ENT ER ERCP ESR EU FAQ FBC FYI GCS GCSE GI GMC GP GTN HCA HDL HDU HGV HIV HMO HPV HR HRT HSV"
    " IBD IBS ICU ID IM INR IQ IT ITU IUD IV IVF LA LDL LFT LGBT MAOI MDT MMR MOT MRI MRSA MS NG NHS NMC NY OBGYN OCD"
    " OD OET OT OTC PC PCOS PCR PDF PE PHD PIP PMS PPI PSA PT PTSD PVC QC RN RNA RSI RSV SHO SLE SSRI STD STI SVT TB"
    " TIA TMJ TSH TV UC UK UN URL US USA USB UTI UV VD VIP WC BD TDS QDS SC".split()
)  # fmt: skip
AS_WORDS = {
    "AIDS": "aids", "SARS": "sars", "MERS": "mers", "COVID": "covid", "Covid": "covid", "NSAID": "en-said",
    "NSAIDs": "en-saids", "GORD": "gord", "GERD": "gerd", "CPAP": "see-pap", "BiPAP": "bye-pap", "CABG": "cabbage",
    "CAT": "cat", "PET": "pet", "NICE": "nice", "PIN": "pin", "SIM": "sim", "LASIK": "lasik", "TENS": "tens",
    "NATO": "nato", "IELTS": "eye-elts", "DEXA": "dexa", "PICC": "pick", "PEG": "peg", "SAD": "sad", "ACE": "ace",
    "STEMI": "stemmy", "ASAP": "as soon as possible", "OK": "okay", "PhD": "P H D", "eGFR": "E G F R",
    "mRNA": "M R N eigh", "pH": "P H",
}  # fmt: skip
# Words that people write in capitals to stress them.
# Sounds that people write without a vowel.
SOUNDS = frozenset("hmm hm mm mmm mhm shh sh tsk psst pfft brr grr ugh nth zzz pst phew tsks".split())
_STRESSED = frozenset(
    "A ALL AM AN AND ANY ARE AS AT BAD BE BIG BUT BY CAN DAY DID DO EAT FOR GET GO GOD GOT HAD HAS HE HER HIM"
    " HIS HOT HOW I IF IN IS LOT MAY ME MY NEW NO NOT NOW OF OFF OH OLD ON ONE OR OUR OUT SAY SEE SHE SIX SO"
    " TEN THE TO TOO TWO UP WAS WAY WE WHY YES YET YOU".split()
)
_AS_LETTER_BEHIND = frozenset(
    "vitamin vitamins hepatitis type group plan class grade streptococcus influenza section ward block"
    " haemophilia".split()
)
_NUMBERED = frozenset(
    "type types stage stages grade grades phase class part chapter factor category bipolar angiotensin level"
    " war schedule nerve".split()
)
_ONE_BEHIND = frozenset(
    "diabetes diabetic diabetics disorder allergy hypersensitivity reaction error trial or and".split()
)
_NO_WORD_BEGINS = re.compile(r"(?!S[CPT]R|[CPST]H|SH)[^AEIOUY]{3}")
_REIGNS = frozenset("elizabeth charles george henry edward james william richard pope paul".split())
_ROMAN = {"I": 1, "V": 5, "X": 10}


def spell(text: str) -> str:
    """Return letters and digits of `text` one by one, other marks left out."""
    return " ".join(
        _LETTER_A if mark in "aA" else mark.upper() if mark.isascii() else mark for mark in text if mark.isalpha()
    )


def initialism(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read GP, GPs, GP's, A&E and N.H.S., and words that are only stressed as words."""
    body, ending = found["body"], found["ending"] or ""
    if body in AS_WORDS:
        return AS_WORDS[body] + ending
    dotted = "." in body
    bare = body.replace(".", "").replace("+", "&").replace("/", "").upper()
    if not dotted and bare not in INITIALISMS and is_stressed(bare):
        return found[0].lower()
    return " and ".join(spell(part) for part in bare.split("&")) + ("'s" if ending else "")


def is_stressed(text: str) -> bool:
    """Return whether capitals without a rule of their own are a word that is stressed, rather than letters."""
    may_be_word = has_vowel(text) and _NO_WORD_BEGINS.match(text) is None
    return text in _STRESSED or len(text) > 5 or (len(text) > 3 and may_be_word)


def single(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read the A of "vitamin A" as the letter; None for the article."""
    return _LETTER_A if place.before().lower() in _AS_LETTER_BEHIND else None


def is_known_initialism(text: str) -> bool:
    """Return whether capitals have a rule of their own, or are a word that is only stressed."""
    return text in INITIALISMS or text in AS_WORDS or text in _STRESSED


def roman(found: re.Match[str], place: PiecePlace) -> str | None:
    """Read II and IV as numbers, behind a king as an ordinal; None where they are letters or the word I."""
    text, before = found[0], place.before().lower()
    numbered = before in _NUMBERED
    if text in ("I", "V", "X") and not (numbered and (not place.after() or place.after().lower() in _ONE_BEHIND)):
        return None
    if text in ("IV", "XI", "XX", "XV") and not (numbered or before in _REIGNS):
        return None
    values = [*(_ROMAN[letter] for letter in text), 0]
    number = sum(-value if value < behind else value for value, behind in pairwise(values))
    return f"the {figures.ordinal(number)}" if before in _REIGNS else figures.cardinal(number)


GREEK = {"α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "μ": "mu", "κ": "kappa", "λ": "lambda"}
_RUNS = re.compile(r"\d+|[^\W\d_]+")


def code(found: re.Match[str], place: PiecePlace) -> str:
    """Read letters and digits together: B12, HbA1c, T2, COVID-19, 5-HT, 58-year-old."""
    said: list[str] = []
    for run in _RUNS.findall(found[0]):
        if run.isdigit():
            said.append(_code_number(run))
        elif run in GREEK:
            said.append(GREEK[run])
        elif run in AS_WORDS:
            said.append(AS_WORDS[run])
        elif run.islower() and len(run) > 1 and has_vowel(run):
            said.append(run)
        elif run.isascii() and (len(run) < 4 or not has_vowel(run) or run in INITIALISMS):
            said.append(run if has_vowel(run) and run[1:].islower() and len(run) > 2 else spell(run))
        else:
            said.append(run)
    return " ".join(said)


def _code_number(run: str) -> str:
    if len(run) == 3 and run[0] != "0":
        return figures.pairs(int(run))
    return figures.number(run)


def has_vowel(text: str) -> bool:
    """Return whether `text` has a vowel, so that it may be a word."""
    return any(mark in _VOWELS for mark in text.lower())


_VOWELS = frozenset("aeiouyàáâãäåæèéêëìíîïòóôõöøœùúûüý")
