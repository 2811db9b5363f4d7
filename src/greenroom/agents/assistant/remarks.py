"""Remarks that people make to any assistant, in plain words: a greeting, "say that again"."""

from __future__ import annotations

import re
from typing import Literal, TypeAlias

Intent: TypeAlias = Literal[
    "greeting", "how_are_you", "thanks", "goodbye", "repeat", "slower", "louder", "quieter", "stop",
    "wait", "who", "robot", "capabilities", "help", "time", "date", "sum", "name_told",
    "name_asked", "note", "notes_asked", "spell", "hear", "person", "language", "instructions",
    "affirm", "deny", "wrong", "praise", "question", "statement", "unclear",
]  # fmt: skip

# In patterns below, a word in capitals stands for one of these. None of them may match the same
# words in two ways: what people say is repeated at will.
_PARTS = {
    "FILLER": (
        "(?:um+|uh+|er+|hm+|okay|ok|so|well|oh|ah|sorry|please|and|but|just|actually|excuse me)"
    ),
    "HELLO": (
        "(?:(?:hello|hi|hey|hiya|greetings|good (?:morning|afternoon|evening|day))(?: there)?)"
    ),
    "THANKS": (
        "(?:(?:thank you|thanks|cheers)(?: (?:very much|so much|a lot|for (?:that|your time|"
        "your help|the help|everything)))?)"
    ),
    "PLEASE": "(?:(?:(?:can|could|would|will) you )?(?:please )?)",
    "TELL": "(?:PLEASE(?:tell me |do you know |do you have |give me )?)",
    "WHATS": "(?:what(?:'s| is|s)? )",
    "ABIT": "(?: a (?:bit|little))?",
    "THAT": (
        "(?: (?:that|it|this|one|the|last|bit|thing|sentence|again|once|more|time|part|me|to|for))*"
    ),
    "TONGUE": (
        "(?:german|french|spanish|italian|dutch|portuguese|polish|russian|chinese|japanese|arabic|"
        "hindi|turkish|greek|swedish|korean|another language|other languages)"
    ),
    "YES": (
        "(?:yes|yeah|yep|yup|sure|correct|right|exactly|absolutely|of course|please|please do|"
        "go ahead|do it|do that|okay|ok|all right|alright|that's right|sounds good)"
    ),
    "NO": (
        "(?:no|nope|nah|not really|no thanks|no thank you|not now|don't|please don't|"
        "i don't think so|that's (?:all|it|everything)|nothing else|nothing)"
    ),
    "PERSON": (
        "(?:(?:a|an|the|some|your) )?(?:(?:real|live|human|actual) )?(?:person|human|agent|manager|"
        "supervisor|representative|operator|somebody|someone|employee|boss)(?: .{0,30})?"
    ),
    "PRAISE": (
        "(?:great|good|perfect|excellent|wonderful|nice|cool|awesome|amazing|helpful|brilliant|"
        "smart|funny|interesting|lovely|fantastic)"
    ),
}


def _compiled(pattern: str) -> re.Pattern[str]:
    for _ in range(2):  # a part may be made of others
        for name, part in _PARTS.items():
            pattern = pattern.replace(name, part)
    return re.compile(pattern)


HELLO = _PARTS["HELLO"]
FILLERS = _compiled("^(?:FILLER )+")
LEADING = _compiled("^(?:(?:FILLER|HELLO|THANKS|yeah|yes|no) )+")
"""What comes before what is wanted."""
TRAILING = _compiled(
    "(?: (?:please|now|right now|then|again|today|um+|uh+|okay|ok|THANKS|for me))+$"
)
"""What comes after it."""

