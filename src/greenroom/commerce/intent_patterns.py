"""The wordings of each intent, as patterns over a normalised sentence (see `hearing`)."""

from __future__ import annotations

import re


def _whole(pattern: str) -> re.Pattern[str]:
    """The sentence, apart from politeness, is this and nothing more."""
    polite = (
        r"(?: (?:please|there|thanks|thank you|very much|so much|then|now|for now|for today|again|"
        r"you|"
        r"all))*"
    )
    return re.compile(rf"^(?:{pattern}){polite}$")


SMALL_TALK_WORDS = 12
"""Longer sentences are no small talk; the bound keeps its patterns from backtracking long."""

SMALL_TALK: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("greeting", _whole(
        r"(?:hi|hello|hey|hiya|howdy|greetings|good (?:morning|afternoon|evening|"
        r"day))(?: (?:hi|hello|there|again|everyone|ashley|craig|edward|olivia|wendy|"
        r"priya))*(?: (?:how are you|how is it going))?|how are you(?: doing)?(?: today)?|"
        r"what is up")),
    ("thanks", _whole(
        r"(?:(?:ok|okay|great|perfect|cool|alright) )?(?:thanks|thank you|thank|cheers|"
        r"many thanks)(?: (?:a lot|so much|very much|for (?:your|the) help|that is (?:all|"
        r"great|perfect)))*|(?:i )?appreciate it|that is very (?:kind|helpful)|"
        r"that was (?:very |really |so )?(?:helpful|kind|great|perfect)")),
    ("goodbye", _whole(
        r"(?:(?:ok|okay|thanks|thank you|very much|so much|well|great|alright|perfect|good) "
        r")*(?:bye(?: bye)?|goodbye|good bye|"
        r"see you(?: later| soon)?|good night|have a (?:good|nice|great) (?:day|one|evening)|"
        r"talk to you later|i am (?:done|finished)|that is (?:all|it|everything)(?: for (?:now|"
        r"today))?|"
        r"that will be all|nothing else|farewell|i have to go)(?: (?:bye|goodbye|thanks|"
        r"thank you))*")),
    ("repeat", _whole(
        r"(?:(?:sorry|excuse me|wait) )?(?:(?:can|could|"
        r"would) you )?(?:please )?(?:repeat(?: (?:that|it|yourself|the last (?:part|one|"
        r"bit)))?|say (?:that|it)(?: one more time)?|come again|pardon(?: me)?|"
        r"(?:sorry )?what did you (?:just )?say|what was that|i did not (?:hear|catch|"
        r"get) (?:that|you|it)|one more time|once more|excuse me|read (?:that|it|them))|sorry(?: "
        r"what)?|what|huh")),
    ("help", _whole(
        r"help(?: me)?(?: out)?|i need (?:some )?help|what (?:can|do|could) (?:you|i) (?:do|"
        r"say|ask)(?: (?:for me|here|you))?|how does (?:this|it) work|who are you|what are you|"
        r"what is this|how can you help(?: me)?|(?:can|could) you help(?: me)?(?: out)?|"
        r"what are my options|what should i (?:say|do|ask)|how do i use this|"
        r"what else can (?:you do|i (?:say|ask))|what can you help me with")),
    ("affirm", _whole(
        r"(?:(?:yes|yeah|yep|yup|ya|yea|sure|ok|okay|alright|all right|absolutely|definitely|"
        r"certainly|of course|right|correct|exactly|indeed|fine|perfect|great|good|please|"
        r"go ahead|do it|do that|sounds good|that is (?:right|fine|good|correct|great|it)|"
        r"that works|i do|i would|i would like that|i would love (?:to|that)|why not|go for it|"
        r"please do|yes please|let us do (?:it|that)|that sounds (?:good|great))(?: |$))+")),
    ("deny", _whole(
        r"(?:(?:no|nope|nah|not (?:now|right now|really|yet|today|that one|for me)|thanks|thank "
        r"you|never ?mind|do not|no way|"
        r"i do not|i do not (?:think so|want (?:it|that|to|them))|forget (?:it|that)|"
        r"cancel(?: that)?|stop|leave it|no need|not interested|i am (?:good|fine|ok|okay)|"
        r"that is (?:not|wrong)|wrong|skip|neither|none(?: of (?:them|those|these))?)(?: |$))+")),
)  # fmt: skip

