"""Secrets that are known by the name they are assigned to: `db_password = "..."`, in code, YAML, JSON, env, flags.

The name must end in a word for a secret, and the value must look like one (see `heuristics`). Not found are: a value
on another line than its name, a value put together from several strings, and one after the first 64 KiB of a line.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from iquest_review.redaction.expressions import is_expression, is_part_of_expression
from iquest_review.redaction.heuristics import compile_pattern, is_password, is_placeholder, is_random
from iquest_review.redaction.token_formats import MAX_SCANNED_BYTES, Span

MARKERS = (b"pass", b"pwd", b"secret", b"token", b"credential", b"key")
_KIND = "assigned-secret"
_MARKED = rb"(?:pass|pwd|secret|token|credential|key)[\w-]*"
_NAME = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_MAX_NAME_CHARS = 64
_NEARBY_BYTES = 200  # around a name and its value
_PARTS = rb"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+"

_SECRET = (
    rb"(?:.*(?:password|passwd|passphrase|passcode|secret|token|apikey|secretkey|accesskey|privatekey|pwd)|pass"
    rb"|credentials?)"
)
_NOT_SECRET = rb".*(?:nonsecret|notsecret)"
_PARTS_BEFORE_KEY = frozenset(
    b"api access secret private auth encryption encrypt signing sign master account shared storage hmac jwt webhook"
    b" openai anthropic azure stripe aws google maps sendgrid mailgun twilio datadog algolia gitlab github slack"
    b" license admin service subscription crypt cipher aes session app consumer token root deploy write primary".split()
)
_PARTS_AFTER_NAME = frozenset(  # parts that may follow the word for a secret
    b"value val str string text raw prod production dev test staging default base live old new hex b64 key".split()
)
_HARMLESS_PARTS = frozenset(  # parts that make it something else, such as a page token or a public key
    b"public pub page next continuation cursor cancellation cancel pad eos bos sep mask unk special stop csrf sync"
    b" resume foreign cache sort pagination creation partition hash hashed digest idempotency authenticity".split()
)

_CLOSE = rb"\\?[\"'`]?\]?"
_QUOTED = (
    _CLOSE
    + rb"""(?x:
    (?:\s{0,20}(?: :\s?[&*]{0,2}[A-Za-z_][\w.<>\[\]|&?']{0,40}\s?=(?!=) | \[\w{0,8}\]\s?= | \s(?:string|String)\s?=
        | :=|=>|={1,3}|!={1,2}|:|,|\(|\|\||\?\? )
      | \s{1,4}value\s?= | \s{1,4}(?=["']))
    \s{0,20}
    (?:[\w.:\[\]"']{1,60}(?:\((?=\S)|\)?\s?(?:\|\||\?\?|\bor\b|\?:)\s?))?
    [A-Za-z@$]{0,2}
    (?P<quote>\\?["'`])(?P<value>(?:(?!(?<!\\)(?P=quote))\S){8,512}+)(?P=quote))"""
)
_BARE = (
    _CLOSE
    + rb"(?:\s{0,20}(?::=|=>|=(?!=)|:(?!:))\s{0,20}|(?<=[A-Za-z])>|\s{1,4})(?P<value>[^\s\"'`<>]{8,256})(?P<end>.?)"
)
_CODE = (
    rb"[\w$.?!:>*&-]*[\w$\])](?:\(|\[|!?\.[A-Za-z_]\w*[(\[])|[A-Za-z_$*&][\w$]*(?:(?:\??\.|::|->|\[)[\w$\]'\"]+)+[;,)]*$|.*=>"
    rb"|.*&&|.*\|\||[*&^!]+[A-Za-z_]"
)
_LINE_START = rb"\s*(?:export\s+|ENV\s+|ARG\s+|-\s+|set\s+|\"|')?(?:(?!self|this|cls)[a-z-]{1,30}\.){0,6}\Z"
_SHORT_RUN_LETTERS, _LONG_RUN_LETTERS = 2.6, 4.0  # the average is 2 in random text, 5 in words
_CUT = rb"(?s)[;&,)}\]\\|].*"
_CUT_CODE = rb"(?s)[;&,(){}\[\]\\|].*"  # where a value can stand anywhere on the line
# A function that reads or finds takes a name or a path, not a secret: SelectToken("a[0].b"), getPassword("db")
_READING = frozenset(b"select find get read parse match lookup query peek next skip has is expect consume".split())


def find_assigned_spans(text: bytes, low: bytes) -> Iterator[Span]:
    """Yield the assigned secrets in a line; `low` is the line in lower case. None of them is certain."""
    for match in compile_pattern(_MARKED).finditer(low, 0, MAX_SCANNED_BYTES):
        before = low[max(0, match.start() - _MAX_NAME_CHARS) : match.start()]
        start = match.start() - (len(before) - len(before.rstrip(_NAME.lower())))
        end = match.end()
        if end - start <= _MAX_NAME_CHARS and text[start - 2 : start] != b"::" and _is_secret_name(text[start:end]):
            span = _find_quoted_value(text, start, end) or _find_bare_value(text, start, end)
            if span:
                yield Span(*span, _KIND, False)


@lru_cache(4096)
def _is_secret_name(name: bytes) -> bool:
    """Return whether a name ends in a word for a secret, and no part of it says that it is something else."""
    parts = [part.lower() for part in compile_pattern(_PARTS).findall(name)]
    if not _HARMLESS_PARTS.isdisjoint(parts):
        return False
    while len(parts) > 1 and (parts[-1].isdigit() or (parts[-1] in _PARTS_AFTER_NAME and parts[-1] != b"key")):
        parts.pop()
    if not parts:
        return False
    if parts[-1] == b"key":
        return len(parts) > 1 and (parts[-2] in _PARTS_BEFORE_KEY or parts[-2].endswith((b"secret", b"api")))
    return bool(compile_pattern(_SECRET).fullmatch(parts[-1])) and not compile_pattern(_NOT_SECRET).match(parts[-1])


def _find_quoted_value(text: bytes, start: int, position: int) -> tuple[int, int] | None:
    match = compile_pattern(_QUOTED).match(text, position)
    if not match:
        return None
    value, between = match["value"], text[position : match.start("value")]
    if is_placeholder(value) or is_expression(value):
        return None
    if text[start - 1 : start] == b"=" and between[:1] in (b'"', b"'") and b"," in between:
        return None  # "password=some-password", "another string": the name is a value itself
    if b"(" in between and _is_reading(text[start:position]):
        return match.span("value") if is_random(value) and value.isalnum() else None
    return match.span("value") if is_random(value) or is_password(value) else None


def _is_reading(name: bytes) -> bool:
    parts = compile_pattern(_PARTS).findall(name)
    return bool(parts) and parts[0].lower() in _READING


def _find_bare_value(text: bytes, start: int, position: int) -> tuple[int, int] | None:
    match = compile_pattern(_BARE).match(text, position)
    if not match or compile_pattern(_CODE).match(match["value"]) or match["end"] == b"`":
        return None
    if is_part_of_expression(match["value"]):
        return None
    if text[start:position] == b"PASS" and text[position : position + 1] == b":":
        return None  # the log of a test: --- PASS: TestRead/zip#01
    if text[position : position + 1] == b":" == text[start - 1 : start]:  # arn:aws:secretsmanager:eu:1:secret:name
        return None
    before, after = (
        text[max(0, start - _NEARBY_BYTES) : start],
        text[match.end("value") : match.end("value") + _NEARBY_BYTES].lstrip(),
    )
    in_url = before.endswith((b"?", b"&")) or (before.endswith(b";") and text[start : start + 1].isupper())
    flag = text[start : start + 2] == b"--"
    first, _ = match.span("value")
    if text[position:first].isspace() and not (flag or before.lstrip().startswith(b"ENV ") or b"login " in before):
        return None  # words of a sentence
    value = match["value"].rstrip(b",;.)")
    whole = flag or (
        start < _NEARBY_BYTES and bool(compile_pattern(_LINE_START).match(before))
    )  # then nothing but the value follows
    cut = compile_pattern(_CUT if whole or in_url else _CUT_CODE).sub(b"", value)
    if not (whole or in_url) or not is_password(value) or (in_url and (is_random(cut) or is_placeholder(cut))):
        value = cut
    if is_placeholder(value) or not (is_random(value) or is_password(value)):
        return None
    longest = (
        _LONG_RUN_LETTERS
        if flag or in_url or (whole and not after) or after.startswith((b'"', b"'", b"</"))
        else _SHORT_RUN_LETTERS
    )
    if value.replace(b"_", b"").isalnum() and not value[:1].isdigit() and _is_variable_name(value, longest):
        return None
    return first, first + len(value)


def _is_variable_name(value: bytes, longest: float) -> bool:
    """Return whether a value could be a variable: its letters form runs as long as words (user1Name2, not x1y2)."""
    runs = re.findall(rb"[A-Z]?[a-z]+|[A-Z]+", value)
    return len(value) < 32 and sum(map(len, runs)) > longest * len(runs)
