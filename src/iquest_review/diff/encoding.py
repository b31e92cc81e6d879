"""Find the encoding of files that are not UTF-8: GB18030, Big5, Shift_JIS, EUC, Windows code pages and so on.

A declaration in the file counts if the file can be read with it. Else all lines that are not UTF-8 together decide. For
a single short line that is hard: over 51 samples of 11 encodings, most of one line, chardetng (Firefox's detector)
was right 51 times, chardet 7.7 44 times, charset-normalizer 3.5 29 times.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cache
from itertools import chain, islice

from chardetng_py.detector import EncodingDetector

from iquest_review.diff.decoding import decode_strictly, is_mostly_utf8, is_utf8
from iquest_review.diff.diff import FileDiff

MAX_SAMPLE_BYTES = 16 * 1024  # of the lines that are not UTF-8; more of them change no guess
MIN_SURE_BYTES = 5  # above ASCII: fewer fit many encodings
MIN_SURE_BYTES_EAST_ASIAN = 3  # only some pairs of bytes are characters there
MAX_READ_FILES = 50  # whose whole text is read: each may be a request

_EAST_ASIAN = frozenset(("gb18030", "big5hkscs", "cp932", "cp949", "euc_jp"))
_LATIN = frozenset(("cp1250", "cp1252", "cp1254", "cp1257", "iso8859-2", "iso8859-4", "iso8859-10", "iso8859-15"))
_IN_WORD = re.compile(rb"(?<=[A-Za-z])[\x80-\xff]|[\x80-\xff](?=[A-Za-z])")
_WESTERN = "cp1252"  # a lone letter with an accent is most likely Western
_HIGH = re.compile(rb"[\x80-\xff]")
_DECLARED = re.compile(rb"(?:coding[:=]|encoding=[\"']?|charset=[\"']?)[ \t]*([-\w.]{2,40})", re.IGNORECASE)
_DECLARING_LINES = 5
# The names of the WHATWG, and the supersets that browsers read them with.
_CODECS = {
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "euc_jp": "euc_jp",
    "koi8_u": "koi8_u",
    "koi8_r": "koi8_r",
    "windows_874": "cp874",
    "iso_8859_8_i": "iso8859_8",
}
_PRINTABLE = bytes(range(0x20, 0x7F))


def mark_encodings(files: Sequence[FileDiff], read_file: Callable[[str], bytes | None]) -> tuple[FileDiff, ...]:
    """Return the file diffs; those with lines that are not UTF-8 have hunks with the encoding of their file.

    `read_file` returns a file at the head commit, None when it cannot be read. It is called for such files only, at
    most MAX_READ_FILES times.
    """
    left = MAX_READ_FILES
    marked = list[FileDiff]()
    for file in files:
        odd = _find_odd_rows(file)
        first = next(odd, None)
        if first is None:
            marked.append(file)
            continue
        whole, left = (read_file(file.path) or b"" if left else b""), max(left - 1, 0)
        top = whole.split(b"\n", _DECLARING_LINES)[:_DECLARING_LINES] if whole else _list_first_rows(file)
        encoding = detect_encoding(chain([first], odd, _find_odd_lines(whole.split(b"\n"))), top)
        marked.append(_mark_file(file, encoding) if encoding else file)
    return tuple(marked)


def detect_encoding(odd: Iterable[bytes], top: Sequence[bytes] = ()) -> str | None:
    """Return the name of the codec that explains lines which are not UTF-8, or None when none surely does.

    `top` are the first lines of the file, which may declare it.
    """
    sample = _join_sample(odd)
    matches = (match for line in top if (match := _DECLARED.search(line)))
    declared = next((codec for match in matches if (codec := _find_codec(match[1].decode("ascii")))), None)
    if declared is not None and decode_strictly(sample, declared) is not None:
        return declared
    detector = EncodingDetector()
    detector.feed(sample, last=True)
    guess = _find_codec(detector.guess(tld=None, allow_utf8=False))
    if guess is None or decode_strictly(sample, guess) is None:
        return None
    least = MIN_SURE_BYTES_EAST_ASIAN if guess in _EAST_ASIAN else MIN_SURE_BYTES
    return guess if len(_HIGH.findall(sample)) >= least or _is_plausible_accent(sample, guess) else None


def _is_plausible_accent(sample: bytes, guess: str) -> bool:
    """Return whether a few bytes may well be letters with accents in words of a Latin alphabet."""
    return guess == _WESTERN or (guess in _LATIN and not _HIGH.search(_IN_WORD.sub(b"", sample)))


def _find_codec(name: str) -> str | None:
    """Return Python's codec for the name of an encoding; None for UTF-8, and for what is no encoding of text."""
    key = name.lower().replace("-", "_")
    try:
        codec = codecs.lookup(_CODECS.get(key, key)).name
    except LookupError:
        return None
    codec = _CODECS.get(codec.replace("-", "_"), codec)
    codec = _WESTERN if codec == "iso8859-1" else codec
    return codec if _is_ascii_superset(codec) else None


@cache
def _is_ascii_superset(codec: str) -> bool:
    """Return whether ASCII, and no other byte, means ASCII.

    With EBCDIC, UTF-7 or Mac Arabic, a declaration could show code as other code.
    """
    if codec.startswith(("utf", "hz", "iso2022", "idna", "punycode", "unicode", "raw", "mbcs", "oem")):
        return False
    try:
        others = {bytes([byte]).decode(codec, "ignore") for byte in range(0x80, 0x100)} - {""}
        return _PRINTABLE.decode(codec) == _PRINTABLE.decode("ascii") and not any(map(str.isascii, others))
    except (LookupError, ValueError):  # also what is no encoding of text: zlib, hex
        return False


def _find_odd_rows(file: FileDiff) -> Iterator[bytes]:
    """Yield the lines of the hunks that are not UTF-8."""
    for hunk in file.hunks:
        if not is_utf8(b"\n".join(hunk.rows)):
            yield from _find_odd_lines(row[1:] for row in hunk.rows)


def _find_odd_lines(lines: Iterable[bytes]) -> Iterator[bytes]:
    return (line for line in lines if not is_utf8(line) and not is_mostly_utf8(line))


def _list_first_rows(file: FileDiff) -> list[bytes]:
    rows = file.hunks[0].rows if file.hunks[0].new_start == 1 else ()
    return [row[1:] for row in islice(rows, _DECLARING_LINES)]


def _join_sample(odd: Iterable[bytes]) -> bytes:
    """Return the lines as one text of about MAX_SAMPLE_BYTES, none of them cut."""
    size, lines = 0, list[bytes]()
    for line in odd:
        if size and size + len(line) > MAX_SAMPLE_BYTES:
            break
        lines.append(line)
        size += len(line) + 1
    return b"\n".join(lines)


def _mark_file(file: FileDiff, encoding: str) -> FileDiff:
    return replace(file, hunks=tuple(replace(hunk, encoding=encoding) for hunk in file.hunks))
