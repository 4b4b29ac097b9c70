"""Recognition errors for tests: words dropped, or heard as another English word that sounds much like them."""

from __future__ import annotations

import random
from functools import lru_cache

from rapidfuzz import fuzz

_COMMON = """
a able about after again air all along also always an and any are arm art as ask at aunt away back bad bag ball
band bank bar base bath be bean bear beat bed bee been beer before bell belt bend best bet big bill bird bit
bite black blue board boat body book boot born both bow box boy brake bread break breed bring brother brown
build burn bus but buy by cake call came can cap car card care carry case cash cat catch chair chance change
cheap check cheese child choose city class clean clear clock close cloth coat code coin cold come cook cool corn
could count cow cross cup cut dad dark date day dead deal dear deep desk did die different dinner dish do does
dog done door down dress drew drive drop dry duck due dust each ear earn earth east easy edge egg else end even
ever eye face fact fail fair fall fan far farm fast fat fear feel feet fell felt few field fill find fine fire
first fish fit five flag flat flow fly foot for form found four free friend from full fun game gate gave get
girl give glad glass go goal goat gold gone good got grade grass gray great green grew ground group grow guess
guest had hair half hall hand hard has hat have he head hear heard heart heat held hello her here hill him his
hit hold hole home hope horse hot house how huge hunt hurry if ill in into is it its job join joke jump just
keep kept key kick kid kill kind king kiss knee knew knife know lady lake land large last late laugh law lay
lead leaf learn least leave left lend less let letter life lift light like line list little live load lock long
look lose lot loud love low luck lunch mad made mail main make man many map mark match may me mean meat meet men
mess met middle mile milk mind mine miss mix money moon more most mouth move much must my name near neck need
nest never new next nice nine no noise none north nose not note now of off often oil old on once one only open
or other our out over own pack page paid pain paint pair pan paper park part pass past path pay peace pen people
pick pie pig pile pink place plan plane plant plate play please point pole pool poor post pot pour press pull
push put queen quick quiet rain ran raw reach read real red rest rice rich ride right ring rise river road rock
roll roof room root rose round row rule run sad safe said sail salt same sand sat save saw say school sea seat
see seed seem sell send sense set seven shake shall shape share she sheep sheet shelf ship shirt shoe shop short
should shout show shut sick side sign sing sister sit six size skin sky sleep slip slow small smell smile smoke
snow so soap sock soft soil some son song soon sort sound soup south space speak spell spend spoke spot spring
stand star start state stay steal step still stone stop store storm story street strong such suit sun sure sweet
swim table tail take talk tall taste tax tea teach team tell ten tent term test than thank that the their them
then there these they thick thin thing think this those though three through throw tie time tired to today toe
told tone too took top town toy train tree trip true try turn two type under until up upon us use very view
visit voice wait wake walk wall want war warm was wash watch water wave way we wear week well went were west wet
what wheel when where which while white who whole why wide wife will win wind wine wing winter wise wish with
woman wood word work world would write wrong year yes yet you young your
"""


@lru_cache(maxsize=4096)
def _alike(word: str) -> tuple[str, ...]:
    others = [other for other in set(_COMMON.split()) if other != word]
    return tuple(sorted(others, key=lambda other: (-fuzz.ratio(word, other), other))[:4])


def with_errors(text: str, rate: float, seed: int) -> str:
    """Return `text` in which about `rate` of the words are wrong: a fifth dropped, the others replaced."""
    chance = random.Random(f"{seed}:{text}")
    heard = []
    for word in text.lower().replace("'", "").split():
        if chance.random() >= rate:
            heard.append(word)
        elif chance.random() >= 0.2:
            heard.append(chance.choice(_alike(word)))
    return " ".join(heard)
