"""Swear words and slurs that a recogniser's dictionary is built without.

A recogniser that understands an accent badly writes whatever sounds nearest, and then shows people words that they did
not say. What a dictionary lacks can't be written: not in a caption, not in the log, not in what the patient answers to.
Words that are needed in a consultation stay, whatever else they mean: breast, penis, anal, rectal, bloody, a pin's
prick, a knee's jerk, a screw in a bone. A word that a card itself teaches (a Mr Dick, a breeder's bitch) is heard again
in that card's role-plays.
"""

from __future__ import annotations

UNWANTED = frozenset(
    """
    arse arses arsehole arseholes ass asses asshole assholes badass dumbass jackass smartass
    bastard bastards bitch bitches bitchiness bitching bitchy blowjob bollocks boob boobs bugger buggers
    bullshit bullshitter bullshitting butthead cock cocks cocksucker crap crappy cum cunt cunts
    dammit damn damned dick dicks dickhead dickheads dildo dildos dipshit douche
    fuck fucks fucked fucker fuckers fuckin fucking goddam goddammit goddamn goddamned hell helluva hooker hookers
    horseshit motherfucker motherfuckers motherfucking piss pisses pissed pissing pussy pussies
    scumbag scumbags shag shagging shit shits shithead shithole shitload shitstorm shitting shitty slut sluts slutty
    tit tits twat twats wank wanker wankers whore whores whorehouse
    chink chinks coon coons fag fags faggot gook homo jap japs negro negroes nigger niggers poof retard retards spic
    wop wops
    """.split()
)
"""Whole words with their inflections, as PocketSphinx's stock dictionary spells them."""


def without_unwanted(dictionary: str) -> str:
    """Return a pronunciation dictionary in CMUdict's form without the entries of unwanted words."""
    return "".join(entry for entry in dictionary.splitlines(keepends=True) if _word(entry) not in UNWANTED)


def _word(entry: str) -> str:
    """Return the word of an entry, without the number of a further pronunciation: `dammit(2) D AE M IH T`."""
    return entry.partition(" ")[0].partition("(")[0].removesuffix("'s")
