r"""Words that look Latin but contain letters of other alphabets: a name that is not the one a reader sees.

Escapes, conversions and markup are taken off first: `\n` and the word behind it are two things, though only letters
stand between them. Not found are words of one alphabet alone, and words in which nobody takes one alphabet for another:
a Latin abbreviation with an ending (`USBшный`), a word in camel case (`URIПространстваИмен`), a unit (`kΩ`).
"""

import re
import unicodedata

_HEX = "[0-9A-Fa-f]"
_ESCAPES = re.compile(
    "|".join(
        (
            r"(?:\\(?:x1[bB]|033|e|u001[bB])|\x1b|\^\[)\[[0-9;]{0,20}[A-Za-z]|\[[0-9;]{1,12}m",  # colours
            rf"\\(?:x{_HEX}{{1,2}}|u{_HEX}{{4}}|U{_HEX}{{8}}|[xuopPN]\{{[^{{}}]{{0,80}}\}}|[0-7]{{1,3}})",
            r"\\(?:it|bf|tt|sc|sl|em|rm|sf|par|item|quad|ldots|dots|cdot|alpha|beta|gamma|delta|epsilon|lambda|mu|nu|pi"
            r"|rho|sigma|tau|phi|omega|Delta|Omega|Sigma)(?![A-Za-z])",
            r"\\c[A-Z]|\\[A-Za-z]",
            rf"%{_HEX}{{2}}(?=%|[^\x00-\x7f])|=(?:{_HEX}{{2}}=)+{_HEX}{{2}}",  # of URLs, and quoted-printable
            r"%(?:\d{1,2}\$|\(\w{1,40}\))?[-+ #0',]{0,5}(?:\*|\d{1,4})?(?:\.(?:\*|\d{1,4})?)?"
            r"(?:hh?|ll?|I64|I32|[qjzLtw])?[A-Za-z@]",
            r"%L?\d{1,2}",  # of Qt
            "[0AaАаΑα]-[9ZzFfЯяЁёЩщІіЇїҐґΩω]",  # ranges of a regular expression
            r"(?<=\d)[хХ](?=\d)",  # 1920х1080px
            r"~[0-9.*]{0,6}[A-Za-z]",  # of Erlang and Lisp
            r"&(?:nbsp|amp|lt|gt|quot|copy|reg|laquo|raquo|shy|mdash|ndash|#\d{1,7}|#x[0-9A-Fa-f]{1,6});?",
            "(?:\u00a7|&)[0-9a-fk-orA-FK-OR](?=[^\x00-\x7f])",  # colours of chats in games
            r"\|c[0-9a-fA-F]{8}",
        )
    )
)
_WORD = re.compile("[\\w\ufffd]+")
_LATIN = re.compile("[A-Za-z]")
_ALIKE = frozenset("аеорсухѕіјһԁԛԝАВЕКМНОРСТХЅІЈοΑΒΕΖΗΙΚΜΝΟΡΤΥΧӏɡⅼſ")  # Cyrillic, Greek, and other shapes of Latin
_BETWEEN = re.compile("([A-Za-z])([\u0400-\u052f\u0531-\u0587\u13a0-\u13ff]+)(?=([A-Za-z]))")  # also Armenian, Cherokee
# An abbreviation or a name with a Cyrillic ending, behind a Cyrillic word. A name of code seldom stands there.
_INFLECTED = re.compile(
    "(?<=[\u0400-\u052f] )(?=[a-z]*[A-Z])[A-Za-z]{2,}[\u0430-\u044f\u0451\u0454\u0456\u0457]{1,3}(?![\\w(=\\[.])"
)
_LIGATURES = frozenset("ﬀﬁﬂﬃﬄﬅﬆĲĳĿŀŉǄǅǆǇǈǉǊǋǌǱǲǳ")  # texts copied from a page, Dutch, Catalan, Croatian
_MIN_FOREIGN_WORD_LETTERS = 4  # so many foreign letters, some unlike Latin ones, are seen as a word of their own
_MIN_NAME_LETTERS = 3  # a shorter one is a symbol of mathematics or a unit: ℓp, mK


def find_mixed_word(text: str) -> str:
    """Return the first word of a text that looks Latin but is not, or an empty string."""
    if text.isascii():
        return ""
    parted = _INFLECTED.sub(" ", _ESCAPES.sub(" ", text))
    return next(filter(is_mixed, _WORD.findall(parted)), "")


def is_mixed(word: str) -> bool:
    """Return whether a Latin word has letters that a reader takes for others.

    These are letters of another alphabet that all look Latin or stand between Latin ones, and variants of Latin letters
    that programs read as the plain ones (NFKC, as Python reads names). U+FFFD stands for bytes that are not text.
    """
    others = {letter for letter in word if not letter.isascii() and letter.isalpha()}
    if not others or "\ufffd" in word or not _LATIN.search(word):
        return False
    return others <= _ALIKE or any(map(_is_hidden_run, _BETWEEN.finditer(word))) or _has_variants(word, others)


def _is_hidden_run(match: re.Match[str]) -> bool:
    """Return whether letters between Latin ones pass for Latin, unlike a word of their own in a camel-case name."""
    _, run, after = match.groups()
    if set(run) <= _ALIKE:
        return True
    return len(run) < _MIN_FOREIGN_WORD_LETTERS and not (run[0].isupper() and run[-1:].islower() and after.isupper())


def _has_variants(word: str, others: set[str]) -> bool:
    letters = {letter for letter in others - _LIGATURES if unicodedata.category(letter) in ("Lu", "Ll")}
    return any(
        not letters.isdisjoint(part)
        and sum(map(str.isalpha, part)) >= _MIN_NAME_LETTERS
        and unicodedata.normalize("NFKC", part).isascii()
        for part in word.split("_")
    )
