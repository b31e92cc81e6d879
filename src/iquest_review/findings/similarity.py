"""Whether two texts say the same: models repeat a remark in other words, with other numbers, or as another category."""

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

from iquest_review.text import JOINER

# The share of the shorter text's words that the other text has as well. None of 62 pairs of findings on the same lines
# (aacr-bench) reaches it; two pairs share half of their words and say different things. To lose a finding is worse
# than to show it twice.
MIN_COMMON_WORD_RATIO = 0.6
# Enough where nothing can be lost: both are one remark of the same category, for people who look at that line anyway.
MIN_RELATED_WORD_RATIO = 0.45
MIN_WORDS = 4  # shorter texts have too few words to compare by their share: they must be equal
# The share of all words of both texts: above it only a name or a number differs.
MIN_SAME_SENTENCE_RATIO = 0.9

_HAN = r"[\u3040-\u30ff\u3400-\u9fff]"  # written without spaces between words: each character counts as a word
_WORD = re.compile(rf"{_HAN}|[0-9]+|(?!{_HAN})[^\W\d_](?:(?!{_HAN})\w){{2,}}")
_STOP_WORDS = frozenset(
    "the this that and for with are was not can may will has have when which its from into but".split()
)
_TOKEN = re.compile(r"`[^`]*`|'[^'\s]{1,80}'|\"[^\"\s]{1,80}\"|\w+(?:[.:]+\w+)*(?:\(\))?")
_IN_NAMES = re.compile(r"[`'\"\d_.:(]")


def is_similar_text(text: str, other: str) -> bool:
    """Return whether two texts about the same place say about the same."""
    return _has_common_words(text, other, MIN_COMMON_WORD_RATIO)


def is_covered_text(text: str, other: str) -> bool:
    """Return whether a text says about what another one says, and little more."""
    words = extract_words(text)
    covered = len(words & extract_words(other)) >= MIN_COMMON_WORD_RATIO * len(words)
    return covered and is_similar_text(text, other)


def is_related_text(text: str, other: str) -> bool:
    """Return whether two texts about the same place, and of the same category, are probably about the same."""
    return _has_common_words(text, other, MIN_RELATED_WORD_RATIO)


class Sentence(NamedTuple):
    """A text without quotes, numbers, and names that only code has, and its words that carry a meaning."""

    text: str
    words: frozenset[str]

    def is_same(self, other: "Sentence") -> bool:
        """Return whether the two are one sentence."""
        if min(len(self.words), len(other.words)) < MIN_WORDS:
            return _is_equal_text(self.text, other.text)
        return len(self.words & other.words) >= MIN_SAME_SENTENCE_RATIO * len(self.words | other.words)

    def list_keys(self, counts: Mapping[str, int]) -> list[str]:
        """Return keys of which two that are one sentence have one in common: its rarest words.

        So many words of two equal sets are common that not all of the rarest can differ. `counts` says how often each
        word occurs, and is the same for all sentences.
        """
        if len(self.words) < MIN_WORDS:
            return [" ".join(_list_plain_words(self.text))]
        needed = math.ceil(MIN_SAME_SENTENCE_RATIO * len(self.words))
        return sorted(self.words, key=lambda word: (counts[word], word))[: len(self.words) - needed + 1]


@lru_cache(4_096)  # each text is compared with many others
def read_sentence(text: str) -> Sentence:
    """Return what of a text is the same at different places."""
    plain = _TOKEN.sub(lambda token: " " if _IN_NAMES.search(token[0]) else token[0], text)
    return Sentence(plain, extract_words(plain))


def is_same_sentence(text: str, other: str) -> bool:
    """Return whether two texts about different places are one sentence, but for the names and numbers in it."""
    return read_sentence(text).is_same(read_sentence(other))


def _has_common_words(text: str, other: str, ratio: float) -> bool:
    first, second = extract_words(text), extract_words(other)
    fewer = min(len(first), len(second))
    if fewer < MIN_WORDS:
        return _is_equal_text(text, other)
    return len(first & second) >= ratio * fewer


def _is_equal_text(text: str, other: str) -> bool:
    words = _list_plain_words(text)
    return bool(words) and words == _list_plain_words(other)


def _list_plain_words(text: str) -> list[str]:
    return text.replace(JOINER, "").lower().split()


@lru_cache(4_096)  # each text is compared with many others
def extract_words(text: str) -> frozenset[str]:
    """Return the words of a text that carry a meaning, in small letters."""
    return frozenset(_WORD.findall(text.replace(JOINER, "").lower())) - _STOP_WORDS
