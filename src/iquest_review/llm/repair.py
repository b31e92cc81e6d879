"""Text of a model -> the JSON values that look like an answer, whole or as far as they go.

Three ways, from strict to lenient. A value that is JSON is taken as it stands. One that is JSON up to where the text
breaks off gives what is whole of it, and is marked as cut. Everything else goes through json-repair, which guesses, and
never says so: what it makes of the end of a text is dropped unless the text closes.

A value inside a broken one is never taken for an answer of its own: the others around it would be lost unseen.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from iquest_review.llm.decoder import DECODER, MERGED_KEY

_MAX_OPENINGS = 200  # openings looked at
_MAX_MENDED_CHARS = 32 * 1024  # characters given to json-repair, whose time grows with their square,
_MAX_DEPTH, _MAX_QUOTES = 12, 2_000  # with each bracket that stays open, and with the quotes' square
# Possessive and few: each opening is looked behind once, and not as far as the text goes.
_GAP = r"(?:\s*+(?://[^\n]{0,300}+\n|#[^\n]{0,300}+\n|/\*[^*]{0,300}+\*/)){0,4}+\s*+"
_OPENING = re.compile(rf"""(?:\[{_GAP})?\{{{_GAP}["'“]?[\w-]++["'”]?\s*+:""")


class TooBrokenError(ValueError):
    """A text is no JSON, and mending it would take too long."""


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """A value that looks like an answer: a review, an issue, or a list of issues."""

    value: Any
    cut: bool = False  # its end is missing
    lost: int = 0  # entries that did not come back
    length: int = 0  # characters of the text it takes
    mended: bool = False  # a guess of json-repair has a part in it


def find_json_answers(text: str) -> list[JsonAnswer]:
    """The answers a text holds, in its order; of a text whose line breaks and quotes are escaped once more, too.

    Raises TooBroken.
    """
    for variant in _list_unescaped_variants(text) if _ESCAPED.match(text) else ():
        answers = _find_answers(variant)
        if answers and not any(answer.cut or answer.lost for answer in answers):
            return answers
    return _find_answers(text)


def is_review(value: object) -> bool:
    """Whether the value is a review: an object with issues, or a list with issues in it."""
    if isinstance(value, dict):
        return isinstance(value.get("issues"), list)
    return isinstance(value, list) and any(is_issue(entry) for entry in value)


def is_issue(value: object) -> bool:
    """Whether the value is one remark."""
    return isinstance(value, dict) and "description" in value and any(key in value for key in ("severity", "line"))


_ESCAPED = re.compile(r"""\s*"|[^{\[]{0,500}[{\[]\s*\\[nrt"]""")


def _list_unescaped_variants(text: str) -> Iterator[str]:
    for literal in (text, f'"{text}"'):
        try:
            inner = json.loads(literal)
        except (ValueError, RecursionError):
            continue
        if isinstance(inner, str):
            yield inner
    yield text.replace("\\r\\n", "\n").replace("\\n", "\n")
    yield re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t", "r": ""}.get(match[1], match[1]), text)


def _find_answers(text: str) -> list[JsonAnswer]:
    whole: list[tuple[int, JsonAnswer]] = []  # with the place where it begins
    broken: int | None = None
    at = 0
    for _ in range(_MAX_OPENINGS):
        opening = _OPENING.search(text, at)
        if not opening:
            break
        start = opening.start()
        try:
            value, at = DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            broken, at = start if broken is None else broken, start + 1
            continue
        value = _unwrap(value)
        if is_review(value) or is_issue(value):
            whole.append((start, JsonAnswer(value, lost=_count_merges(value), length=at - start)))
    if broken is None:
        return [answer for _, answer in whole]
    return _find_around_broken(text, broken, whole)


def _find_around_broken(text: str, broken: int, whole: list[tuple[int, JsonAnswer]]) -> list[JsonAnswer]:
    """The answers of a text that holds something broken, and values that are whole before, behind or inside of it."""
    behind = next((start for start, answer in whole if start > broken and is_review(answer.value)), None)
    if behind is not None and _has_balanced_brackets(text[broken:behind]):
        apart = [_repair(text[broken:behind])]  # prose with brackets, a form to fill in, a first draft
        return [*(answer for answer in apart if answer), *(answer for _, answer in whole if is_review(answer.value))]
    before = [(start, answer) for start, answer in whole if start < broken]
    if before and all(is_issue(answer.value) for _, answer in before):
        return _parse_rows(text, before[0][0], [answer.value for _, answer in before], broken)
    rest = _recover_prefix(text, broken) if is_cut_off(text, broken) else _repair(text[broken:])
    return [*(answer for _, answer in before), *([rest] if rest else [])]


def _parse_rows(text: str, start: int, whole: list[Any], broken: int) -> list[JsonAnswer]:
    """One object a line, and one of the lines is broken: it takes no other with it."""
    if is_cut_off(text, broken):
        return [JsonAnswer(whole, cut=True, length=len(text) - start)]
    rows = [row.strip().rstrip(",") for row in text[start:].split("\n")]
    rows = [row for row in rows if row.startswith("{")]
    if len(rows) < 2 or not all(row.endswith("}") for row in rows):  # one row is the text itself, once more
        answer = _repair(text[start:])
        return [answer] if answer else []
    answers = [_find_answers(row) for row in rows]
    values = [found[0].value if len(found) == 1 else None for found in answers]
    entries = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    return [JsonAnswer(entries, length=len(text) - start)]


def _has_balanced_brackets(text: str) -> bool:
    return all(text.count(left) == text.count(right) for left, right in ("{}", "[]"))


# -- JSON whose end is missing


def _recover_prefix(text: str, start: int) -> JsonAnswer:
    """What is whole of the JSON that begins here and breaks off."""
    value = _unwrap(_parse_whole_part(text, start))
    return JsonAnswer(value if is_review(value) else {"issues": []}, cut=True, length=len(text) - start)


def is_cut_off(text: str, start: int) -> bool:
    """Whether what begins here is JSON up to the end of the text, and not broken before."""
    try:
        DECODER.raw_decode(text, start)
    except json.JSONDecodeError as error:
        if error.msg.startswith("Unterminated string"):
            return True
        return error.pos >= _find_last_word(text)
    except (ValueError, RecursionError):
        return False
    return False


def _find_last_word(text: str) -> int:
    """Where the last word begins: half a literal, half a number, half an escape. Read from its end, for it is long in
    texts that are none."""
    text = text.rstrip()
    word = _WORD.match(text[::-1])
    return len(text) - (word.end() if word else 0)


_WORD = re.compile(r"[\\\w.+-]*+")


def _parse_whole_part(text: str, at: int) -> Any:
    """The members and entries that are whole. An entry of a list that is not whole is no entry."""
    if text[at] == "[":
        return list(_iterate_items(text, at + 1))
    members: dict[str, Any] = {}
    at += 1
    while key := _MEMBER.match(text, at):
        try:
            name = str(DECODER.raw_decode(key[1])[0])
            members[name], at = DECODER.raw_decode(text, key.end())
        except (ValueError, RecursionError):
            if text[key.end() : key.end() + 1] in ("[", "{"):
                members[name] = _parse_whole_part(text, key.end())
            break
    return members


_MEMBER = re.compile(r'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)


_BETWEEN = re.compile(r"[ \t\r\n,]*+")


def _iterate_items(text: str, at: int) -> Iterator[Any]:
    while True:
        gap = _BETWEEN.match(text, at)
        at = gap.end() if gap else at
        if text[at : at + 1] not in ("{", '"'):  # of anything else one cannot see whether it is whole
            return
        try:
            value, at = DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            return
        yield value


# -- what is no JSON


def _repair(text: str) -> JsonAnswer | None:
    """What json-repair makes of a text that begins with the first bracket. Raises TooBroken."""
    broken = text.split("\n```", maxsplit=1)[0].split("\n~~~", maxsplit=1)[0].rstrip()
    closing = max(broken.rfind("}"), broken.rfind("]"))
    tail = broken[closing + 1 :]
    if "\n" in tail and not re.search(r'["\']', tail):
        broken = broken[: closing + 1]  # a last word behind it
    if len(broken) > _MAX_MENDED_CHARS or _measure_depth(broken) > _MAX_DEPTH or broken.count('"') > _MAX_QUOTES:
        raise TooBrokenError
    try:
        # Loaded here: sound answers, which most are, should not pay for it.
        value = _unwrap(import_module("json_repair").loads(broken, skip_json_loads=True))
    except (ValueError, RecursionError):
        return None
    if is_issue(value):
        value = [value]
    cut = not _has_proper_end(value, broken)
    if cut:
        value = _drop_last(value)
    if not is_review(value):
        return None
    entries = value if isinstance(value, list) else value["issues"]
    lost = max(0, len(_KEY.findall(broken)) - len(entries) - cut)
    return JsonAnswer(value, cut, lost, len(broken), mended=True)


def _measure_depth(text: str) -> int:
    """The most brackets that are open at once, those in strings too: which quotes are quotes is not known here."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(text):
        depth = depth + 1 if bracket in "{[(" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


_BRACKET = re.compile(r"[][{}()]")


def _has_proper_end(value: Any, text: str) -> bool:
    """Whether the text ends as a text of this value does."""
    if isinstance(value, list):
        return text.endswith("]" if text.startswith("[") else "}")
    if isinstance(value, dict) and value and next(reversed(value)) == "issues":
        return re.search(r"\]\s*+(?:,\s*+)?\}$", text) is not None
    return text.endswith("}")


def _drop_last(value: Any) -> Any:
    if isinstance(value, list):
        return value[:-1]
    if isinstance(value, dict) and value and next(reversed(value)) == "issues" and isinstance(value["issues"], list):
        return {**value, "issues": value["issues"][:-1]}
    return value


def _unwrap(value: Any) -> Any:
    """A review out of the list or the object that holds no other."""
    if isinstance(value, list):
        reviews = [entry for entry in value if isinstance(entry, dict) and is_review(entry)]
        return reviews[0] if len(reviews) == 1 and not any(is_issue(entry) for entry in value) else value
    if isinstance(value, dict) and len(value) == 1 and "issues" not in value:
        inner = next(iter(value.values()))
        return inner if is_review(inner) else value
    return value


_KEY = re.compile(r"""["']description["']?\s*[:=]""")  # there is one in each entry


def _count_merges(value: Any) -> int:
    """Entries that have swallowed another one."""
    entries = value["issues"] if isinstance(value, dict) and is_review(value) else value
    return sum(
        isinstance(entry, dict) and MERGED_KEY in entry for entry in (entries if isinstance(entries, list) else [value])
    )
