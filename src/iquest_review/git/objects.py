"""List and read the files of a commit, with one git process for each question."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from iquest_review.git.command import GitDirectory

MAX_FILE_BYTES, MAX_TOTAL_BYTES = 1024**2, 64 * 1024**2
MAX_PATH_BYTES = 4_096  # the limit of Linux (PATH_MAX)
MAX_ARGUMENTS_BYTES = 100_000  # of paths for one command; Linux allows 2 MiB, other systems less

_ENTRY = re.compile(rb"100\d{3} blob ([0-9a-f]+) +(\d+|-|BAD)\t(.*)", re.DOTALL)
_CONTENT = re.compile(rb"([0-9a-f]+) (?:blob (\d+)|missing)\n")
_UNSAFE_PATH = re.compile(
    r"\0|\A\Z|(?:\A|/)(?:\.{0,2})(?:/|\Z)"
)  # NUL, empty, absolute, or a part that is empty, . or ..


@dataclass(frozen=True, slots=True)
class Entry:
    """A regular file of a commit."""

    id: str
    size: int | None  # bytes; None where a partial clone lacks the file


def list_entries(git: GitDirectory, commit: str, paths: Iterable[str]) -> dict[str, Entry]:
    """Return the regular files of a commit among these paths, in their order.

    Symbolic links are left out because they may lead anywhere, submodules because they have no content. Raises
    GitError when the commit or its trees are not in the clone.
    """
    wanted = {path.encode("utf-8", "surrogateescape"): path for path in paths if _is_plain(path)}
    entries = dict[str, Entry]()
    for chunk in _chunk_names(wanted):
        names = [wanted[name] for name in chunk]
        for entry in git.run("ls-tree", "--full-tree", "-z", "-l", commit, "--", *names).split(b"\0"):
            match = _ENTRY.fullmatch(entry)
            if match and match[3] in wanted:
                size = int(match[2]) if match[2].isdigit() else None
                entries[wanted[match[3]]] = Entry(match[1].decode("ascii"), size)
    return {path: entries[path] for path in wanted.values() if path in entries}


def load_contents(git: GitDirectory, files: Mapping[str, Entry]) -> dict[str, bytes]:
    """Return the contents of the files that the clone has.

    A file over MAX_FILE_BYTES is left out, and so is one that would make the total larger than MAX_TOTAL_BYTES.
    """
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
    index = 0
    while match := _CONTENT.match(printed, index):
        index = match.end()
        if match[2]:
            yield match[1].decode("ascii"), printed[index : index + int(match[2])]
            index += int(match[2]) + 1


def _is_plain(path: str) -> bool:
    """Return whether this can be the path of a file: the model and the author may write anything."""
    try:
        length = len(path.encode("utf-8", "surrogateescape"))
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return length <= MAX_PATH_BYTES and not _UNSAFE_PATH.search(path)


def _chunk_names(names: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Return the names in chunks that fit on a command line."""
    chunk, size = list[bytes](), 0
    for name in names:
        if chunk and size + len(name) > MAX_ARGUMENTS_BYTES:
            yield chunk
            chunk, size = [], 0
        chunk.append(name)
        size += len(name) + 1
    if chunk:
        yield chunk
