"""Whether a row of a fix is a sentence for a person, or a note of what is left to do, and no code."""

import re
from collections.abc import Sequence

_SPAN = re.compile(r"`[^`]+`")
_VERBS = (
    r"use|replace|add|remove|consider|change|rename|ensure|make|move|avoid|check|wrap|call|handle|should|you|please|"
    r"the|this|instead|here|it|we|fix|validate|try|prefer|note|either|do not|don't|delete|drop|refactor|extract|"
    r"implement|insert|update|verify|test|guard|return|raise|log|close|set|put|keep|convert|simplify|document"
)
_ADVICE = re.compile(rf"(?:{_VERBS})\s+[\w`'\"]", re.IGNORECASE)
_ORDER = re.compile(
    r"(?:use|replace|add|remove|consider|change|rename|ensure|make|move|avoid|check|wrap|handle|should|you|please|fix|"
    r"validate|try|delete|refactor|extract|implement|insert|update|verify)\s+[\w`'\"]",
    re.IGNORECASE,
)
# Words without a meaning in programming languages, which are not used as names.
_SMALL = frozenset(
    "the should must please instead these those there here been were which der das ein eine einen bitte nicht und wird "
    "werden sollte muss hier nach les une dans avec pour faut vous debe por favor".split()
)
_TYPES = frozenset("bool boolean byte char double error float int long short string str uint void any object".split())
_EMPTY = re.compile(
    r"\W*(?:n/?a|none (?:needed|required)|no(?: code)? (?:change|fix)e?s?(?: needed| required| necessary)?|same|ditto|"
    r"unchanged|remove|delete|remove (?:this|the|these)(?: lines?)?|delete (?:this|the|these)(?: lines?)?|see above|"
    r"see (?:the )?description|refactor|fix|todo|tbd|as above|not applicable|无|无需修改|不变|同上|删除|见上)\W*",
    re.IGNORECASE,
)
_FOREIGN = re.compile(r"[^\W\d_\x00-\u024f]+")  # letters of no Latin alphabet
_CJK = re.compile(r"\s*[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_CODE_MARKS = re.compile(r"[={}\[\];<>|&$\\@]|\w\(|\w\.\w|\w_\w|::|->")
_PLAIN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*[,.:!?]?|\([^\W\d_]+|[^\W\d_]+\)")
_TO_DO = re.compile(
    r"\W*(?:(?:TODO|FIXME|XXX|HACK|TBD)\b|待办|待实现|待补充)"
    r"|\W*(?:your|the|add|put|insert|implement|more|additional|handle|perform|do|place|write)\b.{0,80}"
    r"\b(?:here|below|above|as needed|if needed|as appropriate|accordingly)\W*$"
    r"|\W*(?:在此|在这里|请|添加|补充|实现)",
    re.IGNORECASE,
)


_ROW_NOTE = re.compile(r"(?:#|//|--|/\*|;;|<!--)\s*(?:TODO|FIXME|XXX|TBD)\b", re.IGNORECASE)
_NO_ROW = re.compile(
    r"\W*(?:n/a|none (?:needed|required)|no(?: code)? (?:change|fix)(?:es|s)?(?: needed| required| necessary)?"
    r"|see (?:above|below)|as above|remove this line|delete this line)\W*",
    re.IGNORECASE,
)


def is_sentence(row: str, before: str = "") -> bool:
    """Return whether the row reads like a sentence to a person, and is not a reworded comment of `before`."""
    text = _SPAN.sub("code", row.strip())
    words = text.split()
    if _CJK.match(row):
        return _CJK.search(before) is None
    if len(words) < 3 or not text[0].isalpha() or text[-1] in "{;,(=[\\":
        return False
    if before and 2 * sum(word in before for word in words) >= len(words):
        return False  # most words were there before: an improved comment
    plain = sum(_PLAIN.fullmatch(word) is not None for word in words)
    sentence = text[0].isupper() and not words[0].isupper() and plain >= 0.8 * len(words)
    advice = _ADVICE.match(text) and (text[0].isupper() or len(words) > 3) and plain >= 0.6 * len(words)
    return bool(sentence or advice)


def is_prose(row: str) -> bool:
    """Return whether a row that stands in the place of code, without its strings and comments, is prose."""
    text = _SPAN.sub("code", row.strip())
    words = text.split()
    if not words or _CODE_MARKS.search(text):
        return False
    foreign = _FOREIGN.findall(text)
    if sum(map(len, foreign)) >= 4 and (len(foreign) > 1 or text[-1] in "。！？.!?"):
        return True
    plain = sum(_PLAIN.fullmatch(word) is not None for word in words)
    if len(words) < 2 or plain < 0.8 * len(words):
        return False
    begins = text[0].isupper() and not (words[0].isupper() and len(words[0]) > 1)
    advises = begins and _ADVICE.match(text) is not None and words[1].lower() not in _TYPES
    small = any(word.strip(".,:!?()").lower() in _SMALL for word in words)
    return advises or (begins and (len(words) > 2 or text[-1] in ".!?")) or (small and len(words) > 2)


def is_empty_answer(fix: str) -> bool:
    """Return whether a fix only says that there is none, or to delete something."""
    return len(fix) < 80 and _EMPTY.fullmatch(fix) is not None


def has_spoilt_rows(old: Sequence[str], rows: Sequence[str]) -> bool:
    """Return whether new rows of any kind are notes to a person, or end in the middle of a word."""
    plain = [row.strip() for row in old if row.strip()]
    new = [text for row in rows if (text := row.strip()) and text not in plain]
    if any(_ROW_NOTE.search(row) or _NO_ROW.fullmatch(row) for row in new):
        return True
    if plain and all(row[0] == "*" for row in plain) and not all(row.startswith(("*", "/*")) for row in new):
        return True  # no row of the block comment any more
    last = rows[-1].strip()
    return any(
        row.startswith(last) and len(row) > len(last) > 0 and re.match(r"\w\w", last[-1] + row[len(last)])
        for row in plain
    )


def is_note_to_do(comment: str) -> bool:
    """Return whether a comment says that code is still to be written in its place."""
    return _TO_DO.match(comment) is not None


def is_order(comment: str) -> bool:
    """Return whether a comment tells a person what to do, as the comment of an instruction in code may also do."""
    text = re.sub(r"^\W+", "", comment)
    return _ORDER.match(text) is not None
