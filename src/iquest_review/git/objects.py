"""Files of a commit: which there are of those asked for, and what is in them, a process for each question."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from iquest_review.git.command import GitDirectory

MAX_FILE_BYTES, MAX_TOTAL_BYTES = 1024**2, 64 * 1024**2  # bytes
MAX_PATH_BYTES = 4_096  # bytes; file systems end there
MAX_ARGUMENTS_BYTES = 100_000  # bytes of paths that one command is given; Linux allows 2 MiB, others less

_ENTRY = re.compile(rb"100\d{3} blob ([0-9a-f]+) +(\d+|-|BAD)\t(.*)", re.DOTALL)
_CONTENT = re.compile(rb"([0-9a-f]+) (?:blob (\d+)|missing)\n")
_ELSEWHERE = re.compile(r"\0|\A\Z|(?:\A|/)(?:\.{0,2})(?:/|\Z)")  # what is no plain path downwards


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file of a commit."""

    id: str
    size: int | None  # bytes; None where a partial clone lacks the file


def list_entries(git: GitDirectory, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
    """Those of the paths that are regular files in a commit that is here, in their order: a symbolic link leads
    anywhere, a submodule has no content. Raises GitError where trees are missing."""
    asked = {path.encode("utf-8", "surrogateescape"): path for path in paths if _is_plain(path)}
    found = dict[str, Entry]()
    for some in _chunk_names(asked):
        names = [asked[name] for name in some]
        for entry in git.run("ls-tree", "--full-tree", "-z", "-l", commit, "--", *names).split(b"\0"):
            match = _ENTRY.fullmatch(entry)
            if match and match[3] in asked:
                size = int(match[2]) if match[2].isdigit() else None
                found[asked[match[3]]] = Entry(match[1].decode("ascii"), size)
    return {path: found[path] for path in asked.values() if path in found}


def load_contents(git: GitDirectory, files: Mapping[str, Entry]) -> dict[str, bytes]:
    """The contents of those files that are here and not too large, as far as they are not too large together."""
    left, wanted = MAX_TOTAL_BYTES, dict[str, str]()
    for path, file in files.items():
        if file.size is not None and file.size <= min(MAX_FILE_BYTES, left):
            left -= file.size
            wanted[path] = file.id
    if not wanted:
        return {}
    ids = "".join(f"{name}\n" for name in dict.fromkeys(wanted.values()))
    read = dict(_parse_contents(git.run("cat-file", "--batch", given=ids.encode("ascii"))))
    return {path: read[name] for path, name in wanted.items() if name in read}


def _parse_contents(printed: bytes) -> Iterator[tuple[str, bytes]]:
    at = 0
    while match := _CONTENT.match(printed, at):
        at = match.end()
        if match[2]:
            yield match[1].decode("ascii"), printed[at : at + int(match[2])]
            at += int(match[2]) + 1


def _is_plain(path: str) -> bool:
    """Whether this can be the name of a file: the model and the author may have written anything."""
    try:
        length = len(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # half of a pair
        return False
    return length <= MAX_PATH_BYTES and not _ELSEWHERE.search(path)


def _chunk_names(names: Iterable[bytes]) -> Iterator[list[bytes]]:
    """The names, as many at a time as a command line takes."""
    chunk, size = list[bytes](), 0
    for name in names:
        if chunk and size + len(name) > MAX_ARGUMENTS_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(name)
        size += len(name) + 1
    if chunk:
        yield chunk
