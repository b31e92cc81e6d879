"""The notes' own words: which language they are written in, and how they count."""

from iquest_review.note.vocabulary import Words
from iquest_review.note.words_en import ENGLISH
from iquest_review.note.words_zh import CHINESE

__all__ = ["CHINESE", "ENGLISH", "Words", "choose_plural", "format_number", "format_plural", "select_words"]


def select_words(language: str) -> Words:
    """Return the words of a language: Chinese for any `zh`, else English."""
    return CHINESE if language.lower().startswith("zh") else ENGLISH


def choose_plural(forms: str, count: int) -> str:
    """Return the form of `singular|plural` that fits a count; the text itself where it has one form only."""
    singular, _, plural = forms.partition("|")
    return plural if plural and count != 1 else singular


def format_plural(forms: str, count: int) -> str:
    """Return the form of `singular|plural` that fits a count, with the count in it."""
    return choose_plural(forms, count).format(count=format_number(count))


def format_number(number: int) -> str:
    """Return a number with its thousands separated by commas."""
    return f"{number:,}"
