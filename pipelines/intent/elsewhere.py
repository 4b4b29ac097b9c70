"""What is asked in consultations of every kind, and in small talk: topics that a card mostly has nothing to say about.

A card knows its own words only. To tell "have you any pain in your knees?" from a question about the pain on the card,
matching must know that knees are a topic of their own. A word of this list that no trigger of the card uses counts
against every cue, and it is never taken for a misheard word of the card that looks like it. The words are grouped for
people who extend the list; matching uses them as one set.
"""

from __future__ import annotations

from functools import lru_cache

_TOPICS = {
    "operations": """operation operated surgery surgical surgeon hospital hospitalised hospitalized anaesthetic
        transfusion""",
    "parts of the body": """knee foot feet hand finger thumb toe arm elbow shoulder wrist hip back spine neck throat
        chest stomach belly abdomen tummy groin ankle heel nose nostril tongue lip jaw gum tooth teeth dental
        dentist dentures kidney liver lung bladder bowel prostate breast womb rib nail eyelid eye eyes eyesight
        glasses bone joint muscle""",
    "functions of the body": """appetite urine urinate pee bowel stool constipated constipation diarrhoea diarrhea
        hearing hear deaf memory swallow period periods menstrual menopause pregnant pregnancy contraception
        erection weigh weight height tall fracture broken seizure fits faint temperature""",
    "children": "child children kid son daughter baby babies toddler grandchild grandchildren born birth breastfeed",
    "prevention": """vaccine vaccinated vaccination vaccinations injection jab shot tetanus flu booster immunised
        screening smear mammogram""",
    "allergies": "allergy allergic allergies react reaction intolerant intolerance latex",
    "mishaps": "injury injured injuries accident",
    "complaints": """pain painful hurt sore ache headache breath breathing breathe breathless cough coughing wheeze
        wheezing stress stressed stressful""",
    "travel": """travel travelled traveled trip abroad overseas country countries holiday holidays vacation flight fly
        flew plane train bus car drive drove driving licence parking bicycle bike motorbike passport""",
    "where people come from": """alone rent apartment town city village grew originally nationality language
        university college degree neighbourhood religion religious church""",
    "leisure": """music song sing instrument instruments piano guitar film movie television programme book novel read
        reading hobby hobbies garden gardening cook cooking paint painting dance club team football cricket chess
        game games cinema theatre restaurant favourite favorite colour color""",
    "the day": "eat ate eating breakfast lunch dinner weather rain sunny weekend birthday christmas news",
    "papers": """address postcode email telephone number card form certificate lawyer tax passport pension benefits
        insurance insured""",
    "former lives": "retire retired retirement army military prison childhood divorce divorced married marriage widow",
    "animals": """puppies litter neutered spayed castrated microchip microchipped breed breeder pedigree buy bought
        adopt adopted trained bark aggressive rabies kennel""",
    "habits": """drugs cannabis marijuana cocaine heroin gamble gambling tattoo piercing cigarette tobacco smoker
        alcohol
        beer wine""",
}


@lru_cache(maxsize=1)
def topics() -> frozenset[str]:
    """Return all words of the list and their plurals; not their stems, since "car" and "care" share one."""
    words = {word for text in _TOPICS.values() for word in text.split()}
    return frozenset(words | {word + "s" for word in words})
