"""Sentences of imagined candidates for the four cards: (card, expected, text). None is a trigger of a card.

DEVELOPMENT served for tuning; HELD_OUT was written afterwards and served for measuring only.
"""

from __future__ import annotations

from bench.cue_cases import MatchingCase

_CARDS = {
    "A": "nursing-leg-wound",
    "B": "medicine-headaches",
    "C": "pharmacy-new-inhaler",
    "D": "veterinary-itchy-dog",
}

_DEVELOPMENT = """
A|how-it-happened|so mister foster can you tell me what you did to your leg
A|how-it-happened|how did you come to have this injury
A|how-it-happened|could you explain how this wound came about
A|how-it-happened|I see you've got a cut there, what did you do
A|pain|and is it giving you much pain
A|pain|on a scale of zero to ten how sore would you say it is
A|pain|does the wound hurt when you put weight on it
A|dressing|what have you been putting on it
A|dressing|could you tell me how you have been treating the wound at home
A|dressing|how frequently do you replace the bandage
A|dressing|and are you cleaning it yourself
A|other-illness|apart from this do you have any long standing medical problems
A|other-illness|are you diabetic
A|other-illness|thank you for that now I'd like to know a bit about your medical background are you suffering \
from any chronic diseases
A|medicines|are you currently on any medication
A|medicines|can I ask what tablets you are taking
A|medicines|do you take your medicines regularly
A|smoking|I need to ask do you smoke at all
A|smoking|roughly how many cigarettes would that be in a day
A|smoking|and are you a smoker mister foster
A|home-help|is there somebody at home who could help you with the dressings
A|home-help|do you live on your own
A|home-help|who is at home with you
A|worry-leg|is there anything in particular that you are worried about
A|worry-leg|I understand this must be frustrating for you and I'm sorry it has been such a long time
A|washing|do you have any questions for me
A|washing|I will clean the wound now and put on a new dressing
A|greeting|good morning my name is Anna and I'm the nurse looking after you today
A|open|hello mister foster I'm Anna one of the nurses here what brings you in today
A|open|how can I help you today
A|open|can you tell me a bit more about what has been going on
A|permission|would you mind if I had a look at your leg
A|permission|is it okay if I ask you a few questions first
A|permission|may I take a look at the wound
A|repeat|sorry could you repeat that please
A|repeat|I didn't catch that
A|farewell|thank you for coming in today take care and goodbye
A|farewell|all right see you next week bye
A|identity|can I just confirm your full name please
A|not_on_card|when did you last have a tetanus injection
A|not_on_card|which football team do you support
A|not_on_card|have you travelled abroad recently
A|acknowledge|smoking slows down the healing because it narrows the blood vessels so it would be a good idea \
to cut down
A|acknowledge|you should keep the dressing clean and dry and change it every second day
A|acknowledge|does that make sense
A|acknowledge|diabetes can affect the circulation in your legs and that means that less oxygen gets to the \
skin so a cut like this one takes a lot longer to close and there is a higher risk of infection which is why I \
would like to check your blood sugar today and why it's important that you take your tablets every day
A|acknowledge|don't worry most wounds like this heal well with the right care
A|acknowledge|would you be willing to cut down on smoking
A|smoking|okay so diabetes can slow down the healing of a wound like yours because less blood reaches the skin \
and there are other things that make it worse can I ask if you smoke
A|say_again|um
B|onset|when did you first get these headaches
B|onset|how long have they been bothering you
B|onset|did this begin all of a sudden
B|character|could you describe what it feels like when you have a headache
B|character|which side of the head is it on
B|character|is it more of a pressing or a pounding pain
B|pattern|is there anything that seems to set them off
B|pattern|are you getting enough sleep
B|pattern|do you drink a lot of coffee or tea
B|pattern|at what time of the day are they worst
B|painkillers|have you been taking anything to relieve them
B|painkillers|what kind of painkiller do you use and how often
B|painkillers|are you taking any other medications
B|vision|have you had any problems with your eyes
B|vision|any vomiting or dizziness
B|vision|does your sight get blurry
B|family|does anybody in your family suffer from migraine
B|family|did either of your parents have headaches
B|stress|what is your job
B|stress|has work been stressful lately
B|stress|would you say you are under a lot of pressure
B|worry-tumour|is something about this worrying you
B|worry-tumour|what do you think might be causing it
B|worry-tumour|okay I see that must be very difficult for you
B|wants-scan|what were you hoping I could do
B|wants-scan|it is very unlikely to be anything serious because your examination was normal
B|greeting|hello Laura I'm doctor Peters nice to meet you
B|open|so what seems to be the problem
B|open|can you tell me more about your headaches
B|open|what can I do for you today
B|permission|may I examine you briefly
B|repeat|pardon could you say that again
B|farewell|goodbye Laura and have a nice day
B|not_on_card|do you have any children
B|not_on_card|where did you go on holiday
B|acknowledge|taking painkillers on most days can itself cause headaches so I suggest that you stop taking \
ibuprofen for a while
B|acknowledge|I would like you to keep a diary of your headaches
B|acknowledge|does that sound all right to you
B|acknowledge|your blood pressure is normal
C|reliever-use|how many times do you take the blue inhaler in a typical week
C|reliever-use|are you using your reliever a lot
C|reliever-use|when was the last time you needed your blue puffer
C|night-symptoms|do you ever get woken up by coughing
C|night-symptoms|how has your sleep been
C|night-symptoms|any breathing problems during the night
C|technique|could you please show me how you normally use it
C|technique|did anyone teach you how to use the inhaler correctly
C|technique|do you use a spacer with it
C|triggers|is there something that makes your asthma flare up
C|triggers|do you have animals at home
C|triggers|have you noticed what triggers your symptoms
C|allergies|is there anything you're allergic to
C|allergies|do you have any drug allergies that I should know about
C|sport|what sort of exercise do you do
C|sport|do you get breathless when you're playing sports
C|sport|are you able to run without problems
C|steroid-worry|how do you feel about starting this new medicine
C|steroid-worry|do you have any concerns about it
C|steroid-worry|this inhaler contains a low dose of a steroid and it reduces the swelling in your lungs
C|stop-early|is there anything else you would like to ask
C|stop-early|you need to breathe out first and then breathe in slowly while you press
C|greeting|hi there I'm Tom the pharmacist
C|open|what can you tell me about your asthma
C|permission|could I ask you a few questions before I give you this
C|identity|are you mister Grant
C|repeat|what did you say
C|farewell|thanks for coming in have a good day
C|not_on_card|what is your address
C|not_on_card|do you drink alcohol
C|acknowledge|the preventer has to be taken every day even when you feel well
C|acknowledge|rinse your mouth with water afterwards to prevent thrush
C|acknowledge|the blue inhaler opens up your airways quickly when you have symptoms but it doesn't treat the \
swelling underneath and that's why your doctor has prescribed this new one which you take twice a day in the \
morning and in the evening
D|duration|when did you notice that she was scratching
D|duration|for how long has Bella had this problem
D|duration|and is it getting any worse
D|where|which areas does she scratch the most
D|where|does she lick her paws or rub her face
D|where|can you point to the places where she's itchy
D|flea-treatment|what do you use to prevent fleas
D|flea-treatment|when did she last have something for fleas
D|flea-treatment|has she had any treatment so far
D|diet|what are you feeding her at the moment
D|diet|has her food changed lately
D|diet|does she get any snacks
D|other-pets|are there any other animals living with you
D|other-pets|do you own any other pets besides Bella
D|appetite|is she eating normally
D|appetite|does she seem to have less energy
D|appetite|how is she otherwise is she playing and going for walks
D|cost-worry|I can see that you are concerned is there something on your mind
D|cost-worry|we will start with a skin test to look for parasites
D|bathing|do you have any other questions
D|bathing|you need to treat all the animals in the house at the same time
D|greeting|good afternoon Mrs Clarke I'm doctor Lee
D|open|what brings you and Bella here today
D|open|tell me what has been happening with Bella
D|permission|can I have a look at her skin
D|repeat|sorry I missed that
D|farewell|goodbye Mrs Clarke goodbye Bella
D|not_on_card|has she had puppies
D|not_on_card|where did you get her from
D|acknowledge|fleas are the most common cause of itching in dogs and you often don't see them
D|acknowledge|please give her these tablets once a month with her food
D|acknowledge|are you happy with that plan
A|acknowledge|wash your hands before you touch the wound
A|acknowledge|I'm going to clean this gently with some salt water and then measure it
A|acknowledge|cigarettes make the blood vessels narrow
A|acknowledge|good that your daughter comes to help you at the weekend
A|acknowledge|we can refer you to a service that helps people to stop smoking
A|acknowledge|raise your leg on a pillow when you are sitting
A|not_on_card|do you have a car to drive home
A|not_on_card|have you ever broken a bone
A|not_on_card|what time did you wake up this morning
A|not_on_card|are you interested in a flu vaccination
B|acknowledge|most headaches of this kind come from tension in the muscles of the neck
B|acknowledge|coffee late in the day can keep you awake
B|acknowledge|take a short break from the screen every hour
B|acknowledge|brain tumors are very rare at your age and they usually cause other symptoms too
B|acknowledge|I will give you a leaflet about sleep
B|not_on_card|have you ever broken your arm
B|not_on_card|how tall are you
B|not_on_card|do you like living in this town
C|acknowledge|shake the inhaler first then breathe out and put it between your lips
C|acknowledge|the amount of steroid in this inhaler is tiny and it goes straight to the lungs
C|acknowledge|keep the blue one with you when you play basketball
C|acknowledge|cats can make asthma worse so keep her out of the bedroom
C|not_on_card|did you come here by bus
C|not_on_card|what insurance do you have
D|acknowledge|even one flea can make an allergic dog itch for weeks
D|acknowledge|your cats need the treatment as well
D|acknowledge|use a mild dog shampoo once a week and not the one for people
D|acknowledge|we begin with the simple things and that keeps the cost down
D|not_on_card|does she bark at strangers
D|not_on_card|has she been neutered
A|how-it-happened|what was it that you injured yourself on
A|how-it-happened|would you mind telling me how you got hurt
A|how-it-happened|when exactly was the accident
A|pain|is it bothering you is there any soreness
A|pain|do you feel any discomfort in the leg
A|dressing|what do you do to look after it
A|dressing|and when did you last put a fresh bandage on
A|other-illness|have you got any other conditions that I should know of
A|other-illness|do you have any trouble with your heart or your sugar
A|medicines|what medicines did your doctor give you
A|medicines|and do you take any pills for that
A|smoking|do you use cigarettes
A|smoking|how long have you been a smoker
A|home-help|do you have anyone to support you at home
A|home-help|are you living alone at the moment
A|worry-leg|what is it that concerns you most
A|worry-leg|I'm really sorry to hear that it sounds very unpleasant
A|washing|okay I'll show you how to put on the new dressing properly
A|greeting|hello sir I am one of the community nurses
A|open|so tell me what's the matter
A|permission|I'd just like to check your leg if that's all right with you
A|repeat|could you say it one more time please
A|farewell|bye mister foster have a good day
A|not_on_card|do you play any musical instruments
A|not_on_card|what did you have for breakfast
A|acknowledge|if you see any redness or if you get a fever please come back straight away
A|acknowledge|I recommend that you put your feet up in the evening
A|acknowledge|it is very important to take your metformin every day because high sugar slows the healing
B|onset|tell me when it all began
B|onset|for how many weeks has this been happening
B|character|what kind of pain is it
B|character|can you show me where exactly it hurts
B|pattern|have you noticed anything that makes them worse
B|pattern|how many hours a day are you in front of a computer
B|painkillers|have you tried any tablets for it
B|painkillers|how much ibuprofen do you take
B|vision|do you notice any changes in your vision
B|vision|have you felt nauseous at all
B|family|is there a history of headaches in your family
B|family|has your mother or your father got anything similar
B|stress|how is everything going at your school
B|stress|do you feel stressed at the moment
B|worry-tumour|can you tell me what you are most concerned about
B|wants-scan|was there something you expected me to do about it
B|wants-scan|I can reassure you that this type of headache is very common and not dangerous
B|greeting|good morning misses bennett my name is doctor khan
B|open|what made you come and see me today
B|permission|is it all right if I check your blood pressure
B|repeat|excuse me could you repeat that
B|farewell|take care Laura see you in two weeks
B|not_on_card|do you have a dog
B|acknowledge|a scan isn't necessary now because there are no warning signs
B|acknowledge|try to go to bed at the same time every night and drink less coffee
C|reliever-use|how frequently do you need your blue one
C|reliever-use|could you tell me how much you rely on the reliever
C|night-symptoms|is your asthma waking you up
C|night-symptoms|do you have any cough in the night time
C|technique|what do you do when you take a puff
C|technique|have you been taught the right way to use the inhaler
C|triggers|do you know what causes your asthma to get worse
C|triggers|do you keep any pets
C|allergies|any allergies to medicines at all
C|allergies|has any drug ever given you a bad reaction
C|sport|how does your asthma affect you when you exercise
C|sport|do you play any sports
C|steroid-worry|are there any worries you have about using it
C|stop-early|what other questions do you have
C|greeting|good morning sir I'm the pharmacist here
C|open|can you tell me a little about your asthma
C|permission|is it okay if I ask you some questions about your health
C|repeat|sorry I didn't hear you
C|farewell|bye bye take care
C|not_on_card|how much do you weigh
C|acknowledge|you may not notice a difference for one or two weeks but keep taking it
C|acknowledge|a spacer helps more of the medicine reach your lungs
D|duration|since when does she have this itching
D|duration|how long ago did it all start
D|where|whereabouts on the body is the itching
D|where|does she chew her feet or her tail
D|flea-treatment|is she protected against fleas and ticks
D|flea-treatment|when was the last time you gave her flea medicine
D|diet|could you tell me about what she eats
D|diet|did you switch to another dog food
D|other-pets|does Bella share the house with other pets
D|other-pets|have you got a cat or another dog
D|appetite|how has her appetite been
D|appetite|is she as active as she usually is
D|cost-worry|what worries you most about all this
D|cost-worry|I know it's hard to see her so uncomfortable
D|bathing|is there anything else I can help you with
D|greeting|hello I'm the vet and this must be Bella
D|open|so what is the trouble with Bella
D|permission|let me take a look at her coat
D|repeat|please say that again
D|farewell|see you soon goodbye
D|not_on_card|is she microchipped
D|acknowledge|wash her bedding in hot water and vacuum the carpets every week
D|acknowledge|food allergies can also cause itching but they are less common than fleas
A|how-it-happened|please tell me the story of this injury
A|how-it-happened|what did you bump your leg against
A|pain|is the pain there all the time or only when you move
A|pain|and how about pain
A|dressing|do you change the plaster by yourself
A|dressing|what kind of care have you given to the wound until now
A|other-illness|any other health issues I should be aware of
A|other-illness|do you have high sugar or high blood pressure
A|medicines|do you take any prescribed medicines daily
A|medicines|what about tablets
A|smoking|may I ask whether you smoke
A|smoking|how many packs do you smoke
A|home-help|do you have a wife or children living with you
A|home-help|is anybody able to give you a hand at home
A|worry-leg|you look a bit worried to me what is on your mind
A|worry-leg|that must have been painful
A|washing|the new dressing has to stay on for two days
A|greeting|good afternoon mister Foster I'm nurse Maria and I'll be taking care of you today
A|open|what can we do for you this morning
A|open|could you please explain why you have come to see us
A|permission|can I remove the plaster to see the wound
A|permission|do you mind if I ask you some personal questions
A|repeat|sorry I didn't understand could you repeat it
A|farewell|thanks mister Foster see you on Monday
A|not_on_card|what do you like to watch on television
A|not_on_card|did you vote in the election
A|acknowledge|it will take a few more weeks until it closes completely
A|acknowledge|please come back if the redness spreads
A|acknowledge|is everything clear so far
B|onset|could you tell me when you had the first headache
B|onset|so how long have you been suffering from this
B|character|how would you describe the pain
B|character|does it throb or is it more like pressure
B|pattern|do you notice if something makes the headache start
B|pattern|how is your sleep
B|pattern|do you spend a lot of time on your laptop
B|painkillers|do you use any medicine to get rid of the pain
B|painkillers|how many days a week do you take painkillers
B|vision|do you feel sick when you have the headache
B|vision|any changes in your sight like spots or flashes
B|family|is there anybody in your family who has the same problem
B|family|do your siblings have migraine
B|stress|tell me about your work
B|stress|are there things in your life that make you anxious
B|worry-tumour|is there any particular reason why you are so concerned
B|worry-tumour|I'm sorry you've been having such a hard time
B|wants-scan|most people with this kind of headache don't need any tests
B|greeting|hi Laura my name is Peter I'm one of the doctors here
B|open|so Laura how can I be of help
B|permission|I would like to ask you some questions first is that okay
B|repeat|could you speak up please I didn't hear that
B|farewell|all the best Laura bye bye
B|not_on_card|do you own your house
B|not_on_card|what is your favorite subject at school
B|acknowledge|the best thing is to reduce the tablets step by step
B|acknowledge|would you be happy to keep a diary for me
B|acknowledge|you are doing the right thing by coming here
C|reliever-use|before this how often did you have to use your blue inhaler
C|reliever-use|how many puffs of the reliever do you need
C|night-symptoms|does the asthma keep you awake
C|night-symptoms|do you get breathless during the night
C|technique|how exactly do you take it can you show me
C|technique|when you use your inhaler do you hold your breath
C|triggers|which things make your breathing worse
C|triggers|is there a pet in your home
C|allergies|have you ever reacted badly to a medicine
C|allergies|what allergies do you have
C|sport|are you a sporty person
C|sport|do you have problems when you exercise
C|steroid-worry|is something about this medicine bothering you
C|steroid-worry|I see so the preventer should bring that down
C|stop-early|is there something you want to ask me
C|greeting|hello I'm Sarah I'm the pharmacist on duty
C|open|so tell me a bit about your asthma and how things are going
C|permission|would it be all right if I showed you how to use it
C|repeat|pardon me what was that
C|farewell|have a lovely day goodbye
C|not_on_card|where did you buy that jacket
C|not_on_card|do you have brothers
C|acknowledge|this one is not for an attack so keep carrying the blue one
C|acknowledge|most people have no side effects at this dose
D|duration|when did all this begin
D|duration|has she been like this for a long time
D|where|on which part of her body is it worst
D|where|is it mainly the ears or also other parts
D|flea-treatment|do you give her something against parasites
D|flea-treatment|have you noticed fleas in her coat
D|diet|what does her diet look like
D|diet|has she started any new food
D|other-pets|is Bella your only pet
D|other-pets|who else is there at home any animals
D|appetite|does she eat as usual
D|appetite|is she less playful than before
D|cost-worry|do you have any concerns at all
D|cost-worry|she has some red patches here and that looks sore
D|bathing|would you like to ask me anything
D|greeting|good morning I'm the veterinarian and my name is Paul
D|open|what seems to be wrong with Bella
D|permission|is it okay if I take a small sample from her skin
D|repeat|sorry can you repeat please
D|farewell|take good care of Bella bye now
D|not_on_card|is she afraid of fireworks
D|not_on_card|what do you do for work
D|acknowledge|we should treat the cats too
D|acknowledge|an allergy to something in the food is possible as well
"""

