"""Sentences that people say to an assistant on whatever subject, for ears to lean towards.

All talks of a server share their ears, so nothing of any one prompt is in them. They take the wrong
words of questions that are not among them from 58 to 40 in a hundred, and do no harm to other talk:
there it is 61 instead of 67 (`bench/assistant_ears.py`, two voices of espeak-ng).
"""

from __future__ import annotations

import re

from greenroom.commerce.wordings import expand

_WORDINGS = """
    (what are|tell me) your (opening hours|business hours|prices)
    when (are|do) you (open|close)
    are you open (today|tomorrow|now|on saturday|on sunday|on the weekend)
    what time do you (open|close) (today|tomorrow|on monday|on friday|)
    where (are you|is your office|is your store) (located|)
    what's (your|the) (address|phone number|email address|price|deadline)
    how do i (get there|find you|contact you|reach you|pay|cancel|sign up|return it|use it)
    how (can|do) i (get a refund|make an appointment|change my order|cancel my order|get help)
    how much (is it|does it cost|is that|are they|do you charge|is the delivery)
    how long does (it|that|delivery|shipping) take
    how does (it|that|this) work
    is (it|there|that) (free|included|a fee|a discount|a guarantee|parking|still available)
    do you (deliver|ship|take credit cards|have parking|accept cash|offer discounts|have wifi)
    can i (return it|pay by card|pay in cash|cancel it|bring my children|bring my dog|come today)
    (i'd like to|i want to|can i) (book an appointment|make a reservation|speak to someone|cancel)
    (can|could) i (talk|speak) to a (person|human|manager|real person)
    what (do you sell|services do you offer|can i do|products do you have|should i do)
    (who is the owner|who owns the company|who are you with|who do you work for)
    (what company is this|who am i talking to|are you a robot|are you a computer)
    (i have|i've got) (a question|a problem|an appointment|a reservation|a complaint)
    (it doesn't work|it's broken|it stopped working|i need help with my account|my order is late)
    where is my (order|package|money)
    my name is
    (what's my name|do you know my name|do you remember my name)
    (please remember|remember|note) that (i|my|we)
    what did i tell you to remember
    what (day is it|is the date) today
    how do you spell (that|it)
    what is (two plus two|ten times five|twenty minus seven|a hundred divided by four)
    what is (three|six|eight|nine|eleven) times (four|seven|twelve)
    (can you|could you) (tell me|explain) (more|more about that|what that means|how that works)
    (tell me about|what do you know about) (the company|your products|your services|yourself)
    (that's all i need|that answers my question|that helps a lot|that's not what i asked)
"""


def likely_sentences() -> tuple[str, ...]:
    """Lower case, words only, no repetition, always in the same order."""
    patterns = re.split(r"\s*\n\s*", _WORDINGS.strip())
    return tuple(dict.fromkeys(said for pattern in patterns for said in expand(pattern)))
