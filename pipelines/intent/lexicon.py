"""Everyday and clinical words that mean about the same in a consultation, as concepts.

The list is general (no card is named or meant): it lets "Are you on any medication?" find a cue whose triggers speak of
tablets. A word may belong to several concepts. Phrases are written with an underscore.
"""

from __future__ import annotations

from functools import lru_cache

from pipelines.intent.words import stem

_CONCEPTS = {
    "event": "how_did when_did what_did what_happened how_was how_come story ended_up end_up",
    "since": """start started begin began begun beginning onset commence since how_long when_did how_many_weeks
        how_many_days how_many_months came_on come_on first_notice first_noticed going_on how_long_ago appear
        appeared first_time""",
    "often": """how_often often frequent frequently frequency regularly how_many_times times_a_week times_a_day
        how_many""",
    "where": "where whereabouts location which_part which_parts which_areas which_area area spot place part locate",
    "pain": """pain painful hurt hurting hurts ache aching achy sore soreness tender tenderness throb throbbing sting
        stinging burning discomfort uncomfortable agony""",
    "severity": "severe severity bad intense intensity strong scale out_of_ten one_to_ten rate number mild",
    "quality": """feel_like sharp dull throbbing pressing stabbing tight squeezing pulsating describe_the_pain
        what_is_it_like""",
    "medicine": """medicine medication drug tablet pill prescribe prescription dose dosage capsule pharmaceutical
        over_the_counter remedy supplement vitamin herbal insulin metformin antibiotic meds are_you_on on_anything
        on_any take_anything taking_anything""",
    "painkiller": """painkiller painkillers analgesic ibuprofen paracetamol acetaminophen aspirin tylenol advil
        naproxen codeine pain_relief pain_killer pain_killers pain_medication for_the_pain""",
    "illness": """illness disease condition disorder health diagnose diagnosed diagnosis medical diabetes diabetic
        diabetics hypertension blood_sugar cholesterol heart kidney ailment chronic medical_history
        past_history health_issues unwell long_term healthy fit_and_well healthwise sicknesses
        other_sickness any_sickness treated_for""",
    "smoking": """smoke smoker smoking cigarette tobacco vape vaping nicotine cigar smokes pack_a_day ciggie ciggies
        fag fags""",
    "alcohol": "alcohol beer wine booze alcoholic",
    "dressing": """dressing bandage bandaging plaster band_aid gauze wrap wrapped cover covered covering redress pad
        on_it got_on_it put_on_it putting_on_it""",
    "wound_care": """look_after looking_after looked_after care_for caring_for taking_care take_care treat treating
        cream ointment antiseptic disinfect clean cleaning cleaned""",
    "wound": "wound cut injury injure injured gash laceration graze",
    "cause": """got_hurt get_hurt got_injured get_injured how_you_got happen happened cause caused accident fall fell
        fallen trip tripped bump bang hit knock injure injured hurt_yourself come_about came_about sustain sustained""",
    "wash": "wash washing bath bathe bathing shower showering swim swimming shampoo wet pool hygiene",
    "family": """family mother father mom mum dad parent brother sister sibling relative relation hereditary genetic
        inherit inherited grandmother grandfather grandparent run_in runs_in aunt uncle mothers fathers""",
    "household": """alone household partner wife husband spouse married live_with living_with lives_with neighbor
        neighbour on_your_own by_yourself at_home roommate support supported home carer caregiver who_else""",
    "chores": """housework chore chores shopping groceries laundry errand errands cooking around_the_house
        daily_activities""",
    "help": "help helping assist assistance hand support supported looks_after care",
    "night": "night nighttime sleep asleep sleeping slept wake woke woken waking bed overnight nocturnal nights rest",
    "breath": """cough coughing wheeze wheezy wheezing breath breathe breathing breathless short_of_breath chest
        tightness winded puffed""",
    "exercise": """exercise exercising sport sports active activity activities fit fitness gym run running jog jogging
        workout work_out train training basketball football soccer tennis physical physically exertion stairs play""",
    "allergy": """allergy allergic allergen reaction react reacted hypersensitive intolerant intolerance sensitive
        sensitivity rash""",
    "trigger": """trigger triggered cause provoke bring_on brings_on brought_on bring_it_on brings_it_on set_off
        sets_off makes_the makes_your make_your makes_it makes_them make_it make_them set_it_off sets_it_off worse
        worsen worsens aggravate aggravates flare irritate bring_them_on brings_them_on set_them_off sets_them_off
        factors pattern related linked associated""",
    "relief": "relieve relieves relief ease eases better improve improves soothe",
    "vision": """eye eyesight vision sight blurred blurry glasses visual flashing lights spots optician clearly
        seeing double""",
    "symptom": """symptom nausea nauseous vomit vomiting sick queasy throw_up throwing_up dizzy dizziness faint
        numbness weakness numb weak fever tingling""",
    "work": """work job occupation profession employ employed employer career teach teaching teacher school office boss
        colleague workload for_a_living classroom pupils students""",
    "stress": """stress stressed stressful pressure anxious anxiety tense tension overwhelmed mood depressed strain
        busy relax unwind burnout emotionally""",
    "worry": "worry worried worries concern concerned concerns afraid scared fear frightened nervous",
    "food": """what_she_eats what_he_eats what_they_eat to_eat food feed feeding fed eat ate eaten eating diet meal
        kibble snack treat treats nutrition scraps titbits brand chow dinner leftovers""",
    "appetite": """appetite hungry hunger eating_well eat_well eating_normally still_eating eating_okay eating_fine
        eating_all_right eat_okay eating_properly eating_and_drinking finish_her finish_his finishing thirst
        thirsty drinking off_her_food off_his_food""",
    "energy": """energy energetic lively active tired lethargic lethargy playful behavior behaviour sluggish walk
        bright spirits in_herself in_himself mood""",
    "pet": "pet pets animal cat dog puppy kitten rabbit hamster companion",
    "parasite": "flea tick mite parasite worm worming deworm spot_on collar parasitic lice",
    "itch": "itch itchy itching itchiness scratch scratching lick licking bite biting chew chewing nibble rub rubbing",
    "skin": "skin fur hair coat rash red redness patch bald",
    "body": "body ear paw tail belly tummy feet side forehead temple neck back",
    "technique": """technique demonstrate step steps method properly correctly shake spacer how_do_you_use how_you_use
        show_me hold_your_breath rinse inhale instructed shown taught the_way_you_use how_to_use breathe_in
        breathe_it_in using_it""",
    "reliever": "reliever rescue blue albuterol salbutamol ventolin",
    "inhaler": "inhaler puffer puff pump inhale",
    "steroid": "steroid cortisone corticosteroid sideeffect",
    "stop": "stop quit give_up cease discontinue giving_up cut_down",
    "cost": """cost costs price expensive afford money pay payment bill insurance insured budget fee financial finances
        financially""",
    "test": "scan mri ct xray x_ray imaging test tests referral specialist",
    "tumor": "tumor tumour cancer growth malignant",
    "screen": "screen computer laptop phone monitor tv device",
    "caffeine": "coffee caffeine tea cola",
    "headache": "headache headaches migraine head",
    "change": "change changed changing new switch switched different recent recently lately",
}