_HELD_OUT = """
A|how-it-happened|did you have an accident or how did this start
A|pain|I was wondering if you have any pain right now
A|dressing|how have you been managing the wound by yourself
A|other-illness|do you have any chronic illness like diabetes
A|medicines|could you list the medicines you take
A|smoking|tell me about your smoking habits
A|home-help|do you have family members who could help
A|worry-leg|what is your biggest fear
A|worry-leg|I can imagine that is hard for you
A|washing|I have written down the instructions about the dressing for you
A|greeting|good evening sir I am Joseph the nurse in charge today
A|open|so what is the problem today
A|permission|shall we have a look at it now
A|repeat|I'm sorry could you please say it again
A|farewell|thank you for coming mister Foster and take care
A|not_on_card|have you been to the dentist this year
A|acknowledge|a small wound on the leg can need more than a month because the blood flow there is slow
A|acknowledge|I would also advise you to eat more protein
B|onset|when was it that these headaches started
B|character|is the headache throbbing or does it feel like pressure
B|pattern|are there any things that trigger the headaches
B|painkillers|are you using ibuprofen every day
B|vision|is there any problem with your vision
B|family|do other people in your family get bad headaches
B|stress|how stressful is your job as a teacher
B|worry-tumour|do you have any idea what could be causing this
B|wants-scan|I think this is a tension headache and it will get better
B|greeting|good afternoon Laura I'm doctor Smith
B|open|what brought you to the clinic
B|permission|could I check your eyes with this light
B|repeat|sorry can you say that one more time
B|farewell|have a good evening Laura goodbye
B|not_on_card|are you planning a trip this summer
B|acknowledge|try not to look at a screen in the hour before bed
B|acknowledge|does this plan sound okay to you
C|reliever-use|how much are you using the blue one these days
C|night-symptoms|are you sleeping well or does the asthma wake you
C|technique|please describe how you use your inhaler
C|triggers|what do you think sets it off
C|allergies|have you got any allergies
C|sport|how active are you
C|steroid-worry|how are you feeling about using a steroid inhaler
C|stop-early|any questions for me so far
C|greeting|hello sir welcome to our pharmacy
C|open|how may I help you sir
C|permission|can I go through how to use it with you
C|repeat|what was that
C|farewell|all the best bye
C|not_on_card|what is your favorite food
C|acknowledge|you use two puffs in the morning and two puffs in the evening
C|acknowledge|it doesn't work straight away like the blue one does
D|duration|how many weeks has Bella been scratching
D|where|can you tell me which spots she scratches
D|flea-treatment|has Bella been treated against fleas this year
D|diet|which food do you give to Bella
D|other-pets|do you have more animals in your home
D|appetite|how is Bella's appetite these days
D|cost-worry|what are your main concerns today
D|cost-worry|I understand that you love her very much
D|bathing|do you want to ask me anything else
D|greeting|hello Susan nice to meet you and hello Bella
D|open|how can I help you and Bella
D|permission|may I examine Bella now
D|repeat|could you repeat the last thing please
D|farewell|goodbye and see you in two weeks
D|not_on_card|has she won any prizes
D|acknowledge|I suggest that we start with a good flea treatment for all the pets
D|acknowledge|that sounds very stressful for both of you
"""

# A volunteered cue that must not be due when these cases are about acknowledging.
_TOLD_FOR: dict[str, dict[str, tuple[str, ...]]] = {
    "A": {"washing": ("how-it-happened", "worry-leg", "dressing")},
    "B": {"wants-scan": ("onset", "worry-tumour")},
    "C": {"stop-early": ("reliever-use", "steroid-worry", "technique")},
    "D": {"bathing": ("duration", "cost-worry", "flea-treatment")},
}


def _read(text: str) -> tuple[MatchingCase, ...]:
    cases = []
    for line in text.strip().splitlines():
        letter, expected, sentence = line.split("|")
        told = _TOLD_FOR[letter].get(expected)
        cases.append(MatchingCase(_CARDS[letter], sentence, expected, told=told))
    return tuple(cases)


DEVELOPMENT = _read(_DEVELOPMENT)
HELD_OUT = _read(_HELD_OUT)
