"""Sentences of a small grammar over words with a long tail: what does a model forget that learns from itself?

    sentence = phrase verb phrase
    phrase = determiner [adjective] noun [preposition determiner [adjective] noun]

Words of a class follow Zipf's law: the r-th has probability proportional to r ** -zipf.
"""

from __future__ import annotations

import bisect
import itertools
import math
import random
from collections.abc import Iterator, Sequence

from engine.errors import UserError
from engine.language.task import Demonstration, Prompt, Split, Task, VerifyResult, split_of, text_flags
from games.text import option

ADJECTIVE, PLACE = 0.3, 0.2
"""Probability that a phrase has an adjective before a noun, and that it says where."""

SHARES = {"adjective": 0.15, "noun": 0.5, "verb": 0.35}
"""Of the words beyond the few that every sentence is held together by."""

DETERMINERS, PREPOSITIONS = 4, 6

MAX_WORDS = 13
"""Of a sentence: two phrases of six and a verb."""


class Grammar(Task):
    """A language to learn by heart: every problem is the same prompt, and every sentence is a draw.

    `verify` says whether a sentence is of the grammar, not whether it is of use. Modes are words; `shares`
    has the probability of each. A problem is the number of a sentence, which decides its split.

    Args:
        words: 100 to 3000.
        sentences: 100 to 1,000,000.
        zipf: 0 to 3.
    """

    inline = True
    step_end = " "
    max_step_tokens = 5

    def __init__(self, words: int = 2000, sentences: int = 20_000, zipf: float = 1.0) -> None:
        self.num_words = option.whole("words", words, 100, 3000)
        self.num_sentences = option.whole("sentences", sentences, 100, 1_000_000)
        if isinstance(zipf, bool) or not isinstance(zipf, int | float) or not 0 <= zipf <= 3:
            raise UserError(f"zipf is {zipf!r}; give a number from 0 to 3")
        self.name = option.spec(
            "grammar",
            words=(words, 2000),
            sentences=(sentences, 20_000),
            zipf=(zipf, 1.0),
        )
        self.classes = _classes(self.num_words)
        self.class_of = {word: kind for kind, words_of in self.classes.items() for word in words_of}
        weights = {
            kind: [rank**-zipf for rank in range(1, len(found) + 1)] for kind, found in self.classes.items()
        }
        self._cumulative = {kind: list(itertools.accumulate(row)) for kind, row in weights.items()}
        self.log_share = {
            word: math.log(weight / self._cumulative[kind][-1])
            for kind, row in weights.items()
            for word, weight in zip(self.classes[kind], row, strict=True)
        }
        """ln of a word's probability within its class."""
        self.alphabet = "\n >abcdefghijklmnopqrstuvwxyz"
        self.max_tokens = MAX_WORDS * self.max_step_tokens + 1

    def prompts(self, split: Split, count: int, seed: int) -> list[Prompt]:
        """Numbers of sentences; the text is the same."""
        return [self._prompt(number) for number in itertools.islice(self._numbers(split, seed), count)]

    def demonstrations(self, count: int, seed: int) -> list[Demonstration]:
        """Sentences of the training split."""
        return self.held_out("train", count, seed)

    def held_out(self, split: Split, count: int, seed: int) -> list[Demonstration]:
        """Sentences of a split."""
        return [
            Demonstration(self._prompt(number), self.sentence(number))
            for number in itertools.islice(self._numbers(split, seed), count)
        ]

    def verify(self, prompt: Prompt, completion: str) -> VerifyResult:
        """Whether it is a sentence, by reading its words once."""
        del prompt
        flags = text_flags(completion, self.step_end, MAX_WORDS * self.max_step_tokens)
        # Words such as determiners come again in any sentence.
        flags = tuple(flag for flag in flags if flag != "loop")
        if self.logprob(completion) == -math.inf:
            return VerifyResult(0.0, reason="no sentence of the grammar", flags=flags)
        return VerifyResult(1.0, completion, flags=flags)

    def modes(self, prompt: Prompt, completion: str) -> list[str]:
        """Its words that are words of the language."""
        del prompt
        return [word for word in completion[: self.max_tokens].split(" ") if word in self.class_of]

    def logprob(self, completion: str) -> float:
        """ln of the probability of a sentence, -inf for what is none."""
        if len(completion) > MAX_WORDS * self.max_step_tokens or not completion.endswith(" "):
            return -math.inf
        words = completion[:-1].split(" ")
        kinds = "".join(self.class_of.get(word, "?")[0] for word in words)
        first, verb, second = kinds.partition("v")
        if not verb or first not in _PHRASES or second not in _PHRASES:
            return -math.inf
        shares = sum(self.log_share[word] for word in words)
        return shares + math.log(_PHRASES[first]) + math.log(_PHRASES[second])

    def shares(self) -> dict[str, float]:
        """By word: the expected part of all words that it is."""
        phrases = {
            kind: sum(p * form.count(kind[0]) for form, p in _PHRASES.items()) for kind in self.classes
        }
        counts = {kind: 2 * number + (kind == "verb") for kind, number in phrases.items()}
        total = sum(counts.values())
        return {
            word: counts[self.class_of[word]] / total * math.exp(log) for word, log in self.log_share.items()
        }

    def sentence(self, number: int) -> str:
        """The sentence of a number, each word with a space behind it."""
        source = random.Random(f"sentence {number}")
        kinds = [*self._phrase(source), "verb", *self._phrase(source)]
        return "".join(self._word(kind, source) + " " for kind in kinds)

    def is_complete(self, prompt: Prompt, completion: str) -> bool:
        """At the most words."""
        del prompt
        return completion.count(" ") >= MAX_WORDS

    def variations(self, prompts: Sequence[Prompt], seed: int) -> list[Prompt]:
        """Other sentences of the same splits."""
        given = {prompt.id for prompt in prompts}
        others = {split: self._numbers(split, seed + 1) for split in ("train", "validation", "test")}
        found: list[Prompt] = []
        for prompt in prompts:
            fresh = (self._prompt(number) for number in others[split_of(prompt.key)])
            found += itertools.islice((other for other in fresh if other.id not in given), 1)
        return found

    def _prompt(self, number: int) -> Prompt:
        return Prompt(id=f"grammar {number}", text=">", key=f"sentence {number}")

    def _numbers(self, split: Split, seed: int) -> Iterator[int]:
        order = list(range(self.num_sentences))
        random.Random(f"grammar {seed}").shuffle(order)
        return (number for number in order if split_of(f"sentence {number}") == split)

    def _phrase(self, source: random.Random) -> list[str]:
        def named() -> list[str]:
            return ["determiner", *(["adjective"] if source.random() < ADJECTIVE else []), "noun"]

        return named() + (["preposition", *named()] if source.random() < PLACE else [])

    def _word(self, kind: str, source: random.Random) -> str:
        row = self._cumulative[kind]
        return self.classes[kind][bisect.bisect_right(row, source.random() * row[-1], hi=len(row) - 1)]


def _phrase_forms() -> dict[str, float]:
    """Probability of each phrase, by the first letters of its classes."""
    named = {"dn": 1 - ADJECTIVE, "dan": ADJECTIVE}
    alone = {form: p * (1 - PLACE) for form, p in named.items()}
    placed = {f"{a}p{b}": named[a] * PLACE * named[b] for a in named for b in named}
    return alone | placed


_PHRASES = _phrase_forms()


def _classes(num_words: int) -> dict[str, list[str]]:
    """Words by class, the most frequent first: one syllable for determiners and prepositions, else two."""
    syllables = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
    source = random.Random("words")
    source.shuffle(syllables)
    longer = ["".join(pair) for pair in itertools.product(syllables, repeat=2)]
    source.shuffle(longer)
    few = DETERMINERS + PREPOSITIONS
    result = {"determiner": syllables[:DETERMINERS], "preposition": syllables[DETERMINERS:few]}
    rest = iter(longer[: num_words - few])
    left = num_words - few
    for kind, share in SHARES.items():
        size = round(share * (num_words - few)) if kind != "verb" else left
        result[kind] = list(itertools.islice(rest, size))
        left -= size
    return result