# Wordings of all that was said, one a line; the first that fits counts.
_WORDINGS: dict[Intent, str] = {
    "repeat": """
        PLEASE(?:repeat|say)THAT
        come again
        pardon(?: me)?|what|huh|again|one more time|sorry|excuse me
        what did you (?:just )?sayTHAT
        what was that
        (?:i )?(?:didn't|couldn't|did not|could not) (?:hear|catch|get|understand) (?:you|it)THAT
        (?:i )?(?:didn't|couldn't|did not|could not) (?:hear|catch|get|understand) thatTHAT
        (?:i )?(?:didn't|couldn't|did not|could not) (?:hear|catch|get|understand) what you said
    """,
    "slower": """
        PLEASE(?:speak|talk|go|say it|say that)ABIT(?: more)? (?:slower|slow|slowly)(?: down)?
        (?:a (?:bit|little) )?(?:slower|slow down|more slowly)
        (?:you're|you are) (?:too|so) fast
        (?:you're|you are) (?:speaking|talking) (?:too|so) (?:fast|quickly)
        not so fast
    """,
    "louder": """
        PLEASE(?:speak|talk)ABIT (?:up|louder|more loudly)
        louder
        (?:you're|you are) (?:too|so|very) quiet
        (?:i )?(?:can't|cannot|can not)(?: really)? hear you(?: very)?(?: well)?
    """,
    "quieter": """
        PLEASE(?:speak|talk|be)ABIT (?:quieter|more quietly|softer|more softly)
        quieter
        (?:you're|you are) (?:too|so|very) loud
    """,
    "stop": """
        never ?mind
        forget (?:it|that|about it)
        cancel(?: (?:it|that))?
        stop(?: (?:it|that|now|talking))?
        be quiet|quiet|shut up|enough|that's enough
        it's nothing|it doesn't matter
    """,
    "wait": """
        (?:wait|hold on|hang on)(?: (?:a|one) (?:moment|second|sec|minute))?
        (?:(?:just )?(?:a|one)|give me (?:a|one)) (?:moment|second|sec|minute)
        let me (?:think|see)(?: about (?:it|that))?
    """,
    "hear": """
        (?:can|do|did) you (?:still )?hear (?:me|that)(?: (?:well|now|okay))?
        testing(?: .*)?
        are you (?:still )?(?:there|here|listening)
        is (?:this|it) (?:on|working)
        is (?:anyone|anybody|someone) there
        did you get that
    """,
    "how_are_you": """
        (?:i'm (?:fine|good|well|okay) )?(?:and )?how are you(?: doing| feeling)?(?: today)?
        how (?:do you do|have you been|are things)
        how(?:'s| is) (?:it going|your day)(?: today)?
        what's up
        (?:and )?(?:yourself|you)
    """,
    "greeting": """
        HELLO(?: HELLO)*
        (?:it's )?(?:nice|good|pleased) to meet you(?: too)?
        welcome
    """,
    "thanks": """
        THANKS(?: THANKS)*
        (?:much appreciated|i appreciate (?:it|that))
    """,
    "goodbye": """
        (?:THANKS )?(?:good ?bye|bye(?: bye)?)(?: (?:now|then))?
        (?:see you|talk to you)(?: (?:later|soon|then|tomorrow))?
        (?:THANKS )?have a (?:nice|good|great|lovely) (?:day|one|evening|weekend)
        good night|take care
        i (?:have|need|'ve got|have got) to (?:go|leave|hang up)(?: now)?|i must go
        i(?:'m| am) (?:done|finished)
        (?:hang up|end (?:the|this) (?:call|conversation|session))
    """,
    "name_asked": """
        TELLWHATS?my name(?: is)?
        do you (?:know|remember) (?:my name|who i am)
        (?:do you know )?who (?:am i|i am)
        what did i say my name (?:is|was)
    """,
    "who": """
        who (?:are|is) (?:you|this|there|that)(?: .{0,20})?
        what are you
        who am i (?:talking|speaking) (?:to|with)
        (?:tell me )?WHATSyour (?:name|job|role)
        TELLyour name
        (?:do you have|have you got) a name
        what (?:should|can|do) i call you
        tell me (?:about|something about) yourself|introduce yourself
        who do you (?:work for|represent)
        (?:what|which) company (?:is this|are you(?: from| with)?|do you (?:work for|represent))
        what did you say your name (?:is|was)
    """,
    "robot": """
        (?:are you|is this) (?:really |just )?(?:a |an )?(?:real|human|robot|bot|machine|ai|a i)(?: .{0,30})?
        (?:are you|is this) (?:really |just )?(?:a |an )?(?:computer|chatbot|program|recording)(?: .{0,30})?
        am i (?:talking|speaking) (?:to|with) (?:a |an )?(?:real|human|robot|bot|machine|ai|computer)(?: .{0,30})?
        am i (?:talking|speaking) (?:to|with) a person
        are you (?:a person|alive|intelligent|conscious|artificial|chatgpt|gpt)
        (?:what|which) (?:ai |language )?model (?:are you|do you use)(?: .{0,20})?
    """,  # noqa: E501 - one wording a line
    "capabilities": """
        what (?:can|do) you do(?: for me)?
        what (?:else )?can you (?:help|do)(?: me)?(?: with)?
        what can i (?:ask|say|do)(?: (?:you|to you))?(?: (?:here|about))?
        how (?:can|do) you help(?: me)?
        how does this work
        what (?:are|is) your (?:capabilities|purpose|functions?)
        what do you know(?: about)?
        what else
    """,
    "help": """
        (?:can|could|will|would) you help(?: me)?(?: out)?
        (?:i )?need (?:some |your )?help|help(?: me)?
        (?:i have|i've got) (?:a|some) (?:question|problem|issue)s?
        (?:can|could|may) i ask (?:you )?(?:a question|something)
    """,
    "time": """
        TELLWHATS?(?:the )?(?:current |exact )?time(?: (?:is it|it is|is))?
        (?:what|which) time (?:do we have|is it)
        TELLwhat time (?:it is|is it|it's)
        how late is it
    """,
    "date": """
        TELL(?:what|which) (?:day|date|month|year) (?:is it|is today|is this|it is|do we have)
        TELL(?:what|which) day of the (?:week|month) (?:is it|is today|is this|it is)
        TELLWHATS?(?:the |today's )?(?:current )?(?:date|day)(?: (?:is it|it is|is|of))?(?: today)?
        what(?:'s| is) today(?:'s date)?
        what (?:month|year) are we in
    """,
    "person": """
        (?:.{0,30} )?(?:speak|talk|connect|transfer|put)(?: me)?(?: through)? (?:to|with) PERSON
        (?:get|give) me PERSON
        (?:can|could|may) i (?:have|get) PERSON
        i (?:want|need) PERSON
        (?:human|agent|operator|representative|real person)
    """,
    "language": """
        (?:can|do|could) you (?:speak|understand|talk)(?: in)? (?:english|TONGUE)(?: .{0,20})?
        (?:what|which) languages? (?:can|do) you (?:speak|understand)
        PLEASE(?:speak|switch to|in) TONGUE
    """,
    "notes_asked": """
        TELLWHATS?my notes?(?: say)?
        what are my notes
        (?:read|show)(?: me)? my notes?
        what (?:did|have) (?:i|you) (?:told?|asked?|tell|ask) you to (?:remember|note|write down)
        what (?:did|have|should) you (?:note|noted|remember|remembered|write down|written down)
        what do you remember(?: about me)?
        do you (?:still )?remember(?: what i (?:said|told you))?
    """,
    "praise": """
        (?:(?:that's|that is|that was|you're|you are) )?(?:very |really |so )*PRAISE
        (?:well done|good job|good to know|you're the best)
    """,
    "wrong": """
        (?:no )?(?:that's|that is|that was|you're|you are|it's) (?:wrong|incorrect|useless)
        (?:no )?(?:that's|that is|that was|it's) (?:not (?:right|correct|true|helpful)|nonsense)
        (?:no )?(?:that's|that is|that was) (?:not what i (?:asked|said|meant|wanted)|no answer)
        wrong|incorrect|nonsense
        (?:no )?i (?:didn't|did not) (?:say|ask|mean) that
        you (?:didn't|did not|don't) (?:answer(?: me| my question)?|understand(?: me)?|get it)
        i (?:don't|do not) understand(?: (?:you|that|it))?
    """,
    "affirm": """
        YES(?: YES)*
        that would be (?:great|nice|good)
    """,
    "deny": """
        NO(?: NO)*
    """,
}
REMARKS = tuple(
    (intent, _compiled("|".join(line.strip() for line in wordings.strip().splitlines())))
    for intent, wordings in _WORDINGS.items()
)
"""Each with the pattern of all that is said by it; the first that fits counts."""
