"""What people say to any assistant, for a recogniser's language model."""

from __future__ import annotations

_TEXT = """
    yes|yes please|yeah|yep|yup|sure|sure thing|okay|ok|all right|alright|of course|absolutely
    yes i do|yes it is|yes that's right|that's right|that's correct|correct|exactly|right
    no|no thanks|no thank you|nope|not really|not now|not yet|no i don't|no it's not|no that's wrong
    that's wrong|that's not right|that's not what i said|that's not what i meant|i don't think so
    maybe|i don't know|i'm not sure|i guess so|let me think|let me see|let me think about it
    thanks|thank you|thank you very much|thank you so much|thanks a lot|many thanks|great thanks
    great|good|very good|perfect|excellent|wonderful|nice|cool|sounds good|that sounds good
    that's great|that's fine|that's good|that's all|that's all thanks|thanks that's all|that's it
    that will be all|nothing else|no that's all|i'm done|we're done|i'm finished
    hello|hello there|hi|hi there|hey|hey there|good morning|good afternoon|good evening
    how are you|how are you doing|i'm fine thanks|nice to meet you|who are you|what's your name
    are you there|can you hear me|hello can you hear me|is anybody there|are you a real person
    goodbye|bye|bye bye|see you|see you later|talk to you later|have a nice day|good night
    can you repeat that|could you repeat that please|repeat that|repeat that please|say that again
    say that again please|can you say that again|one more time|what did you say|what was that
    sorry what did you say|sorry|i'm sorry|excuse me|pardon|pardon me|i didn't catch that
    i didn't hear you|i can't hear you|i don't understand|what do you mean|speak up please
    slower please|please speak slowly|louder please
    stop|stop it|stop please|please stop|wait|wait a minute|wait a moment|hold on|one moment
    just a moment|just a second|one second please|hang on|be quiet|quiet please
    cancel|cancel that|never mind|forget it|forget that|i changed my mind|go back|start over
    start again|start from the beginning|try again|undo that|go on|go ahead|continue|next|next one
    next please|previous|more|show me more|tell me more|anything else|what else|what else is there
    help|help me|help me please|can you help me|i need help|what can you do|what can i say
    how does this work|what do you have|can i talk to a person|please|please do|do it|let's do it
    let's do that|let's go|i want that|i want this one|this one|that one|the other one|both
    both of them|all of them|none of them|none|either one|it doesn't matter|i don't care|whatever
    what time is it|what day is it today|what's the weather like|how much|how many|how long|when
    where|why|who|which one|what is it|what is that|what's that|is that right|is that all
    i said no|i said yes|no i said|i meant|i mean|actually|actually no|well|okay then|oh okay
    oh i see|i see|got it|understood|makes sense|really|wow|no way|interesting
"""

GENERAL_PHRASES: tuple[str, ...] = tuple(
    phrase.strip() for phrase in _TEXT.replace("\n", "|").split("|") if phrase.strip()
)
"""Lower case, words only."""