OPENINGS = re.compile(
    r"^(?:(?:yes|yeah|yep|sure|ok|okay|alright|great|perfect|good|well|so|then|and|but|also|now|"
    r"hey|hi|hello|please|right|cool|actually|maybe|no|nope|nah|um|listen|wait|thanks|thank you|"
    r"excuse me|sorry|i think|i guess|let us see|just) )+(?=\S)"
)

CART = r"(?:cart|basket|shopping bag|trolley|(?<=my )bag)"
VIEW_CART = re.compile(
    rf"\b(?:what|whats|which|show|see|view|check|open|read|list|tell|review|look|go|how|is|give|"
    rf"do i|have i|total|cost|anything)\b.*\b(?:my|the|shopping|a) {CART}\b|^(?:(?:view|show|"
    rf"open|my|the|see|check|shopping|go to|to) )*{CART}(?: please| total)?$|"
    r"\b(?:what is|how much is|tell me) (?:my|the) (?:order |cart )?(?:total|subtotal|sum|bill)\b|"
    r"\bwhat (?:did i|have i|do i) (?:add|added|order|ordered|got|have)(?: so far)?$|"
    r"\bhow much (?:is|does|do|are|will) (?:it|that|this|they|everything|all of (?:it|them|that))"
    r"(?: (?:cost|come to|be))? (?:all )?(?:together|altogether|in total)\b|"
    r"\bhow much (?:is|does|for) everything\b|"
    rf"^what (?:is |s )?in (?:there|{CART})$"
)
REMOVE = re.compile(
    r"\b(?:remove|delete|take (?:\S+ ){0,6}(?:out|off|away)\b|take (?:out|off|away)|get rid of|"
    r"drop|"
    rf"(?:empty|clear)(?: out)?(?: (?:my|the|all|whole|entire|everything))* ?(?:{CART}|in|from|"
    rf"$)|"
    r"put (?:\S+ ){0,6}back|do not want (?:\S+ ){0,6}(?:any ?more|after all)|cancel (?:the|my|"
    r"that|it)|"
    rf"throw (?:\S+ )*out|out of my {CART})"
)
EVERYTHING = re.compile(
    r"\b(?:everything|all(?: of (?:it|them))?|empty|clear|whole|entire|start over)\b"
)
CHECKOUT = re.compile(
    r"\b(?:checkout|check out(?! (?:the|that|this|those|these|some|your|a|it)\b)|place (?:the|my|"
    r"an|this) order|complete (?:the|my|this) (?:order|purchase)|ready to (?:pay|order|buy|"
    r"purchase)|(?:want|like|go|going|need|ready) to pay|pay (?:now|for (?:it|this|that|them|"
    r"everything|my \w+))|finish (?:my|the) (?:order|purchase)|buy everything|order everything|"
    r"(?:proceed|go|continue) to (?:the )?payment|finali[sz]e|buy now|purchase now|let us pay|"
    r"(?:confirm|submit|send|finish) (?:my|the) order|(?:payment|checkout) link|link (?:to|for) "
    r"(?:pay|payment|my order)|to the (?:checkout|check out))\b|"
    r"\b(?:can|could|may|shall|do) i pay(?: here| for (?!shipping|delivery)\w+)?$|\bi want to "
    r"pay\b|"
    r"\b(?:want to|would like to|time to|let us|can i|may i|could i) order(?: now| please)?$|"
    r"\b(?:finish|submit|confirm|send) this order\b"
)
POLICY = re.compile(
    r"\b(?:return policy|returns|refunds?|shipping|ship|deliver|delivers|delivery|delivered|"
    r"warranty|guarantee|exchange|money back|free returns|payment (?:methods?|options?)|pay with|"
    r"credit cards?|accept (?:visa|cards?|cash|paypal)|paypal|visa|discounts?|coupons?|"
    r"promo(?:tion)?s?|gift cards?|store credit|(?:special )?offers (?:today|now)|special offers?|"
    r"(?:a|any) sales?$|sale on|apple pay|google pay|american express|debit cards?|pay by|"
    r"(?:which|what) cards|forms of payment|(?:send|bring) (?:\S+ )?back|does not fit|"
    r"(?:phone number|e ?mail|address)|contact (?:you|us|support|customer)|"
    r"(?:opening|store|business|working) hours|open (?:today|now|on|until)|"
    r"customer service|real person|human|representative|speak to (?:someone|somebody|an?)|"
    r"talk to (?:someone|somebody|an?)|how long (?:does|will|would|do) (?:it|the|they|"
    r"that|my order|an order).*(?:take|arrive)|how many days (?:does|will|until)|when (?:will|"
    r"would|does|do) (?:it|they|my order).*(?:arrive|come|"
    r"get here)|where is my order|track (?:my|an) (?:order|package)|(?:can|may|could|how do|"
    r"do) i (?:\S+ ){0,2}(?:return|send (?:it|them) back)|physical store|where are you (?:located|"
    r"based)|tax|taxes|privacy|sale going)\b"
)
POLICY_TOPICS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (topic, re.compile(rf"\b(?:{pattern})\b"))
    for topic, pattern in (
        ("returns", r"returns?|returned|refunds?|exchanges?|money back|send (?:it|them) back"),
        ("warranty", r"warranty|guarantees?"),
        ("payment", r"pay|paying|payments?|credit|cards?|cash|paypal|visa"),
        ("discounts", r"discounts?|coupons?|promo(?:tion)?s?|sale"),
        ("taxes", r"tax|taxes"),
        ("privacy", r"privacy"),
        ("hours", r"hours|open"),
        ("contact", r"service|person|human|representative|speak|talk|located|based|physical"),
        ("shipping", r"ship|ships|shipping|deliver\w*|arrive|come|get here|track|order|take"),
    )
)
"""What a policy question is about, the surest first: one word, as `Policy.topic` has it."""

