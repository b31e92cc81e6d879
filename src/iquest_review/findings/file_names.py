"""The forms in which a model writes the name of a file, and the name that each of them means.

A model copies a name from the prompt, from a patch, from a link or from memory. So a cited name is unwrapped step by
step: quotes, links, line numbers, words around it, escapes. Names are compared exactly first, then in a loose form that
knows no case, no kind of dash and no width.
"""

import html
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from urllib.parse import unquote

from iquest_review.excerpt.numbered_rows import render_path
from iquest_review.text import INVISIBLE

MAX_NAME_CHARS = 1_024  # of a cited name that are unwrapped; a longer one is only compared as it is
MAX_SPELLINGS, MAX_SPELT_CHARS = 120, 20_000  # that are tried of one cited name, the least changed first

_STATUS = (
    r"(?:newly\s+)?(?:new(?:\s+file)?|modified|changed|edited|updated|add(?:ed)?|creat(?:e|ed)|delet(?:e|ed)|removed?"
    r"|renam(?:e|ed)|cop(?:y|ied)|moved|unchanged|deleted file|both\s+modified"
    r"|新增|新建|修改|已修改|删除|已删除|重命名|复制)"
)
_NUMBERS = r"[Ll]?\d+(?:[:.]\d+)?(?:\s*(?:-|–|—|:|,|\.\.|to)\s*[Ll]?\d+(?:[:.]\d+)?)*"
_LINES = rf"(?:lines?|rows?|ln|line\s+numbers?|zeilen?|行|第)\s*[:#]?\s*{_NUMBERS}\s*行?"
_LEAD = re.compile(
    r"(?:={2,}\s*)?(?:files?|path|file\s*name|in|at|datei|文件|路径)\s*[:：=]\s*|={2,}\s*|(?:---|\+\+\+)\s+|\*{3}\s+"
    r"|(?:in|at|see|in\s+file|the\s+file|file)\s+|index:\s*|rename\s+(?:from|to)\s+|[-*•]\s+",
    re.IGNORECASE,
)
_STATUS_LEAD = re.compile(
    rf"(?:{_STATUS}\s*[:：]\s*|{_STATUS}\s+|(?:[MADRCTU?!]{{1,2}}|[RC]\d{{1,3}})\s+)", re.IGNORECASE
)
_STATUS_TAIL = re.compile(rf"\s*(?:[,;:：]|\s[-–—|]|\s)\s*{_STATUS}\b.*$", re.IGNORECASE)
_BRACKETS_TAIL = re.compile(r"\s*[(\[（【{<][^()\[\]（）【】]*(?:\([^()]*\)[^()\[\]（）【】]*)?[)\]）】}>]\s*$")
_LINES_TAIL = re.compile(
    rf"(?:\s*[,;:：@]?\s*\(?\s*{_LINES}\)?|[:：#@]+{_NUMBERS}|[#?&][^/]*|::[^/]*|\s+{_NUMBERS}|\s*\(\s*{_NUMBERS}\s*\))[.,;:]*$",
    re.IGNORECASE,
)
_COUNTS_TAIL = re.compile(r"\s*[|,]?\s*(?:\+\d+\s*[,/]?\s*[-−–]\d+|\|\s*\d+\s*[-+]*|[-+]{2,})\s*$")
# Possessive, with brackets in brackets once, as of app/[id]/(shop)/page.tsx: else a row of brackets takes minutes.
_LINK = re.compile(
    r"!?\[((?:[^\[\]]|\[[^\[\]]*\])*+)\]"
    r"(?:\s?\(<?((?:[^()\s]|\([^()]*\)|\s(?!\s*[\"']))*+)(?:\s+[\"'][^\"']*[\"'])?\)|\[[^\[\]]*\])"
)
_SPAN = re.compile(r"(`+)\s?(.+?)\s?\1")
_BRACED = re.compile(r"\{([^{}]*?)\s*(?:=>|->|→|⇒)\s*([^{}]*?)\}")
_ARROW = re.compile(r"\s*(?:=>|->|→|⇒|\brenamed to\b|\bmoved to\b)\s*")
_FROM = re.compile(r"\b(?:renamed|copied|moved)\s+from\s+([^,)\]）]+)", re.IGNORECASE)
_SEVERAL = re.compile(r"\s*[,;，；、\n|]\s*|\s+(?:and|und|et|&)\s+|\s*[和与]\s*")
_HEADER = re.compile(r"diff\s+--(?:git|cc|combined)\s+(.+)$")
_REVISION = re.compile(r"[^/\s:]*:(?=[^\d:])")  # HEAD:app/pay.py, C:/app/pay.py
_ESCAPES = re.compile(r"(?:\\(?:[0-3][0-7]{2}|x[0-9a-fA-F]{2}))+")
_UNICODE_ESCAPE = re.compile(r"\\u\{?([0-9a-fA-F]{4,6})\}?|\\U([0-9a-fA-F]{8})")
_QUOTES = "`'\"´‘’‚‛“”„‟«»‹›「」『』<>*_~"
_WORD = re.compile(r"[^\s\"'`<>()\[\]{},;:|=“”‘’«»]+")
_OPENING = frozenset("([{（【#=@")
_PUNCTUATION = ".,;:!?。，；：！？…"
_DASHES = dict.fromkeys((8722, 12540, 65123, 65293, *range(8208, 8214)), "-")
_MARKS = dict.fromkeys(map(ord, "‘’‚‛´`ʼ′"), "'") | dict.fromkeys(map(ord, "“”„‟″«»"), '"')
_SLASHES = dict.fromkeys(map(ord, "\\＼／∕⁄"), "/")


