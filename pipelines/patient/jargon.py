"""Words of the trade that a patient does not know, and would ask about."""

from __future__ import annotations

import re
from collections.abc import Iterator, Set

WHAT_IS_LINE = "Sorry, what does {word} mean?"

# Greek and Latin endings that names of illnesses, findings and procedures have.
_ENDINGS = (
    "algia|algic|itis|aemia|emia|aemic|emic|oedema|edema|ectomy|otomy|ostomy|osis|otic|pnoea|pnea|pnoeic|pathy|pathic|plegia|paresis"
    "|phagia|phasia|rrhoea|rrhea|rrhagia|uria|plasty|scopy|graphy|metry|trophy|trophic|sclerosis|sclerotic|lysis|penia"
    "|megaly|cardia|opia|stasis|oma|genic|ischaemic|ischemic|thermia|pyrexia|esthesia|aesthesia|kinesia|ptysis|emesis"
)
_TRADE = frozenset(
    "idiopathic bilateral bilaterally unilateral distal proximal medial anterior posterior contraindicated "
    "prophylaxis prophylactic aetiology etiology comorbidity comorbidities contralateral ipsilateral myocardial "
    "arrhythmia febrile afebrile erythema erythematous pruritus pruritic cyanosis lesion lesions neoplasm "
    "analgesia analgesic analgesics antipyretic antipyretics exudate slough sloughy debridement subcutaneous "
    "intramuscular bolus titrate titration sequelae bronchospasm bronchoconstriction corticosteroid "
    "corticosteroids bronchodilator bronchodilators occlusal periapical malocclusion dysfluency dysfluencies "
    "phonological gait kyphosis adduction abduction plantar hallux paronychia ectoparasite ectoparasites atopic "
    "atopy macronutrient macronutrients villous mucosa mucosal duodenal serology serological maceration macerated "
    "periwound malabsorption cytology aspirate pericranial cutaneous pedal hyperkeratotic suppurative purulent "
    "differential monotherapy refractory exacerbation exacerbations bradykinesia rotator capsular spirometry "
    "anticoagulant anticoagulants anticoagulated claudication necrotic ulceration thrombus embolus embolism "
    "intraocular cupping supine prone gadolinium intravenous intravenously hyperresponsiveness stenosis plaque "
    "neuropathic hypertrophic benign malignant metastasis metastases biopsied cannula catheterise catheterize "
    "auscultation palpation percussion adjuvant palliative nocturia polyuria syncope".split()
)
# Everybody knows these.
_COMMON = frozenset(
    "arthritis bronchitis tonsillitis hepatitis appendicitis meningitis diagnosis prognosis analysis dialysis "
    "paralysis diarrhoea diarrhea hypnosis psychosis neurosis tuberculosis osteoporosis glaucoma coma aroma "
    "diploma sympathy empathy apathy geography photography telepathy trophy leukaemia leukemia anaemia anemia "
    "physiotherapy geometry symmetry optometry podiatry exotic chaotic antibiotic antibiotics academic epidemic "
    "pandemic utopia photogenic eczema".split()
)
_WORD = re.compile(r"[A-Za-z]+(?:-[A-Za-z]+)*")
_ENDING = re.compile(rf"\w{{2,}}(?:{_ENDINGS})$", re.IGNORECASE)
# "Hypertension, that means high blood pressure": it is explained.
_EXPLAINED = re.compile(
    r"\b(?:means?|meaning|in other words|in plain words|that is to say|it's called|is called|we call|so-called|called"
    r"|what we call|known as)\b",
    re.IGNORECASE,
)


def unexplained(text: str, known: Set[str]) -> str:
    """Return the first word of a turn that a patient would not know, empty if there is none.

    `known` has the words that this patient knows, in lower case. Who explains a hard word is not asked.
    """
    return "" if explains(text) else next(hard_words(text, known), "")


def explains(text: str) -> bool:
    """Tell whether a text says what a word means."""
    return _EXPLAINED.search(text) is not None


def hard_words(text: str, known: Set[str]) -> Iterator[str]:
    """Yield the words of a text that a patient would not know, who knows those of `known` (in lower case)."""
    for word in _WORD.findall(text):
        plain = word.lower()
        if plain in known or plain in _COMMON or plain.rstrip("s") in _COMMON:
            continue
        if plain in _TRADE or _ENDING.search(plain):
            yield str(word)
