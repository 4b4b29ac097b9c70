"""The surface patterns that tell what a candidate's turn is taken for.

Patterns work on normalised words (lower case, contractions written out, no punctuation), because recognisers of speech
give no question marks: a question is told by its opening ("do you", "how long", "could you tell me") or its tag.
"""

from __future__ import annotations

import re


def _compile(*alternatives: str) -> re.Pattern[str]:
    return re.compile(r"\b(?:" + "|".join(alternatives) + r")\b")


Pattern = re.Pattern[str]

_AUX = "(?:do|does|did|have|has|had|are|is|was|were|can|could|would|will|should)"

# Openings that make a question wherever they stand in running speech.
QUESTION = _compile(
    r"(?<!\bi )(?<!\bwe )(?<!\byou )(?<!\bit )(?<!\bthey )(?<!\bthat )(?<!\bif )(?:do|does|did|"
    r"have|has|had|are|were|can|could|would|will) (?:you|your)",
    r"(?<!\bit )(?<!\bthat )(?<!\bthis )(?<!\bwhich )(?:is|was|are|were) there",
    r"(?<!\bthat )(?<!\bwhich )(?<!\bshe )(?<!\bhe )(?<!\bit )(?:does|did|has) (?:it|he|she|they|"
    r"the|any\w*|some\w*)",
    r"how (?:long|often|many|much|bad|severe|frequently|well|far|old|soon|is|are|was|were|do|does|"
    r"did|have|has|would|about|can|could)",
    r"(?:what|which)(?: \w+){0,3} (?:do|does|did|have|has|are|is|was|were|can|could|would) (?:you|"
    r"your|he|she|it|they|the|there)",
    r"what (?:about|brings?|brought|happened|caused|causes|makes?|sort|kind|type|else|sets|seems|triggers)",
    r"what (?:is|are|was|were) (?:it|the|your|she|he|her|his|that|this|they)",
    r"(?:when|where|why)(?: exactly)? (?:do|does|did|have|has|are|is|was|were|would|can)",
    # After a noun it begins a clause about that noun: "the nurse who looks after you".
    r"(?:^|(?<=\band )|(?<=\bso )|(?<=\bbut )|(?<=\bor )|(?<=\bme )|(?<=\bknow )|(?<=\bask )|(?<=\balso )"
    r"|(?<=\bplease )|(?<=\bnow )|(?<=\babout )|(?<=\bout )|(?<=\bright )|(?<=\bokay )|(?<=\bwonder )|(?<=\bwondering )"
    r")who (?:do|does|did|has|have|are|is|was|will|lives?|helps?|else|looks?|changes?|takes?|cares?|can|could|would)",
    r"(?<!what you )(?<!as you )(?<!you are )(?:tell|telling|show|showing) me",
    r"(?:talk|walk|run|take) me through",
    r"(?:please|you) (?:describe|explain|list|name|outline|specify|clarify|point|give me (?:a|an|some|the|more)|"
    r"share with me|go through)",
    r"(?:would|do) you mind (?:telling|showing|describing|explaining|saying|sharing|listing|going|giving|letting me|"
    r"walking|talking|if i (?:ask|asked))",
    r"i (?:\w+ )?(?:would(?: \w+)? like|want|need|must|have|should|was hoping|am hoping|wanted|would love|hope)"
    r"(?: you)? to (?:ask|know|hear|find out|learn|understand (?:how|what|why)|be sure (?:if|whether|that)|tell me|"
    r"check (?:if|whether|how|what|when|your (?:allerg|medic)|with you))",
    r"i (?:am|was) (?:also )?(?:interested in|curious)",
    r"(?:i was wondering|i wonder|wondering) (?:if|whether|how|what|when|where|which|who|about)",
    r"(?:ask|asking) (?:you )?(?:about|if|whether|how|what|when|where|who)",
    r"let me know (?:if|whether|about|how|what|when|where)",
    r"(?:can|could|may) i (?:just |quickly )?(?:ask|check|know|confirm)",
    r"what time(?: of (?:the )?day)?",
    r"(?:and|but|so|or) (?:do|does|did|can|could|would|has|have|is|are|was|were) (?:that|this|there|any\w*|some\w*|"
    r"she|he|they|it|your|her|his)(?! (?:means?|is|will|helps?))",
    r"no (?:other|more|history|known|allergies|pets|family)",
    r"(?<!to )(?<!with )(?<!of )(?<!on )(?<!for )(?<!from )(?<!have )(?<!had )(?<!take )(?<!taking )"
    r"(?<!using )(?<!use )"
    r"any (?:other|diseases?|illness\w*|conditions?|medicines?|medications?|symptoms?|more|history|problems?|trouble|"
    r"known|allergies|pets|pain|family)",
)
# Openings that count at the start of a sentence only.
START = re.compile(
    r"^(?:(?:and|so|now|okay|ok|well|but|or|right|alright|also|then|please|just|great|thanks|"
    r"thank you|good|sure|i see) )*"
    rf"(?:{_AUX} (?!not |be |been |a |to |more |very |also |always )\w+ |(?:and |or )?(?:any|"
    rf"anything|anyone|anybody|ever)\b"
    rf"|(?:what|when|where|which|who|whose|why|how) (?!(?:i|we|you|it|they|happens|the) )|"
    rf"(?:describe|explain|tell|show)\b)"
)
# A clause before a question that belongs to it.
CONDITION = re.compile(
    r"^(?:(?:and|so|now|okay|ok|right|but|thanks|thank you|alright|i see|good) )*"
    r"(?P<clause>(?:when|while|if|after|before|whenever) (?:you|she|he|it|they|your|her|his|there) .*\w)$"
)
# Where a question is over and telling begins, in speech without full stops.
TELLING = _compile(
    r"what i (?:am|will|would)", r"i (?:am going to|will|would (?:recommend|suggest|advise))", r"because", r"i ask"
)
TAG = re.compile(
    r"(?:(?:do|have|are|did|were|can|would|will) (?:not )?you|(?:is|was|does|did|"
    r"has) (?:not )?(?:it|she|he|there|that)"
    r"|(?:do|are|did|is|does) (?:you |it |she )?not (?:you|it|she)|is that (?:right|correct|true)|"
    r"correct|at all|or not)$"
)

