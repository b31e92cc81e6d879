"""Whether a text is a piece of code rather than a value: an index path, a call, a literal of a struct, a path, a type.

Code is made of words that people can read, joined by the punctuation of programming languages. A password that has
brackets has other signs as well (`!`, `#`), or letters and digits that form no words.
"""

import re

from iquest_review.redaction.heuristics import compile_pattern

MAX_CODE_BYTES = 512
_CHARACTERS = rb"!?[\w.,;:=&|*<>(){}\[\]'\"?$@/\\-]+"
# What joins names in code: an index, a call, a literal, a member, a generic type, an optional part, an operator.
_JOINED = (
    rb"\w[\[{]|\w\((?=[A-Za-z_)\"'*&(\[])|\.\w+!?[(\[{]|[\]}][.(\[]|^\$?\.{1,2}\[|::|->|=>|\w<[A-Z&]|\?[.\[]"
    rb"|\w[=!]==?[\w\"'(]|&&|\|\||^\$\w+[/:&.]"
)
# The same in a value that white space cut out of code: a cast, a pointer, an optional type, a named argument.
_JOINED_IN_PIECE = rb"\)[.(\[\w]|^[*&(!]+[A-Za-z_]|\d\?[A-Z]|^[A-Za-z]\w*=\w"
_CLOSED = rb"[)\]}>][)\]}>,;.]*$"
# Base64 has slashes, but none of the other signs of a path.
_PATH = rb"(?=[^.$_-]*[.$_-])\.{0,2}/?[\w.$-]+(?:/[\w.$-]+(?:#\d+)?)+"
_IDENTIFIER = rb"[A-Za-z_]\w*|\d{1,8}|0[xX][0-9A-Fa-f]{1,8}"
_RUNS = rb"[A-Z]?[a-z]+|[A-Z]+|[0-9]+"
_MAX_SHORT_NAME_CHARS, _MIN_RUN_LETTERS = 3, 2.6  # letters of a run: the average is 2 in random text, 5 in words
_MAX_NUMBERS = 3  # in a name: x1y2z3 is still readable
_PAIRS = ((b"(", b")"), (b"[", b"]"), (b"{", b"}"))
_VOWEL = rb"(?i)[aeiouy]|^(?:html|https?|grpc|ctrl|mgmt)$"
_MIN_WORD_LETTERS = 4  # a run of so many has a vowel


def is_expression(value: bytes) -> bool:
    """Return whether a quoted value is code: readable names that are joined as programming languages join them."""
    return _has_shape_of_code(value, _JOINED) and all(value.count(first) == value.count(last) for first, last in _PAIRS)


def is_part_of_expression(value: bytes) -> bool:
    """Return whether a bare value is a piece of code: it may lack the other half of its brackets."""
    closes = any(value.count(first) < value.count(last) for first, last in _PAIRS)
    return _has_shape_of_code(value, rb"%b|%b" % (_JOINED, _JOINED_IN_PIECE)) or (
        closes and _has_shape_of_code(value, _CLOSED)
    )


def _has_shape_of_code(value: bytes, joined: bytes) -> bool:
    return (
        len(value) <= MAX_CODE_BYTES
        and bool(compile_pattern(_CHARACTERS).fullmatch(value))
        and bool(compile_pattern(joined).search(value) or compile_pattern(_PATH).fullmatch(value))
        and _has_readable_names(value)
    )


def _has_readable_names(value: bytes) -> bool:
    names = [name.removeprefix(b"$") for name in re.split(rb"[^\w$]+", value)]
    return all(_is_readable_name(name) for name in names if name) and any(
        len(name) > _MAX_SHORT_NAME_CHARS and not name.isdigit() for name in names
    )


def _is_readable_name(name: bytes) -> bool:
    """Return whether a name is a number or an identifier whose letters form runs as long as words."""
    if not compile_pattern(_IDENTIFIER).fullmatch(name):
        return False
    return name[:1].isdigit() or all(
        len(part) <= _MAX_SHORT_NAME_CHARS or _is_made_of_words(part) for part in name.split(b"_")
    )


def _is_made_of_words(part: bytes) -> bool:
    runs = compile_pattern(_RUNS).findall(part)
    letters = [run for run in runs if run.isalpha()]
    return (
        len(runs) - len(letters) <= _MAX_NUMBERS
        and sum(map(len, letters)) >= _MIN_RUN_LETTERS * len(letters)
        and all(len(run) < _MIN_WORD_LETTERS or compile_pattern(_VOWEL).search(run) for run in letters)
    )
