"""Whether a clause is in another language than English: by its script and its little words.

Libraries that tell languages apart need more than a clause: of three words they make anything. The little words of a
language are few, and hardly any is an English word too.
"""

from __future__ import annotations

import re
import unicodedata

# So many letters of another script in a clause are no name.
FOREIGN_LETTERS = 2
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_OTHERS = {
    "Spanish": "que los las una por con para está están estoy estar pero muy mi mis lo siento sé usted tengo tiene "
    "tenía cuando también porque gracias no hola señor señora dolor duele cabeza desde hace días bien mal "
    "cómo qué mucho poco nada algo siempre nunca hoy ayer ahora aquí soy es son fue puedo puede quiero yo "
    "tú él ella su sus el la de del al en me se le un y o si sí claro bueno",
    "French": "je ne pas vous nous est une les des très mal depuis avec pour merci oui non mais suis désolé désolée "
    "c'est j'ai bonjour monsieur madame docteur la le que qui sais tu moi il elle ils du au aux ai as a "
    "avez vais va bien beaucoup aussi peu plus rien toujours jamais jours jour tête fait comment où quand "
    "comme dans sur ce cette ça mon ma mes son sa ses et ou un en d'accord n'ai n'est qu'il",
    "German": "ich nicht das ist und ein eine einen es mir mich tut leid weiß habe hab hat bin sind sehr der die "
    "den dem mit seit danke ja nein aber kann ihnen sie guten tag schmerzen leider sagen zu auf auch noch "
    "schon immer wieder nur wie was wo wenn weil für von bei mein meine ihr gut geht heute gestern viel "
    "nichts etwas keine kein",
    "Italian": "non lo so mi dispiace che sono sei una un uno per con molto poco grazie ho hai ha il la le gli i "
    "dottore dottoressa da di del della giorni male fa testa sì ma anche questo questa davvero bene sto "
    "va come dove quando perché niente sempre mai oggi ieri e o se signora signor al nel ci si è",
    "Portuguese": "não eu você ele ela que uma um para com muito pouco obrigado obrigada sei desculpe estou está mas "
    "dor dias dia tenho tem sim também quer dizer os as o a de da do é meu minha bem mal por porque "
    "quando como onde nada sempre nunca hoje ontem em no na e ou se senhor senhora doutor",
    "Dutch": "ik niet het een van dat is en heb hebt heeft ben bent spijt weet pijn mijn goed maar voor dank u je "
    "jij met de zeer wel geen al ook nog hier daar wat hoe waar wanneer gaat mij dagen veel niets altijd",
    "Polish": "nie wiem mam jest są się że na jak tak dziękuję przepraszam boli od dni mnie pojęcia bardzo dobrze "
    "źle do to co mi moja mój ja pan pani proszę już tylko ale też głowa",
    "Swedish": "jag inte det är och har ont tack vet ej mycket sedan på med från mig en ett min mitt bra men också "
    "hur vad var när ja nej förlåt dagar",
    "Turkish": "ben değil bir ve çok var yok bilmiyorum üzgünüm teşekkür ederim ağrım evet hayır ama için iyi kötü "
    "ne",
    "Tagalog": "ako hindi ang ng sa po opo ko mo kasi masakit salamat na ay ito wala",
    "Romanian": "nu știu sunt și am la pentru mulțumesc îmi pare rău doare de bine dar ce când da",
    "Vietnamese": "tôi không biết xin lỗi là bị đau và có cảm ơn rất của",
    "Indonesian": "saya tidak tahu maaf sakit sudah dan yang terima kasih ada dengan ini itu",
}  # fmt: skip
_LITTLE = {name: frozenset(words.split()) for name, words in _OTHERS.items()}
_ENGLISH = frozenset(
    """a about all am an and any are as at be because been but by can can't could did didn't do does doesn't don't down
    else even ever for from get go good got had has have he hello her here hi him his how i i'd i'll i'm i've if in is
    isn't it it's its just know let like little look made make many maybe me more most much my need never no none not
    nothing now of off oh okay on one only or other our out over people please really right said say see she should so
    some sorry still sure take tell than thank thanks that that's the their them then there they thing think this time
    to too two up us very was wasn't way we well went were what when where which who why will with won't would yeah yes
    you you'd you'll you're your""".split()
)


def other_language(text: str) -> str:
    """Return which language a clause is in if it is not English, else nothing; `another script` for other letters."""
    letters = [sign for sign in text if sign.isalpha()]
    foreign = sum(1 for sign in letters if not sign.isascii() and not unicodedata.name(sign, "").startswith("LATIN"))
    if foreign >= FOREIGN_LETTERS:
        return "another script"
    words = [word.lower().replace("’", "'") for word in _WORD.findall(text)]
    if not words:
        return ""
    english = sum(word in _ENGLISH for word in words)
    name, count = max(((name, sum(word in little for word in words)) for name, little in _LITTLE.items()), key=_count)
    accented = any(not sign.isascii() for sign in letters)
    enough = count >= 2 or (count == 1 and accented)
    return name if enough and count > english and count * 3 >= len(words) else ""


def _count(found: tuple[str, int]) -> int:
    return found[1]