REPEAT = _compile(
    r"(?:say|repeat|tell me) (?:that|it|this|what you (?:just )?said|"
    r"yourself)(?: to me)?(?: once)? (?:again|one more time|once more|please)",
    r"(?:could|can|would) you (?:please |just |possibly )?(?:repeat|say (?:that |it )?(?:again|once|one))",
    r"(?:i )?(?:did not|could not|do not) (?:quite |really |fully )?(?:catch|hear|get|"
    r"understand) (?:that|you|it|what you)",
    r"(?:beg your )?pardon(?: me)?$|^(?:i )?(?:beg (?:your )?)?pardon|what did you (?:just )?say|come again$|"
    r"^sorry what|"
    r"(?:^|sorry (?:\w+ ){0,2}|excuse me (?:\w+ ){0,2})what was that|^(?:i am )?sorry$|"
    r"one more time|once more please|^say again",
    r"(?:missed|misheard) (?:that|what you|(?:the|your) (?:last|first|end))",
    r"(?:speak|talk) (?:up|a (?:bit|little) (?:louder|slower|more \w+)|louder|slower|more (?:slowly|clearly))",
)
NOT_REPEAT = _compile(
    r"back to me", "what i", "own words", "want me to", "like me to", "i will repeat", "let me repeat", "i said"
)
FAREWELL = _compile(
    "goodbye",
    "good bye",
    "bye",
    "farewell",
    r"(?:have|has) a (?:safe|good|nice|pleasant|comfortable) (?:trip|journey|way|drive|ride|walk)(?: home| back)?",
    r"(?:safe|get) (?:trip|journey|home|drive|back) (?:home|safe|safely)",
    r"(?:we|i|us) (?:will |shall |can )?(?:\w+ )?(?:meet|speak|talk|see you)(?: \w+){0,2} (?:again )?(?:in (?:a|two|"
    r"one|"
    r"three|four|six|ten|\d+) (?:days?|weeks?|months?)|next (?:time|week|month|monday|tuesday|wednesday|thursday|"
    r"friday))",
    r"until (?:then|next time|next week|we meet)",
    r"that (?:is all|will be all|is everything|would be all) (?:for|from) (?:today|now|me|this)",
    r"(?:get|feel) (?:well|better) soon",
    "take care(?! of)",
    "all the best",
    r"have a (?:\w+ )?(?:good|nice|lovely|great|wonderful|pleasant)(?: \w+)? (?:day|evening|"
    r"afternoon|weekend|night|one|rest|week|time)",
    r"see you (?:both )?(?:soon|then|later|again|next|tomorrow|in (?:a|two|one|three|four|six|\d+)|on)",
    r"(?:thank you|thanks) (?:so much |very much |again |all )?for (?:coming|your time|visiting|"
    r"dropping|stopping|talking|speaking|bringing (?:her|him|it|them|\w+) (?:in|to us|here|along|by))",
    r"(?:it was|it has been) (?:nice|good|lovely|a pleasure) (?:to|talking|meeting|seeing|speaking)",
)
GREETING = _compile(
    "hello",
    "hi",
    "hey",
    r"(?<!a )good (?:morning|afternoon|evening|day)",
    r"^(?:morning|afternoon|evening)",
    r"(?:i am|it is) \w+ (?:and i am )?one of the",
    r"my name is",
    r"(?:nice|pleased|good|lovely) to (?:meet|see) you",
    r"welcome",
    r"i am (?:\w+ ){0,3}(?:the |your |a |one of the )(?:\w+ ){0,3}(?:nurse|doctor|pharmacist|vet|"
    r"veterinarian|physiotherapist|dentist|dietitian|optometrist|podiatrist|radiographer|"
    r"therapist|surgeon|pathologist)",
    r"i am (?:doctor|nurse|dr)",
    r"i will be (?:looking after|seeing|your|taking care)",
    "how are you(?: doing| feeling)?(?: today)?$",
)
ADDRESS = _compile(
    "mister", "missus", "misses", "mrs", "mr", "sir", "madam", "doctor", "nurse", "pharmacist", "vet", "name"
)
WELLBEING = _compile(
    r"how are (?:you|things)(?: doing| feeling| both)?(?: today| now| this morning| this afternoon)?$",
    r"how have you been(?: lately| feeling)?$",
)
IDENTITY_NAME = _compile(
    r"(?:your|full) (?:full |first |last )?name",
    r"(?:what|how) (?:should|can|may|shall|do|would you like me to) (?:i |me )?(?:call|address)(?: you)?",
    r"am i (?:speaking|talking) (?:to|with)",
    r"(?:are you|you are|is it|you must be|is this) (?:mr|mrs|ms|miss|mister|missus)",
    r"like (?:me to call you|to be called)",
    r"you prefer to be called",
    r"(?:i )?call you",
)
IDENTITY_AGE = _compile(
    "how old are you",
    r"(?:what is|what about|tell me|confirm|know|have|state|about|give me) your age",
    "date of birth",
    "birth date",
    "were you born",
    "your birthday",
)
# Open questions whose words ("help", "bring") are never meant for a cue.
OPEN_SURE = _compile(
    r"what (?:made|makes) you (?:come|decide|want to (?:come|see)|see|visit|book)",
    r"what (?:brings?|brought|has brought|is bringing) you",
    r"(?:how|what) (?:can|may|could|shall) (?:i|we) (?:help|do|assist|be of)",
    r"what seems to be",
    r"what is the (?:problem|matter|trouble|issue)",
    r"(?:the )?reason (?:for|you|why) (?:your|you|are|have|came|visit)"
    r"(?! (?:do|are|would|can) not)"
    r"(?! (?:(?:are|feel|seem|look) )?(?:(?:so|very|that) )?(?:worr|concern|anxi|afraid|scared))",
)
OPEN = _compile(
    r"what (?:brings?|brought|has brought|is bringing) you",
    r"(?:how|what) (?:can|may|could|shall) (?:i|we) (?:help|do|assist)",
    r"what (?:seems to be|is|was) (?:the |your )?(?:main )?(?:problem|matter|trouble|issue|wrong|complaint)",
    r"tell me (?:a )?(?:little |bit )*(?:more|what)(?: about (?:it|that|this|yourself|"
    r"what))?(?: (?:is|has been) (?:going on|happening|bothering|troubling))?",
    r"what (?:is|has been) (?:going on|happening|troubling you|bothering you|up)",
    r"(?:the )?reason (?:for|you|why)",
    r"why (?:have you come|did you come|are you here|you are here|you have come)",
    r"in your own words",
    r"from the (?:beginning|start)",
    r"what (?:is it )?(?:you have come|you are here|have you come in|are you here) (?:for|about|with)",
    r"^(?:please )?(?:go on|carry on|go ahead|continue)(?: please)?$",
    r"tell me (?:about it|everything|all about)",
    r"(?:say|know|hear) (?:a (?:little|bit) )?more(?: about (?:it|that|this))?$",
    r"what can you tell me",
    r"in more detail",
    "what happened$",
    "how have (?:you|things) been",
)
INVITATION = _compile(
    r"(?:any|what|your|other|main|biggest|specific|particular) (?:\w+ )?(?:worries|worry|"
    r"concerns?|fears?|expectations?)",
    r"worr(?:y|ies|ied|ying) (?:you|about|by)",
    r"concern(?:s|ed|ing)? (?:you|about|by|do|regarding)",
    r"(?:are|were|feel|feeling|is there) (?:\w+ ){0,3}(?:worried|concerned|afraid|scared|frightened|nervous)",
    r"(?:troubl|bother)(?:es|ing|e|s) you (?:the )?most",
    r"on your mind",
    r"how (?:do|did|does|are|would) (?:you|that|this|it|all this) (?:make you )?(?:feel|feeling)(?: about)?",
    r"what (?:do|did) you (?:think|make|hope|expect|believe)",
    r"your (?:thoughts|feelings|opinion|ideas?|view)",
    r"(?:were|are) you hoping",
    r"(?:going|running|goes) (?:on )?(?:through|in|around) your (?:mind|head)",
    r"(?:what|something|anything|whatever) (?:is |it is )?(?:\w+ )?(?:worrying|upsetting|bothering|troubling) you",
    r"what are you thinking",
    r"tell me why$",
    r"(?:reason|why) you (?:do|are|would|can) not",
    r"you (?:are|feel|get|seem|look|sound) (?:(?:so|very|really|a bit|a little|quite|that|rather) )?"
    r"(?:worried|concerned|anxious|afraid|scared|nervous|upset)",
    r"you afraid",
    r"anything (?:you would like|you want|you wish|that you|particular|specific|"
    r"in particular)(?: \w+){0,3} (?:ask|know|discuss|tell|add|talk|mention|worry\w*|concern\w*)",
    r"scares you",
    r"(?:is|are) (?:there )?(?:anything|something|things) (?:\w+ ){0,3}(?:worrying|concerning|"
    r"bothering|troubling|frightening)",
    "you seem (?:worried|anxious|upset|concerned)",
    "you (?:look|sound) (?:worried|anxious|upset|concerned)",
)
# Invitations whose words ("feel", "cope") are hardly ever meant for a cue of another kind.
INVITATION_SURE = _compile(
    r"(?:anything|something|what|whatever)(?: else| more| other \w+)? (?:that )?(?:you|do you|would you) (?:still )?"
    r"(?:would )?(?:like|want|wish|need|have) (?:me )?to (?:know|ask|hear|discuss|explain|talk|clarify|go over)",
    r"what (?:would|do|did) you (?:like|want|expect|hope|wish|need) (?:from )?(?:us|me)\b",
    r"how do you feel(?: now)?$",
    r"what else (?:can|could|may|should|shall) (?:i|we) (?:explain|tell|help|clarify|do|answer)",
    r"(?:any|some|more|your|other|what|the) doubts?",
    r"(?:any|some|an|own|your) (?:\w+ )?(?:ideas?|theory|guess|suspicion) (?:of|what|why|about|how|where)",
    r"(?:something|anything|questions?) (?:\w+ )?to (?:ask|discuss|add)\b",
    r"ask me (?:anything|whatever|what you|any)",
    r"how (?:are|have|do|did) (?:you|your family)(?: \w+)? (?:coping|cope|dealing|deal|taking|holding up|bearing up) "
    r"(?:with )?(?:all )?(?:this|that|it|everything)",
    r"what (?:is|are) your (?:\w+ )?(?:feelings?|thoughts?|views?|ideas?|expectations?|fears?|hopes?|worr\w+|"
    r"concerns?)",
    r"(?:your|any) (?:feelings?|emotions?|expectations?|thoughts?) (?:about|on|at|towards?|regarding)",
    r"(?:something|anything)(?: \w+){0,3} (?:worr|concern|upset|frighten|scar)\w+ you",
    r"(?:troubl|bother|worr|concern|upset|frighten|scar)\w*(?: \w+)? in particular",
    r"what do you (?:think|believe|suspect) (?:\w+ )?(?:is|was|could|might|may|has|the)(?: \w+)? "
    r"(?:the )?(?:cause|causing|caused|reason|wrong|going on|problem|matter|behind)",
)
# Asked together with a greeting, these are a part of it.
OFFER = _compile(r"(?:how|what) (?:can|may|could|shall) (?:i|we) (?:help|do|assist|be of)")
ANYTHING_ELSE = _compile(
    r"(?:anything|something) (?:that )?you (?:want|would like|wish|need) to (?:ask|know|tell|discuss|mention|add)",
    r"(?:anything|something|nothing) (?:else|more|further)(?: (?:that )?(?:you|i|we|to|at all|today|before)\b.*)?$",
    r"(?:any|other|more|further) (?:other |more |further )?(?:questions?|queries)",
    r"have (?:a |some )?questions?",
    r"(?:do you|like to) (?:want to |like to )?ask (?:me )?(?:anything|something)",
    r"anything (?:you would like|you want) to (?:ask|add|know)",
    r"questions (?:for me|so far|about)",
)
PROPOSAL = _compile(
    r"(?:would|could|will|might) you (?:\w+ )?(?:be (?:able|willing|happy|prepared|open|"
    r"interested)|consider|agree|promise)",
    r"(?:would|could|will|might) you (?:try|like (?:me )?to|want (?:me )?to|mind trying)",
    r"do you (?:think|feel|believe) (?:that )?you (?:can|could|would|will|might|"
    r"are able to)(?! (?:tell|describe|show|explain))",
    r"(?:can|could|will|would) you (?:please )?(?:make sure|keep|avoid|come back|stop|bring|start|"
    r"remember to|cut down)",
    r"are you (?:willing|prepared|ready|happy|able) to (?!tell|run|walk|do|play|eat|sleep|move)",
    r"how about (?:we|you|if)",
    r"shall we",
    r"why do not (?:we|you)",
    r"how would you feel about",
    r"(?:would you|do you) (?:like|want) me to",
)
CHECK = _compile(
    r"(?:does|did|do) (?:that|this|it|all that|all this|these|any of that) (?:\w+ )?(?:make sense|"
    r"sound|help|seem|work|suit)",
    r"mak(?:e|es|ing) sense",
    r"(?:does|do|did|will|would) (?:that|this|it|all that|all this|these) make you feel",
    r"(?:is|was) (?:that|this|it|everything|all that) (?:all )?(?:clear|okay|ok|all right|alright|fine|understood)",
    r"(?:do|did|can) you (?:understand|follow|see what i)",
    r"are you (?:with me|following|happy (?:with|to)|okay with|ok with|comfortable with|"
    r"all right with|willing|prepared to|ready to)",
    r"sound (?:good|okay|ok|reasonable|all right|alright|fair)",
    r"what i (?:have )?(?:just )?(?:said|told|explained)",
    r"(?:would|could|will|might) you (?:be (?:able|willing|happy|prepared|open|interested|ok|"
    r"okay)|consider|try|mind(?! (?:telling|showing|describing|explaining|saying|sharing|listing|going|giving))|agree|"
    r"like (?:me )?to|want|promise|"
    r"please (?!tell|describe|show|explain|list|name|give|let|say|share|outline|specify|clarify|point|confirm|go|"
    r"talk|walk))",
    r"do you (?:think|feel|believe) (?:that )?you (?:can|could|would|will|might)",
    r"how (?:about|would) (?:we|you|if|it be)",
    r"(?:can|could|will|would) you (?:please )?(?:make sure|keep|avoid|come back|stop|bring|start|"
    r"promise|remember to|cut)",
    r"shall we",
    r"why do not (?:we|you)",
    r"do you agree",
    r"would that (?:be|work|suit|help)",
    r"(?:are|is) you (?:ok|okay|all right|alright)$",
    r"do you know what (?:i mean|that means|this means)",
)
# At the end of a statement; at the end of a question it belongs to the question ("are you sleeping all right").
CHECK_TAG = _compile(r"(?:okay|ok|all right|alright|right)$")
PERMISSION = _compile(
    r"i (?:would|will|need|want|am)(?: \w+){0,4} "
    r"(?:check|look|examine|inspect|clean|measure|ask|take|feel|touch|listen|weigh)"
    r".* (?:is that|if that is|are you|if you are) (?:ok|okay|all right|alright|fine|happy)",
    r"(?<!what )(?<!how )(?<!else )(?:can|may|could|shall|might) (?:i|we) (?:just |quickly |please |"
    r"now )*(?:have a|take|look|examine|inspect|touch|remove|undo|clean|measure|weigh|listen|feel|"
    r"put|show|explain|go through|talk|start|begin|check your|check the|check her|see (?:it|the|"
    r"your|her)|give|do|tell|run|share|discuss|pop|ask (?:you )?(?:a few|some|a couple|several|"
    r"one|a question|something|questions?))",
    r"(?:do|would) you mind if",
    r"(?:is it|would it be|will it be|it be) (?:ok|okay|all right|alright|fine|possible) (?:if|for me|with you|to)",
    r"let me (?:just )?(?:have a|take a) (?:quick )?look",
    r"(?:i would like to|i need to|i want to|i will|"
    r"i am going to) (?:just )?(?:ask (?:you )?(?:a few|some|a couple)|have a look|take a look|"
    r"examine|clean|check|look at|explain|measure).*(?:is that|if that is|are you) (?:ok|okay|"
    r"all right|alright|fine|happy)",
    r"have your permission",
    r"happy for me to",
    r"with your permission",
    r"(?:ask|asking) you (?:a few|some|a couple of|several) (?:\w+ )?questions",
)
ADVICE = _compile(
    r"i (?:will|am going to|would (?:recommend|suggest|advise|like you|encourage)|recommend|"
    r"suggest|advise|understand|see|am sorry|can (?:see|understand|imagine|assure|give|reassure)|"
    r"appreciate|think|know|want you|need you|have (?:a|some|looked))",
    r"you (?:should|need|must|will|have to|may|might|are going to|ought|can (?:also|try|take|use|"
    r"keep|come|have|get))",
    r"we (?:will|can|should|need|would|are going|have to|do not)",
    r"(?:it|this|that) (?:is|means|will|can|helps|sounds|must|may|might|would|was|makes|usually|could)",
    r"(?:do not|no need to) (?:worry|be afraid|forget|stop|use)",
    r"^(?:she|he|it|that|you) (?:has|have|is|are|looks?|seems?|feels?)",
    r"because",
    r"so that",
    r"make sure",
    r"try (?:to|not)",
    r"if (?:you|it|the|there)",
    r"thank you",
    r"thanks for",
    r"which (?:is|means|can|will|makes)",
    r"(?:is|are|was) (?:very |quite |really |more |most )?(?:important|common|normal|likely|"
    r"usually|essential|harmful|dangerous|safe|good|bad)",
    r"(?:slows?|helps?|causes?|reduces?|prevents?|affects?|damages?|increases?)(?= \w)",
    r"unfortunately",
    r"^(?!what|which|how|where|who|when|why|any)\w+ (?:is|are|can|will|has) (?:a|an|the|not|very|good|only)\b",
    r"to (?:avoid|prevent|protect|reduce)",
    r"^(?:after|before|when|whenever|once) (?:you|she|it|the)\b",
    r"it sounds",
    r"let us",
    r"please (?:do|make|keep|take|use|come|try|avoid|remember|change|rinse|call)",
    r"good news",
    r"remember (?:to|that)",
    r"(?:has|have|needs?|is|are|ought) to",
    r"even (?:if|when|though)",
    r"(?:can|will|may|might) (?!(?:you|i|we|it|she|he|they|the|your|be able) )\w+",
    r"(?:is|are|does|do|will|can|should|must) not(?! (?:you|it|she))",
    r"^(?:please )?(?:rinse|wash|keep|take|try|avoid|give|use|put|start|stop|make|come|call|drink|"
    r"eat|go|remember|clean|change|shake|breathe|hold|press|vacuum|wear|rest|continue|contact)\b",
    r"^(?:the|your|this|these|that|a|an|most|many|some|it|there|we|i)\b(?! (?:is|was|are) (?:it|there))",
    r"^(?:okay|ok|right|i see|all right|alright|good|great|thank you|thanks|yes|no|sure|of course|"
    r"absolutely|exactly|perfect|excellent|wonderful)(?: (?:okay|right|good|great|then|thank you|"
    r"thanks|yes|i see))*$",
)
LEAD_IN = _compile(
    "i am sorry(?: to hear (?:that|this|about that))?",
    r"thank you(?: for (?:telling|sharing|letting)(?: me)?(?: know)?(?: that| this)?)?",
    "i see",
    "i understand",
    "okay",
    "ok",
    "all right",
)


def question_starts(text: str) -> list[int]:
    """Return the character offsets in normalised `text` at which a question opens, in order."""
    starts = {match.start() for match in QUESTION.finditer(text)}
    if START.match(text):
        starts.add(0)
    return sorted(starts)


def count_advice(text: str) -> int:
    """Return how many marks of explanation, advice or reassurance the normalised text carries."""
    return sum(1 for _ in ADVICE.finditer(text))
