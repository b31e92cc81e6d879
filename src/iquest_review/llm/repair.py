"""Text of a model -> the JSON values that look like an answer, whole or as far as they go.

Three ways, from strict to lenient. A value that is JSON is taken as it stands. A value that is JSON up to where the
text breaks off gives its whole entries and is marked as cut. Everything else goes through json-repair, which guesses
without saying so: what it makes of the end of a text is dropped unless the text closes.

A value inside a broken one is never taken for an answer of its own: the values around it would be lost unseen.
`find_sole_object` goes the first two ways alone, for answers of which nothing may be guessed.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import json_repair

from iquest_review.excerpt.chat_tokens import THINKING_END
from iquest_review.llm.decoder import DECODER, MERGED_KEY, STRICT_DECODER
from iquest_review.llm.key_names import rename_keys

FENCE = re.compile(r"^(?:```|~~~)\w{0,10}$", re.MULTILINE)

_MAX_OPENINGS = 200
_MAX_MENDED_CHARS = 32 * 1024  # given to json-repair, whose time grows with the square of the text,
_MAX_DEPTH, _MAX_QUOTES = 12, 2_000  # with each bracket that stays open, and with the square of the quotes
# Possessive and few: each opening is looked behind once, and only up to a bound.
MAX_WRAPPINGS, MAX_WRAPPED = 5, 50  # around a review: how deep, and how many values in each
MAX_WORDS_BEFORE = 20  # characters before the bracket of JSON in a string
# No review is in these, but a form of one, a draft, or what the model was sent.
_SCHEMA_KEYS = frozenset("default example examples const enum $defs definitions schema json_schema template".split())
_DRAFT_KEYS = frozenset("thinking reasoning reasoning_content thought thoughts scratchpad draft drafts".split())
_SENT_KEYS = frozenset("prompt request error response_format".split())
_OTHER_KEYS = _SCHEMA_KEYS | _DRAFT_KEYS | _SENT_KEYS
_SENDERS = ("user", "system", "developer", "tool")  # whose messages are not the model's
_GAP = r"(?:\s*+(?://[^\n]{0,300}+\n|#[^\n]{0,300}+\n|/\*[^*]{0,300}+\*/)){0,4}+\s*+"
_OPENING = re.compile(rf"""(?:\[{_GAP})?\{{{_GAP}["'“]?[\w$@-]++["'”]?\s*+:""")
_ESCAPED = re.compile(r"""\s*"|[^{\[]{0,500}[{\[]\s*\\[nrt"]""")
_MEMBER = re.compile(r'[\s,]*("(?:[^"\\]|\\.)*")\s*:\s*', re.DOTALL)
_BETWEEN = re.compile(r"[ \t\r\n,]*+")
_WORD, _BRACKET = re.compile(r"[\\\w.+-]*+"), re.compile(r"[][{}()]")
_KEY = re.compile(r"""["']description["']?\s*[:=]""")  # each entry has one


class TooBrokenError(ValueError):
    """A text is not JSON, and mending it would take too long."""


@dataclass(frozen=True, slots=True)
class JsonAnswer:
    """A value that looks like an answer: a review, an issue, or a list of issues."""

    value: Any
    cut: bool = False  # its end is missing
    lost: int = 0  # entries that could not be recovered
    length: int = 0  # characters of the text it takes
    mended: bool = False  # json-repair guessed a part of it


def find_json_answers(text: str) -> list[JsonAnswer]:
    """Return the answers a text holds, in its order, also where line breaks and quotes are escaped once more.

    Raises TooBrokenError.
    """
    for variant in _list_unescaped_variants(text) if _ESCAPED.match(text) else ():
        answers = _find_answers(variant)
        if answers and not any(answer.cut or answer.lost for answer in answers):
            return answers
    return _find_answers(text)


def is_review(value: object) -> bool:
    """Return whether the value is a review: an object with a list of issues, or a list that contains an issue."""
    if isinstance(value, dict):
        return isinstance(value.get("issues"), list)
    return isinstance(value, list) and any(is_issue(entry) for entry in value)


def is_issue(value: object) -> bool:
    """Return whether the value is one remark."""
    return isinstance(value, dict) and "description" in value and any(key in value for key in ("severity", "line"))


def find_sole_object(text: str, key: str, *, broke_off: bool = False) -> JsonAnswer | None:
    """Return the one object of a text that begins with the list `key`; nothing of it is mended, joined or unwrapped.

    None for an object with words on both sides, which may be a quote, for one of several, and for a broken one. Of an
    object that breaks off, the whole entries count when nothing precedes it. `broke_off` says that the text is cut:
    words before the object may then be thinking, with a draft in it.
    """
    opening_pattern = re.compile(rf'\{{\s*+"{re.escape(key)}"\s*+:\s*+\[')
    opening = opening_pattern.search(text)
    start = opening.start() if opening else 0
    before = FENCE.sub("", text[:start]).strip()
    if opening is None or (before and broke_off):
        return None
    try:
        value, end = STRICT_DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        if before or not is_cut_off(text, start):
            return None
        entries = takewhile(lambda entry: isinstance(entry, dict), _iterate_items(text, opening.end(), STRICT_DECODER))
        return JsonAnswer({key: list(entries)}, cut=True, length=len(text) - start)
    after = FENCE.sub("", text[end:]).strip()
    if (before and after) or opening_pattern.search(after) or THINKING_END.search(after):
        return None
    return JsonAnswer(value, length=end - start)


def _list_unescaped_variants(text: str) -> Iterator[str]:
    for literal in (text, f'"{text}"'):
        try:
            inner = json.loads(literal)
        except (ValueError, RecursionError):
            continue  # it is not escaped in this way
        if isinstance(inner, str):
            yield inner
    yield text.replace("\\r\\n", "\n").replace("\\n", "\n")
    yield re.sub(r"\\(.)", lambda match: {"n": "\n", "t": "\t", "r": ""}.get(match[1], match[1]), text)


def _find_answers(text: str) -> list[JsonAnswer]:
    whole: list[tuple[int, JsonAnswer]] = []  # with the place where it begins
    broken: int | None = None  # where the first value begins that is not JSON
    index = 0
    for _ in range(_MAX_OPENINGS):
        opening = _OPENING.search(text, index)
        if not opening:
            break
        start = opening.start()
        try:
            value, index = DECODER.raw_decode(text, start)
        except (ValueError, RecursionError):
            broken, index = start if broken is None else broken, start + 1
            continue
        value = _unwrap(value)
        if is_review(value) or is_issue(value):
            whole.append((start, JsonAnswer(value, lost=_count_merges(value), length=index - start)))
    if broken is None:
        return [answer for _, answer in whole]
    return _find_around_broken(text, broken, whole)


def _find_around_broken(text: str, broken: int, whole: list[tuple[int, JsonAnswer]]) -> list[JsonAnswer]:
    """Return the answers of a text with a broken value, and whole values before, behind or inside it."""
    behind = next((start for start, answer in whole if start > broken and is_review(answer.value)), None)
    if behind is not None and _has_balanced_brackets(text[broken:behind]):
        first = _repair(text[broken:behind])  # of prose with brackets, a form to fill in, a first draft
        return [*([first] if first else []), *(answer for _, answer in whole if is_review(answer.value))]
    before = [(start, answer) for start, answer in whole if start < broken]
    if before and all(is_issue(answer.value) for _, answer in before):
        return _parse_rows(text, before[0][0], [answer.value for _, answer in before], broken)
    rest = _recover_prefix(text, broken) if is_cut_off(text, broken) else _repair(text[broken:])
    return [*(answer for _, answer in before), *([rest] if rest else [])]


def _parse_rows(text: str, start: int, whole: list[Any], broken: int) -> list[JsonAnswer]:
    """Return the answer of one object a line, where a line is broken: the other lines are kept."""
    if is_cut_off(text, broken):
        return [JsonAnswer(whole, cut=True, length=len(text) - start)]
    rows = [row.strip().rstrip(",") for row in text[start:].split("\n")]
    rows = [row for row in rows if row.startswith("{")]
    if len(rows) < 2 or not all(row.endswith("}") for row in rows):  # one row is the text itself, once more
        answer = _repair(text[start:])
        return [answer] if answer else []
    answers = [_find_answers(row) for row in rows]
    values = [row[0].value if len(row) == 1 else None for row in answers]
    entries = [entry for value in values for entry in (value if isinstance(value, list) else [value])]
    return [JsonAnswer(entries, length=len(text) - start)]


def _has_balanced_brackets(text: str) -> bool:
    return all(text.count(left) == text.count(right) for left, right in ("{}", "[]"))


# -- JSON whose end is missing


def _recover_prefix(text: str, start: int) -> JsonAnswer:
    """Return what is whole of the JSON that begins here and breaks off."""
    value = _unwrap(_parse_whole_part(text, start))
    return JsonAnswer(value if is_review(value) else {"issues": []}, cut=True, length=len(text) - start)


def is_cut_off(text: str, start: int) -> bool:
    """Return whether what begins here is JSON up to the end of the text, and not broken before."""
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
    """Return where the last word begins: half a literal, half a number, half an escape.

    The text is read from its end: in texts that are not JSON the word may be long.
    """
    word = _WORD.match(text.rstrip()[::-1])
    return len(text.rstrip()) - (word.end() if word else 0)


def _parse_whole_part(text: str, start: int) -> Any:
    """Return the members and entries that are whole. An entry of a list that breaks off is left out."""
    if text[start] == "[":
        return list(_iterate_items(text, start + 1))
    members: dict[str, Any] = {}
    index = start + 1
    while key := _MEMBER.match(text, index):
        try:
            name = str(DECODER.raw_decode(key[1])[0])
            members[name], index = DECODER.raw_decode(text, key.end())
        except (ValueError, RecursionError):
            if text[key.end() : key.end() + 1] in ("[", "{"):
                members[name] = _parse_whole_part(text, key.end())
            break
    return members


def _iterate_items(text: str, index: int, decoder: json.JSONDecoder = DECODER) -> Iterator[Any]:
    while True:
        gap = _BETWEEN.match(text, index)
        index = gap.end() if gap else index
        if text[index : index + 1] not in ("{", '"'):  # any other value may be half of itself: 1 of 12
            return
        try:
            value, index = decoder.raw_decode(text, index)
        except (ValueError, RecursionError):
            return  # the entry that breaks off
        yield value


# -- what is not JSON


def _repair(text: str) -> JsonAnswer | None:
    """Return what json-repair makes of a text that begins with the first bracket. Raises TooBrokenError."""
    broken = text.split("\n```", maxsplit=1)[0].split("\n~~~", maxsplit=1)[0].rstrip()
    closing = max(broken.rfind("}"), broken.rfind("]"))
    tail = broken[closing + 1 :]
    if "\n" in tail and not re.search(r'["\']', tail):
        broken = broken[: closing + 1]  # without the words behind it
    if len(broken) > _MAX_MENDED_CHARS or _measure_depth(broken) > _MAX_DEPTH or broken.count('"') > _MAX_QUOTES:
        raise TooBrokenError
    try:
        value = _unwrap(json_repair.loads(broken, skip_json_loads=True))
    except (ValueError, RecursionError):  # json-repair gives up; so does the caller, with a reason of its own
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
    """Return the most brackets open at once, those in strings too: in broken JSON, strings are not known as such."""
    deepest = depth = 0
    for bracket in _BRACKET.findall(text):
        depth = depth + 1 if bracket in "{[(" else max(depth - 1, 0)
        deepest = max(deepest, depth)
    return deepest


def _has_proper_end(value: Any, text: str) -> bool:
    """Return whether the text ends as a text of this value does."""
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
    """Return the review that a value holds, in whatever wrapping; the value as it is when it holds none or several."""
    value = rename_keys(value)
    if is_review(value) or is_issue(value):
        return value
    inner = list(_iterate_reviews(value, MAX_WRAPPINGS))
    return inner[0] if inner and all(review == inner[0] for review in inner) else value


def _iterate_reviews(value: Any, depth: int) -> Iterator[Any]:
    """Yield the reviews inside a value, such as the arguments of a tool; they may be JSON once more."""
    if isinstance(value, str) and "{" in value[:MAX_WORDS_BEFORE]:
        try:
            value = DECODER.decode(value.strip())
        except (ValueError, RecursionError):
            return
    value = rename_keys(value)
    if is_review(value):
        yield value
    elif depth and isinstance(value, list):
        for entry in value[:MAX_WRAPPED]:
            yield from _iterate_reviews(entry, depth - 1)
    elif depth and isinstance(value, dict) and value.get("role") not in _SENDERS:
        for name in [name for name in value if name.lower() not in _OTHER_KEYS][:MAX_WRAPPED]:
            yield from _iterate_reviews(value[name], depth - 1)


def _count_merges(value: Any) -> int:
    """Return how many entries have swallowed another one."""
    entries = value["issues"] if isinstance(value, dict) and is_review(value) else value
    return sum(
        isinstance(entry, dict) and MERGED_KEY in entry for entry in (entries if isinstance(entries, list) else [value])
    )