def normalize_blanks(path: str) -> str:
    """Return a path as the model saw it, with single blanks."""
    return " ".join(render_path(path).split())


def fold(path: str) -> str:
    """Return a path in the loose form: without case, width, blanks, invisible characters and typographic variants."""
    text = INVISIBLE.sub("", unicodedata.normalize("NFKC", path.translate(_DASHES | _MARKS | _SLASHES)))
    folded = unicodedata.normalize("NFKC", text.casefold())
    return "".join(folded.translate(_DASHES | _MARKS).split())


@lru_cache(8_192)
def keep_letters(path: str) -> str:
    """Return the letters and digits of a path in the loose form, without the suffix of the file."""
    stem, dot, suffix = path.rpartition(".")
    return "".join(filter(str.isalnum, fold(stem if dot and "/" not in suffix else path)))


@lru_cache(256)  # all findings of a file cite it in the same form
def list_spellings(cited: str) -> tuple[str, ...]:
    """Return the cited name, then what it may mean without what models and diffs add to it; the least changed first."""
    found = dict.fromkeys([normalize_blanks(cited)])
    texts = dict.fromkeys([" ".join(re.sub(r"\s*\n\s*", ", ", cited.strip()[:MAX_NAME_CHARS]).split())])
    waiting, chars = list(texts), 0
    found |= dict.fromkeys(map(normalize_blanks, texts))
    for text in waiting:  # the list grows: each new text is unwrapped in turn
        chars += len(text)
        if len(found) >= MAX_SPELLINGS or chars > MAX_SPELT_CHARS:
            break
        for plain in (plain for step in _STEPS for plain in step(text) if plain and plain not in texts):
            texts[plain] = None
            waiting.append(plain)
            found[normalize_blanks(plain)] = None
    return tuple(spelling for spelling in found if spelling)


def is_tail(tail: str, path: str) -> bool:
    """Return whether a path ends with the tail; one that begins with dots may begin within a folder's name."""
    cut = re.sub(r"^(?:…|\.{3,})", "", tail) if tail[:1] in "…." else tail
    return path.endswith("/" + cut.lstrip("/")) or (cut != tail and len(cut) > 1 and path.endswith(cut))


