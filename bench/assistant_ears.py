"""What the assistant's likely sentences are worth to the offline ears.

    .venv/bin/python bench/assistant_ears.py     a minute of CPU

Questions to an assistant and sentences of any other talk, none of them among the likely ones, are
spoken by two voices of espeak-ng and heard by `pocketsphinx:`, with the likely sentences and with
the general model alone. Prints one JSON object a line: the part of the words that were heard wrong,
and the part of the sentences in which the same was wanted as in the written words.
"""

from __future__ import annotations

import asyncio
import json

from ears import FOLDER, Phrase, hear_all, speak_all
from greenroom.agents.assistant.intents import recognise
from greenroom.agents.assistant.phrases import likely_sentences
from greenroom.speech.numbers import to_digits
from greenroom.speech.pocketsphinx import PocketsphinxTranscriber
from greenroom.speech.ports import ProviderContext

VOICES = ("Craig", "Olivia")
QUESTIONS = """
    what time does the shop open tomorrow morning
    do you have any rooms for the weekend
    can you give me the number of the manager
    how much do i have to pay for two people
    is breakfast included in the price
    i would like to change the date of my appointment
    what happens if i come late
    where can i leave my car
    do i need to bring my passport
    can you send me the bill again
"""
OTHER_TALK = """
    the weather was terrible last weekend
    i am planning a trip to the mountains with my family
    my computer makes a strange noise when i start it
    we moved to a new house in the spring
    i think the government should build more schools
    she told me the meeting was at nine
    my daughter wants to study music in london
    i was walking through the park when it began to rain
    the doctor said that i should drink more water
    the train was late again this morning
"""


def phrases(text: str) -> list[Phrase]:
    return [Phrase(line.strip(), "fresh", "", {}, False) for line in text.strip().splitlines()]


async def main() -> None:
    likely = likely_sentences()
    sets = {"questions": phrases(QUESTIONS), "other_talk": phrases(OTHER_TALK)}
    assert not {each.say for said in sets.values() for each in said} & set(likely)
    spoken = await speak_all([each for said in sets.values() for each in said], VOICES)
    for model, vocabulary in (("general", ()), ("assistant", likely)):
        context = ProviderContext(FOLDER / f"assistant-{model}", 1, vocabulary)
        ears = PocketsphinxTranscriber("pocketsphinx:", context)
        await ears.warm_up()
        try:
            for name, said in sets.items():
                heard = await hear_all(ears, said, spoken, VOICES)
                same = [
                    recognise(each.transcript.text).intent
                    == recognise(to_digits(each.phrase.say)).intent
                    for each in heard
                ]
                wrong, words = sum(h.wrong_words for h in heard), sum(h.words for h in heard)
                print(json.dumps({
                    "bench": "assistant_ears", "model": model, "set": name,
                    "utterances": len(heard), "word_error_rate": round(wrong / words, 4),
                    "same_wish": round(sum(same) / len(same), 4),
                }), flush=True)  # fmt: skip
        finally:
            await ears.close()


if __name__ == "__main__":
    asyncio.run(main())
