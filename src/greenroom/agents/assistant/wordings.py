"""The assistant's own sentences where it works by rules, several for each occasion."""

from __future__ import annotations

from greenroom.agents.assistant.remarks import Intent

SIMPLE: dict[Intent, tuple[str, ...]] = {
    "greeting": (
        "Hello! What can I do for you?",
        "Hi there! How can I help?",
        "Hello! What would you like to know?",
    ),
    "how_are_you": (
        "I'm well, thank you. What can I do for you?",
        "All is well here, thanks for asking. How can I help?",
    ),
    "thanks": (
        "You're welcome. Is there anything else?",
        "My pleasure. What else can I do?",
        "You're welcome.",
    ),
    "goodbye": (
        "Goodbye, and have a good day!",
        "Thank you for talking with me. Goodbye!",
        "Goodbye! Take care.",
    ),
    "stop": ("All right.", "No problem, let's leave it.", "Okay. Tell me when you need something."),
    "wait": ("Take your time.", "Of course, I'll wait.", "No hurry."),
    "hear": ("Yes, I can hear you.", "I'm here, and I can hear you.", "Yes, I'm listening."),
    "help": (
        "Of course. What is it about?",
        "Gladly. What would you like to know?",
        "Sure, go ahead.",
    ),
    "praise": ("Thank you!", "That's kind of you.", "I'm glad."),
    "wrong": (
        (
            "I'm sorry. I go by simple rules here, without a language model. Could you put it "
            "another way?"
        ),
        "I'm sorry that I got that wrong. Please try it in other words.",
        "Sorry about that. A short question works best with me.",
    ),
    "affirm": ("Good. What can I do for you?", "All right. Go ahead.", "Okay, I'm listening."),
    "deny": (
        "All right. I'm here if you need anything.",
        "Okay. Just speak when there is something.",
    ),
    "instructions": (
        "I'm sorry, how I'm set up stays with those who run me. You can ask me anything else.",
        "That I keep to myself, sorry. What else would you like to know?",
        "I can't talk about that or change it, I'm afraid. How else can I help?",
    ),
    "unclear": (
        "I'm sorry, I didn't catch that.",
        "I didn't quite get that. Could you say it again?",
        "Sorry, could you repeat that?",
    ),
}
"""What is said to a remark that needs nothing looked up."""

ROBOT = (
    "I'm a computer program, not a person.",
    "You're talking to a machine: I'm an automated assistant.",
)
NO_PERSON = (
    "I'm sorry, I can't connect you with a person: I'm an automated assistant.",
    "I can't put you through to anybody, I'm afraid. I'm a program on my own here.",
)
UNKNOWN = (
    "I'm sorry, I can't answer that: I have no language model here, only what I was told. {offer}",
    "I can't answer that one either, I'm sorry.",
    "I don't know that. I work without a language model, so I only know what I was given. {offer}",
    "I have nothing on that, I'm afraid.",
    "That is more than I can answer without a language model, I'm sorry. {offer}",
    "That I don't know, sorry.",
)
PERHAPS = (
    "I'm not sure that this answers it, but I was told this:",
    "This is what I have that comes closest:",
    "Perhaps this helps:",
)
ONCE_MORE = ("Once more:", "As I said:", "I'll say it again:")
REPEAT = ("I said:", "Of course.", "Again:")
SLOWER = (
    "I can't change how fast I speak, but I can say it again.",
    "My speed is fixed, I'm sorry. Here it is again.",
)
LOUDER = (
    "I can't change how loud I am; the volume on your side can. I said:",
    "My volume is fixed, I'm sorry: please turn it up on your side. Again:",
)
QUIETER = (
    "I can't change how loud I am. Please turn the volume down on your side.",
    "My volume is fixed, I'm sorry. You can turn it down on your side.",
)
NOTHING_SAID = ("I haven't said anything yet.", "There is nothing yet that I could repeat.")
TOLD = (
    (
        "Thank you for telling me. Without a language model I can't do more with that than keep "
        "it as "
        "a note. Shall I?"
    ),
    "I hear you, but I go by simple rules here. I can keep that as a note. Shall I?",
    "All right. I can't act on that by myself. Shall I keep it as a note?",
)
NOTED = ("I've noted that.", "All right, I'll remember that.", "I've kept a note of it.")
NO_NOTES = ("I have no notes yet.", "You haven't asked me to remember anything yet.")
MET = ("Nice to meet you, {name}.", "Hello {name}, good to meet you.", "Thank you, {name}.")
NAME_UNKNOWN = (
    "You haven't told me your name yet.",
    "I don't know your name. You can tell me, if you like.",
)
NAME = ("You're {name}.", "Your name is {name}.")
WHO = ("I'm {who}.", "You're talking with {who}.")
NOBODY = (
    "I'm an automated assistant. I haven't been given a name.",
    "I have no name. I'm the assistant here, a computer program.",
)
TIME = ("It's {time} by my clock.", "My clock says {time}.")
DATE = ("Today is {weekday}, {date}.", "It's {weekday}, {date}.")
OFFER = "You can ask me about {topics}."
NO_OFFER = "I can tell you the time and the date, work out a sum, or keep a note for you."
LANGUAGE = (
    "I speak English only here.",
    "Only English, I'm sorry: I have no language model here that knows more.",
)