# -- the steps, each from one text to texts with less around the name


def _strip_quotes(text: str) -> Iterator[str]:
    yield INVISIBLE.sub("", text)
    yield text.strip().strip(_QUOTES + " ").strip()
    yield from (match[2] for match in _SPAN.finditer(text))
    if text[:1] in _OPENING:
        yield text.strip("()[]{}（）【】#=@" + _QUOTES + " ")


def _follow_link(text: str) -> Iterator[str]:
    for match in _LINK.finditer(text):
        yield from (part for part in match.groups() if part)


def _strip_words(text: str) -> Iterator[str]:
    for pattern in (_LEAD, _STATUS_LEAD):
        if match := pattern.match(text):
            yield text[match.end() :]
    for tail in (_BRACKETS_TAIL, _STATUS_TAIL, _COUNTS_TAIL, _LINES_TAIL):
        yield tail.sub("", text)
    yield text.rstrip(_PUNCTUATION + ")]} ")


def _split_rename(text: str) -> Iterator[str]:
    if match := _BRACED.search(text):
        for side in (2, 1):
            yield f"{text[: match.start()]}{match[side].strip()}{text[match.end() :]}".replace("//", "/")
    elif len(parts := _ARROW.split(text)) == 2:
        yield from reversed(parts)
    if match := _FROM.search(text):
        yield match[1].strip()


def _split_list(text: str) -> Iterator[str]:
    if match := _HEADER.match(text):
        names = match[1].replace('"', "")
        half = len(names) // 2
        yield from (names[half + 1 :], *reversed(re.split(r"\s+", names)))
    if len(parts := _SEVERAL.split(text)) > 1:
        yield from parts


def _decode_escapes(text: str) -> Iterator[str]:
    if "%" in text:
        yield unquote(text, errors="replace")
    if "&" in text:
        yield html.unescape(text)
    if "\\" in text:
        plain = _ESCAPES.sub(_decode_bytes, text)
        yield _UNICODE_ESCAPE.sub(_decode_code, plain)
        yield re.sub(r"\\([^a-zA-Z0-9\s])", r"\1", plain)  # \" of git, \_ of Markdown, \/ of JSON
        yield re.sub(r"\\([^\w])", r"\1", plain)  # a blank as a shell takes it
        yield plain.replace("\\\\", "\\")


def _decode_bytes(match: re.Match[str]) -> str:
    codes = re.findall(r"\\x([0-9a-fA-F]{2})|\\([0-3][0-7]{2})", match[0])
    raw = bytes(int(hexadecimal, 16) if hexadecimal else int(octal, 8) for hexadecimal, octal in codes)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _decode_code(match: re.Match[str]) -> str:
    code = int(match[1] or match[2], 16)
    return chr(code) if code <= 0x10FFFF and not 0xD800 <= code < 0xE000 else match[0]


def _unify_separators(text: str) -> Iterator[str]:
    path = text.strip().translate(_SLASHES)
    if "://" in path:
        path = path.partition("://")[2]
    if "//" in path or "./" in path:
        yield posixpath.normpath(path).removeprefix("../")
    yield path
    if match := _REVISION.match(path):
        yield path[match.end() :]


def _find_words(text: str) -> Iterator[str]:
    """Yield the words that look like paths, as the last means."""
    yield from (word.strip(".") for word in _WORD.findall(text) if re.search(r"[./]\w", word))


def _strip_prefix(text: str) -> Iterator[str]:
    if re.match(r"[abciwo12]/.", text):  # also git's diff.mnemonicPrefix
        yield text[2:]


_STEPS: tuple[Callable[[str], Iterator[str]], ...] = (
    _strip_quotes,
    _unify_separators,
    _strip_prefix,
    _follow_link,
    _strip_words,
    _split_rename,
    _decode_escapes,
    _split_list,
    _find_words,
)