def _build() -> tuple[dict[str, tuple[str, ...]], dict[tuple[str, ...], tuple[str, ...]], dict[str, tuple[str, ...]]]:
    words: dict[str, list[str]] = {}
    phrases: dict[tuple[str, ...], list[str]] = {}
    members: dict[str, tuple[str, ...]] = {}
    for concept, text in _CONCEPTS.items():
        for entry in text.split():
            if "_" in entry:
                phrases.setdefault(tuple(entry.split("_")), []).append("@" + concept)
            elif "@" + concept not in words.setdefault(stem(entry), []):
                words[stem(entry)].append("@" + concept)
        members["@" + concept] = tuple(entry for entry in text.split() if "_" not in entry)
    return (
        {word: tuple(found) for word, found in words.items()},
        {phrase: tuple(found) for phrase, found in phrases.items()},
        members,
    )


@lru_cache(maxsize=1)
def _tables() -> tuple[dict[str, tuple[str, ...]], dict[tuple[str, ...], tuple[str, ...]], dict[str, tuple[str, ...]]]:
    return _build()


def concepts_of(word_stem: str) -> tuple[str, ...]:
    """Return the concepts ("@pain") that a stem belongs to; empty for most words."""
    return _tables()[0].get(word_stem, ())


def members_of(concept: str) -> tuple[str, ...]:
    """Return the single words of a concept ("@pain"), unstemmed."""
    return _tables()[2].get(concept, ())


def phrase_concepts(words: tuple[str, ...]) -> list[str]:
    """Return the concepts of the phrases of two to four words that occur in `words`, in order, with repeats."""
    phrases = _tables()[1]
    found: list[str] = []
    for start in range(len(words)):
        for length in (2, 3, 4):
            found.extend(phrases.get(words[start : start + length], ()))
    return found