_BETTER = (
    r"(?:better|best|cheaper|pricier|heavie(?:r|st)|"
    r"(?:warm|light|strong|bigg|larg|small|long|soft|fast|nic|thick|thinn|tough)(?:er|est)|"
    r"(?:more|less) (?!than\b)\w+)"
)
COMPARE = re.compile(
    r"\b(?:(?:compare|compares|compared|comparing|comparison|differences?|differs?|versus|vs|"
    r"side by side|different from|how (?:are|is) (?:\S+ ){1,3}different)\b|"
    rf"which(?: (?:one|1|one of them|of (?:them|those|these|the (?:\w+ ){{0,3}}\w+)|\w+))?(?: "
    rf"(?:is|are|has|"
    rf"would be|will be|do you think is|keeps? \w+|costs?)) (?:the )?{_BETTER}\b|"
    r"which(?: (?:one|of (?:them|those|these|the \w+)))? (?:should|would|do) (?:i|you) "
    r"(?:get|take|buy|choose|pick|recommend|suggest|prefer|go (?:for|with))|"
    rf"(?:is|are) (?!there\b)(?:\S+ ){{1,8}}{_BETTER} than (?!\d+ dollars)\w|"
    rf"(?:\S+ or (?:\S+ ){{1,5}}which(?: one)?|what|which) is {_BETTER}\b)"
    r"|\bwhich (?:costs|cost) (?:more|less)\b|\bshould i (?:get|take|buy|choose|pick) (?:\S+ )+or\b"
)
TWO_THINGS = re.compile(r"\b(?:and|or|than|with|to|versus|vs|between)\b")
"""One thing and another."""

