"""Findings of added lines that deceive their readers. A deceived model cannot report them, so a rule does.

Characters are reported only where no language needs them: translations are full of direction marks, Persian of
zero-width joiners, emoji of both.
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from iquest_review.code.languages import is_test
from iquest_review.diff.decoding import decode_strictly, is_mostly_utf8, is_utf8
from iquest_review.diff.diff import FileDiff, Hunk, Line, LineKind
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.excerpt.ranking import is_code
from iquest_review.findings.finding import Finding, Severity
from iquest_review.findings.rules.lookalikes import find_mixed_word
from iquest_review.findings.rules.rule_finding import MAX_FINDINGS_PER_RULE, build_finding_by_rule, is_chinese

MAX_SCANNED_CHARS = 20_000  # of a line; the rest of it is not scanned


class _Deceit(NamedTuple):
    severity: Severity
    title: str
    text: str
    title_zh: str
    text_zh: str


_DIRECTION = _Deceit(
    Severity.MEDIUM,
    "Characters that change the reading direction",
    "This line contains bidirectional control characters (such as \\u202e). Editors show it in a different order than "
    "it runs (CVE-2021-42574). Remove the characters, or write them as escapes.",
    "改变阅读方向的字符",
    "这一行含有双向控制字符（如 \\u202e）：显示的顺序与实际执行的顺序不同（CVE-2021-42574）。"
    "请删除它们，或写成转义形式。",
)
_UNSEEN = _Deceit(
    Severity.MEDIUM,
    "Invisible characters",
    "This line contains characters that editors do not show. Names and texts that look the same may differ, and a "
    "text may contain words that no reviewer sees. Remove the characters, or write them as escapes.",
    "看不见的字符",
    "这一行含有编辑器不显示的字符：看起来相同的名称和文本其实不同，文本中还可能藏有评审者看不到的内容。请删除它们，或写成转义形式。",
)
_LOOKALIKE = _Deceit(
    Severity.MEDIUM,
    "Letters of another alphabet in a Latin word",
    "This line spells {word} with letters of another alphabet that look like Latin letters. It is a different name "
    "from the one it looks like.",
    "拉丁单词中混有其他字母表的字母",
    "这一行的 {word} 使用了形似拉丁字母的其他字母：它与看起来的名称并不相同。",
)
_ADDRESS = _Deceit(
    Severity.LOW,
    "Text addressed to the reviewing model",
    "This line addresses a model that reads it: it gives orders, opens a new message, or forges an answer. The model "
    "was shown it as part of the code. Even so, a person should check what the model says about this file.",
    "写给评审模型的文字",
    "这一行是写给读取它的模型的：下达指令、开启新消息或伪造回答。"
    "它是作为代码的一部分展示给模型的；即便如此，模型对该文件的意见仍需人工查看。",
)

_IN_NAMES = (_DIRECTION, _UNSEEN, _LOOKALIKE)
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_FILLS = "\u115f\u1160\u3164\uffa0"  # letters without a shape: a name may consist of them alone
_HIDES = "\u00ad\u034f\u17b4\u17b5\u180b-\u180e\u200b-\u200d\u2060-\u2064\u2800\ufe00-\ufe0e\ufeff\U000e0100-\U000e01ef"
_HIDDEN = re.compile(
    f"[{_FILLS}\u206a-\u206f\ufff9-\ufffb]|(?<=[0-9A-Za-z_])[{_HIDES}]|(?<!^)[{_HIDES}](?=[0-9A-Za-z_])"
    f"|^[\u200b-\u200d\u2060-\u2064](?=[0-9A-Za-z_])|[{_HIDES}\ufe0f]{{3}}"  # three in a row may spell hidden words
    "|[\U000e0000-\U000e007f]"
)
_FLAGS = re.compile("\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{4,6}\U000e007f")  # the only tags in use
# A form feed at the start of a line separates pages, a carriage return at its end belongs to the line end. Anywhere
# else Python and terminals act on them.
_ACTS = re.compile("[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f\u2028\u2029]|(?<!^)\x0c|\r(?!$)")
_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget) (?:all |any )?(?:of )?(?:the |your |my )?"
    r"(?:previous|prior|above|earlier|preceding) (?:instruction|prompt|rule|direction|message)"
    r"|(?:忽略|无视|忘记)(?:以上|上述|之前|先前|前面)(?:的)?(?:所有|全部|一切)?(?:的)?(?:指令|指示|要求|提示|规则)"
    r"|<\|(?:im_|start|end|begin|eot|system|user|assistant)[a-z_]*\|>|<\uff5c"
    r"|<!-- iquest-review:",
    re.IGNORECASE,
)
_PLAIN = bytes(range(0x20, 0x7F)) + b"\t\n\r"
_WORDS = (
    b"ignor",
    b"regard",
    b"forget",
    b"<|",
    b"<!-- iquest",
    b'"issues"',
)  # parts of what _ORDERS and _ANSWER look for
_ANSWER = (
    '"issues"',
    '"summary"',
    '"suggestions"',
)  # the keys of a review: all of them on one line are a forged answer


def find_deceptive_text(files: Sequence[FileDiff], language: str, *, shown: bool = True) -> list[Finding]:
    """Return one finding per file and kind of deceit in its name and its added lines, MAX_FINDINGS_PER_RULE in all.

    Text for models is not reported in tests, and control characters are reported only in code: fixtures are full of
    both. In files that no model is shown (`shown` is False) only the reading direction is reported: bundles and
    translations contain all the rest.
    """
    findings = list[Finding]()
    for file in files:
        kinds = (deceit for deceit, _ in _find_deceits(file.new_path) if deceit in _IN_NAMES)
        findings += [_describe_deceit(file.path, deceit, [], "", "", language) for deceit in kinds]
        for deceit, places in _find_places(file).items():
            if shown or deceit is _DIRECTION:
                lines = [number for number, _, _ in places]
                findings.append(_describe_deceit(file.path, deceit, lines, *places[0][1:], language))
    return findings[:MAX_FINDINGS_PER_RULE]


def _describe_deceit(path: str, deceit: _Deceit, lines: Sequence[int], quote: str, word: str, language: str) -> Finding:
    """Return the finding on the first of the lines, or on the file when its name deceives and `lines` is empty."""
    title, text = (deceit.title_zh, deceit.text_zh) if is_chinese(language) else (deceit.title, deceit.text)
    if not lines:
        title, text = (f"文件名：{title}", title) if is_chinese(language) else (f"In the file name: {title}", title)
    return build_finding_by_rule(path, lines, quote, deceit.severity, title, text.replace("{word}", word), language)


def _find_places(file: FileDiff) -> dict[_Deceit, list[tuple[int, str, str]]]:
    """Return the lines of each kind of deceit: number, text as it is shown, and the word that deceives."""
    places = dict[_Deceit, list[tuple[int, str, str]]]()
    in_test = is_test(file.path)
    acts = is_code(file.path) and not in_test
    for line in (line for hunk in file.hunks for line in _list_suspect_lines(hunk)):
        for deceit, word in _find_line_deceits(line, acts=acts, in_test=in_test):
            places.setdefault(deceit, []).append((line.number, render_line_text(line), word))
    return places


def _list_suspect_lines(hunk: Hunk) -> Iterator[Line]:
    """Yield the added lines that may contain a deceit: none of most hunks, and few of the others."""
    if not _is_suspect(b"\n".join(hunk.rows)):
        return
    number = hunk.new_start
    for row in hunk.rows:
        marker = row[:1]
        if marker == b"+" and _is_suspect(row):
            yield Line(LineKind.ADDED, None, number, row[1:], encoding=hunk.encoding)
        number += marker not in (b"-", b"\\")


def _find_line_deceits(line: Line, *, acts: bool, in_test: bool) -> Iterator[tuple[_Deceit, str]]:
    """Yield the kinds of deceit in a line.

    A line in another encoding is judged by its decoded text, and by its bytes too for the reading direction. Bytes
    without a known encoding are no letters.
    """
    raw = line.raw[: 4 * MAX_SCANNED_CHARS]
    text = raw.decode("utf-8", "replace")[:MAX_SCANNED_CHARS]
    if is_utf8(raw, cut=raw is not line.raw) or is_mostly_utf8(raw):
        yield from _find_deceits(text, acts=acts, in_test=in_test)
        return
    decoded = decode_strictly(line.raw, line.encoding) if line.encoding else None
    found = dict(_find_deceits(text, acts=acts, in_test=in_test))
    if decoded is None:
        yield from ((deceit, word) for deceit, word in found.items() if deceit is not _LOOKALIKE)
        return
    seen = {_DIRECTION: ""} if _DIRECTION in found else {}
    yield from (seen | dict(_find_deceits(decoded[:MAX_SCANNED_CHARS], acts=acts, in_test=in_test))).items()


def _is_suspect(rows: bytes) -> bool:
    """Return whether rows may contain a deceit: a fast test that nearly all fail."""
    if rows.translate(None, _PLAIN) or b"\r" in rows.replace(b"\r\n", b"\n").removesuffix(b"\r"):
        return True
    lower = rows.lower()
    return any(word in lower for word in _WORDS)


def _find_deceits(text: str, *, acts: bool = True, in_test: bool = False) -> Iterator[tuple[_Deceit, str]]:
    """Yield the kinds of deceit in a text, each with the word that deceives.

    `acts` says whether control characters count, since programs act on them.
    """
    if not in_test and (_ORDERS.search(text) or all(key in text for key in _ANSWER)):
        yield _ADDRESS, ""
    if _TURNS.search(text):
        yield _DIRECTION, ""
    if (acts and _ACTS.search(text)) or _HIDDEN.search(_FLAGS.sub("", text)):
        yield _UNSEEN, ""
    if mixed := find_mixed_word(text):
        yield _LOOKALIKE, "".join(c if c.isascii() else f"{c} (U+{ord(c):04X})" for c in mixed[:40])
