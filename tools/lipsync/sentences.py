"""Things to say: English sentences from a small grammar, and words that no language has.

The made-up words are spelled in syllables that most languages' voices can read, so that each of
them speaks with its own sounds.
"""

from __future__ import annotations

import random

_WHO = """
my brother|the old farmer|every pupil|Thelma|a brave fireman|our neighbour|the chef|Joyce|nobody
the shy poet|his uncle|the judge|Barbara|five musicians|the whole village|somebody upstairs|Victor
the boy from the harbour|both nurses|a huge brown bear|the pilot|my favourite aunt|Phoebe|you
the young vet|we all|a clever fox|their boss|the woman with the blue umbrella|George|most people
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
_DOES = """
will bring|bought|remembers|would rather have|threw away|has always loved|cannot find|paints
is looking for|measured|borrowed|should fetch|never saw|hopes to buy|washed|gave me|chose|shook
wove|pushed over|might move|forgot|mentioned|keeps|is about to open|pulled out|described|bakes
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
_WHAT = """
a bowl of warm soup|three purple balloons|the map of the valley|some fresh fish|a yellow raincoat
my old violin|the beautiful garden|a pair of thick gloves|half of the apple pie|the wooden bridge
a jar of honey|the loose wheel|both of the photographs|the treasure|a cup of black coffee
the morning paper|an empty cupboard|a huge pumpkin|the television|five smooth pebbles|the broom
a bag of oranges|the very first chapter|a puppet show|the mirror|a shiny new toy|good advice
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
_WHEN = """
before breakfast|on the beach|with a smile|in the middle of February|after the movie|for you and me
at half past five|because of the weather|without any trouble|near the power station|by the river
under the kitchen table|every other Thursday|as usual|from the top of the hill|behind the church
while the moon was full|if that is all right|in the usual way|when the phone rings|up above us
""".replace("\n", "|").strip("|").split("|")  # fmt: skip
_ASIDES = """
Oh, really?|Hmm, maybe.|Well, of course!|Thank you very much.|Why not?|How wonderful!|Oops.|Yes.
Good morning!|I don't think so.|Bye-bye, baby.|Wait a moment, please.|Who knows?|Hooray!|Mum, look!
""".replace("\n", "|").strip("|").split("|")  # fmt: skip

_ONSETS = """
p|b|m|f|v|t|d|k|g|s|z|n|l|r|sh|ch|j|w|y|h|pr|bl|fl|tr|gr|st|sp|sm|kl|th
""".strip().split("|")  # fmt: skip
_NUCLEI = (*"aeiouaeiou", "ai", "au", "oi", "ou", "ei")
_CODAS = ("", "", "", "", "", *"nmlstpkfr")

UNHEARD = (
    "Peter packed a small bag and moved to Bombay in the summer.",
    "The wolf blew and puffed, but the brick house would not fall over.",
    "Which flavour of ice cream do you want, vanilla or mango?",
    "I have booked a table for two at the Thai place on the corner.",
    "Our office opens at seven, and the phones are busy until noon.",
    "Please type in your full name and the number on the back of the card.",
    "A thousand thanks for both of the marvellous maps!",
    "She judged the fresh peach jam to be far too sweet.",
    "Few people ever make it to the top of that frozen mountain.",
    "Could we move the meeting to Wednesday, or would Monday be better?",
    "Pop music from above filled the empty room with a humming beat.",
    "The cruise ship goes through a narrow canal at dawn.",
    "My mum baked blueberry muffins for the boys' football team.",
    "You owe me an apology, and a new pair of shoes.",
    "Every vehicle over forty years old must be checked twice.",
    "Watch the yolk: it should be soft, warm and a little bit runny.",
)
"""Sentences that nothing is trained on."""


def english(choose: random.Random) -> str:
    """One or two sentences."""
    parts = [f"{choose.choice(_WHO)} {choose.choice(_DOES)} {choose.choice(_WHAT)}"]
    if choose.random() < 0.6:
        parts.append(choose.choice(_WHEN))
    sentence = " ".join(parts)
    sentence = sentence[0].upper() + sentence[1:] + choose.choice(".....?!")
    return f"{choose.choice(_ASIDES)} {sentence}" if choose.random() < 0.3 else sentence


def babble(choose: random.Random) -> str:
    """Four to eight made-up words, with a comma now and then."""
    words = []
    for _ in range(choose.randint(4, 8)):
        word = "".join(
            choose.choice(_ONSETS) + choose.choice(_NUCLEI) for _ in range(choose.randint(1, 3))
        )
        words.append(word + choose.choice(_CODAS) + choose.choice(["", "", "", "", ","]))
    return " ".join(words).rstrip(",") + "."