ADD = re.compile(
    rf"^(?:(?:i|you|we) )?(?:(?:can|could|would|will|would like|want|like|please|to|you|go|ahead|"
    rf"and|now|let us|just) )*(?:add|throw in|put)\b|\b(?:add|put|throw|place) .*\b(?:to|in|"
    rf"into) (?:my|the|a) {CART}\b|^(?!.*\b(?:go|back|take me|show me|bring me) (?:to|into)\b).*"
    rf"\b(?:to|into) my {CART}$|\badd (?:it|that|this|them|those|"
    rf"one|the|another)\b"
)
TAKE = re.compile(
    r"\b(?:(?:can|could|may) i (?:have|take|order)|i will (?:take|have|get|buy|go (?:with|for))|i "
    r"would (?:like to )?(?:take|have|get|buy|order|"
    r"go with)|let me (?:have|take|get)|(?:want|like|going|need|love) to (?:buy|order|purchase|"
    r"get|take)|buy|purchase|(?:give|get) me(?! (?:the |some |more |all )*(?:details?|info|"
    r"information|more)\b)|i take|(?:i want|i would like)(?! (?:you )?to (?:know|hear|see|learn|"
    r"compare|check)\b)|order|go with|we will take|"
    r"take)\b"
)
STOCK = re.compile(
    r"\b(?:in stock|out of stock|sold out|still available|available|availability|any left|"
    r"how many (?:are |do you have |have you got |of (?:them|those|these) |is )?(?:left|there|"
    r"do you have|in stock)?|(?:do|does|would|will|can) (?:it|that|this|they|those|these|"
    r"the \S+ one) (?:\S+ ){0,2}come|comes? in|(?:what|which) (?:sizes?|colou?rs?)|"
    r"(?:other|another|different|bigger|smaller) (?:sizes?|colou?rs?)|(?:have|got|get|carry|stock|"
    r"sell) (?:it|that|this|them|those|"
    r"these|that one|this one|the (?:first|second|third|fourth|last)(?: one)?)(?: \S+)*? in|(?:is|"
    r"are) (?:it|that|this|they|those|these|there|the \S+ one|the \S+)(?: (?:one|also|"
    r"still))*(?: available)? in)\b"
)
HAVE_SIZE = re.compile(r"\b(?:do you|have you|got|there|can (?:i|you) get|is|are|any)\b")
PRICE = re.compile(
    r"\b(?:how much|what (?:is|are|was) (?:the|its|their) (?:price|cost)|what (?:does|do|would|"
    r"will) .*\bcosts?|what is the damage|price (?:of|for|on)|cost of|costs?|how expensive|"
    r"the price|what (?:is|are) .* price|price)\b"
)
DETAILS = re.compile(
    r"\b(?:tell me (?:more|about|something)|tell more|more about|more (?:details?|info|"
    r"information)|details?|describe|description|information|info|what (?:is|are) (?:it|that|this|"
    r"they|those|the \S+ one|that one)(?: (?:made (?:of|from)|like))?|made (?:of|from)|"
    r"made out of|features?|specs|specifications?|hear (?:more|about)|learn more|know (?:more|"
    r"about)|read (?:me )?(?:more|about)|is (?:it|this|that) (?:waterproof|warm|good|comfortable|"
    r"light|heavy|soft|any good|suitable)|what about|how about|show me|show|see|look at|"
    r"let us see|check out|open|pick|the)\b"
)
SEARCH = re.compile(
    r"\b(?:show|find|search|searching|look|looking|need|want|browse|shopping for|shop|recommend|"
    r"recommendation|recommendations|suggest|suggestion|do you (?:have|sell|carry|stock|got|"
    r"offer)|have you (?:got|any)|got any|any|like|give me|get me|see|what (?:kinds?|sorts?|"
    r"types?|other|else|\S+)? ?.*\b(?:have|sell|carry|got|offer)|what about|how about|instead|"
    r"is there|are there|where (?:are|can i find)|buy|get|prefer|options|something|anything|"
    r"i am after|try|after|bring up|pull up|gift|present|only|just)\b"
)
MORE = re.compile(
    r"\b(?:show (?:me )?more(?: (?:of (?:them|those|these)|options?|choices|results?|please))?$|"
    r"what else(?: (?:do you have|have you got|is there|you got))?$|any (?:others?|"
    r"more)(?: (?:ones?|options?))?$|(?:more|other|different) (?:options|choices|results|ones)|"
    r"next (?:page|ones|three|few|3)|(?:show|see|give|hear|have)(?: me)?(?: the)? (?:rest|others|"
    r"next|next ones|something else|more|another one)$|^more$|^others$|^next$|anything else$|"
    r"keep going|(?:go on|continue|yes go on)$)"
)
OUT_OF_DOMAIN = re.compile(
    r"\b(?:(?:the|is) weather|weather (?:like|today|tomorrow|forecast)|"
    r"joke|news|president|capital of|sing|song|story|poem|recipe|football|score|"
    r"movie|what time|time is it|date today|meaning of life|homework|translate|"
    r"play (?:some )?music|your name|how old are you|are you (?:a )?(?:human|robot|real)|politics|"
    r"stock market|horoscope)\b"
)

TITLED = re.compile(r"\bthe \w+ \w+")
"""The definite article before two words or more: a title, rather than a kind of thing."""

ABOUT = re.compile(
    r"\b(?:tell me (?:more )?about|more about|describe|details? (?:of|on|about|for)|"
    r"information (?:on|about)|hear about|know about)\b"
)
IT = re.compile(r"\bit\b")
ABOUT_IT = re.compile(
    r"\b(?:tell me (?:more|about (?:it|that|this))|more about (?:it|that|this)|"
    r"more (?:details?|info|information)|details?|describe (?:it|that|this)|"
    r"what (?:is|are) (?:it|that|this|they)\b|is (?:it|this|that)(?: one)? \S+|made (?:of|from)|"
    r"(?:know|hear) more|explain (?:it|that|this)|what (?:material|fabric|brand)|features)\b"
)
OPEN_QUESTION = re.compile(
    r"\b(?:what do you (?:have|sell)|what you have|products|something|anything|browse|shopping|"
    r"recommend|suggest|categories|gifts?|presents?|just looking|looking around)\b"
)
