"""Which file diffs are not worth a model's attention. Each becomes an omission with its reason, never a silent gap.

Only names and the diff decide, never `.gitattributes`: its author is the author of the change.
"""

import re
from dataclasses import dataclass
from enum import StrEnum

from iquest_review.diff.diff import Diff, FileDiff, FileStatus
from iquest_review.excerpt.numbered_rows import count_hidden_lines


class Reason(StrEnum):
    """Why lines were not shown to the model."""

    LOCK = "lock file"
    GENERATED = "generated file"
    VENDORED = "vendored file"
    MINIFIED = "minified or overlong lines"
    BINARY = "binary file"
    SUBMODULE = "submodule"
    LINES = "over the line budget"
    TOKENS = "over the token budget"
    SEEN = "reviewed at an earlier push"
    MOVED = "moved without changes"
    WHITESPACE = "only white space changed"
    UNANSWERED = "no usable answer"
    TIME = "no time left to ask the model"


@dataclass(frozen=True, slots=True)
class Omission:
    """Changed lines of a file that no model saw."""

    path: str
    reason: Reason
    changed_lines: int


_LOCK_NAMES = frozenset(
    [
        "package-lock.json",
        "npm-shrinkwrap.json",
        "yarn.lock",
        "pnpm-lock.yaml",
        "bun.lock",
        "bun.lockb",
        "deno.lock",
        "composer.lock",
        "Gemfile.lock",
        "Cargo.lock",
        "poetry.lock",
        "pdm.lock",
        "uv.lock",
        "Pipfile.lock",
        "conda-lock.yml",
        "pixi.lock",
        "go.sum",
        "go.work.sum",
        "mix.lock",
        "pubspec.lock",
        "Podfile.lock",
        "Cartfile.resolved",
        "Package.resolved",
        "flake.lock",
        "gradle.lockfile",
        "packages.lock.json",
        "project.assets.json",
        "buf.lock",
        ".terraform.lock.hcl",
        "Chart.lock",
        "MODULE.bazel.lock",
        "cabal.project.freeze",
        "stack.yaml.lock",
        "rebar.lock",
        "renv.lock",
        "requirements.lock",
    ]
)
_VENDORED = re.compile(
    r"(^|/)(node_modules|bower_components|third_party|third-party|Pods|\.yarn/(releases|plugins|sdks)|jspm_packages"
    # What Python installs and compiles; a folder named only venv is also a package of its standard library.
    r"|site-packages|\.venv|\.tox|\.nox|\.eggs|__pycache__|venv/(lib|lib64|Lib|bin|Scripts|include|Include))/|(^|/)venv/pyvenv\.cfg$"
    # A folder named vendor contains dependencies at the top, among assets, and if host names are its subfolders;
    # elsewhere it may be a module that deals with vendors.
    r"|^vendor/|(^|/)(assets|public|static|wwwroot|dist)/([^/]+/)?vendors?/|(^|/)vendor/[^/]+\.(com|org|net|in|io|dev)/"
)
MAX_PATH_CHARS = 4_096

_MINIFIED = re.compile(r"\.min\.(js|mjs|cjs|css)$|\.(js|mjs|cjs|css)\.map$|\.bundle\.js$")
_GENERATED_NAME = re.compile(
    r"(^|/)(__generated__|generated-sources)/|(^|/)dist/(.+/)?[^/]+\.(js|mjs|cjs|css|html|map|d\.ts|d\.mts|d\.cts)$"
    r"|_pb2(_grpc)?\.pyi?$|\.pb(\.gw)?\.(go|cc|h)$|\.pb\.swift$|_grpc\.pb\.go$"
    r"|\.(g|freezed|designer)\.(dart|cs)$|\.Designer\.(cs|vb)$|(^|/)zz_generated\.|\.snap$|_generated\.go$|\.generated\.\w+$"
)
# What generators write at the beginning of a comment; elsewhere it is text about generated files.
_GENERATED_MARK = re.compile(
    rb"""[ +-]\s*(?://+!?|/\*+!?|\*+|\#+|--+|<!--|;+|%+|\(\*|\{-|\"\"\"|\'\'\')\s*(?:
    (?:this\ (?:file|code)\ (?:is|was|has\ been)\ )?(?:code\ |automatically[ ]|auto-?)?generated\b
        .{0,100}\bdo\ not\ (?:edit|modify)
    |this\ (?:file|code)\ (?:is|was|has\ been)\ (?:automatically\ |auto-?)generated\s*(?:$|[.!;,*]|--)
    |do\ not\ (?:edit|modify)\b.{0,40}\b(?:auto-?)?generated
    |@generated\s*(?:$|\*/|-->|[.:;(<]|\"\"\"|(?:by|from|with|via|using|SignedSource)\b)
    |<auto-?generated\b
    |(?:this\ (?:file|code)\ (?:is|was|has\ been)\ )?(?:automatically\ |auto-?)generated\ (?:by|from|file)\b
    |this\ file\ (?:is|was|has\ been)\ generated\ (?:by|from)\b)""",
    re.IGNORECASE | re.VERBOSE,
)
MIN_NUL_SHARE = 0.1
_MAX_POINTER_ROWS = 20
_LFS_LINE = re.compile(
    rb"version https?://[\w.-]+/spec/v\d|oid sha256:[0-9a-f]{64}|size \d{1,18}|ext-\d-\w{1,40} sha256:[0-9a-f]{64}"
)
_HEAD_LINES = 30  # a generator signs at the top, below the licence


def screen(diff: Diff) -> tuple[tuple[FileDiff, ...], tuple[Omission, ...]]:
    """Return the file diffs to show, and an omission for each of the others."""
    shown, omissions = [], []
    for file in diff.files:
        reason = find_exclusion_reason(file)
        if reason is None:
            shown.append(file)
        else:
            omissions.append(Omission(file.path, reason, file.changed_lines))
    return tuple(shown), tuple(omissions)


def find_exclusion_reason(file: FileDiff) -> Reason | None:
    """Return why a file diff is left out, or None if it is shown."""
    path = file.path[-MAX_PATH_CHARS:]  # file systems allow no longer path, but a patch text may contain one
    if file.binary or _has_bytes_of_no_text(file) or _is_lfs_pointer(file):
        return Reason.BINARY
    if file.is_submodule:
        return Reason.SUBMODULE
    if path.rsplit("/", 1)[-1] in _LOCK_NAMES:
        return Reason.LOCK
    if _VENDORED.search(path):
        return Reason.VENDORED
    if _MINIFIED.search(path) or _is_mostly_overlong(file):
        return Reason.MINIFIED
    if _GENERATED_NAME.search(path) or _has_generated_mark(file):
        return Reason.GENERATED
    return None


def _has_bytes_of_no_text(file: FileDiff) -> bool:
    """Return whether many bytes are NUL: UTF-16, or binary content that an attribute or an option shows as text.

    Secrets are not found in it. A single NUL makes no line unreadable.
    """
    count = sum(row.count(b"\0") for hunk in file.hunks for row in hunk.rows if b"\0" in row)
    return count > 0 and MIN_NUL_SHARE * sum(len(row) for hunk in file.hunks for row in hunk.rows) <= count


def _is_lfs_pointer(file: FileDiff) -> bool:
    """Return whether all lines are those of a Git LFS pointer, which stands for a binary file (git-lfs spec.md)."""
    if len(file.hunks) != 1 or len(file.hunks[0].rows) > _MAX_POINTER_ROWS:
        return False
    rows = [row[1:].removesuffix(b"\r") for row in file.hunks[0].rows if row[:1] != b"\\"]
    return all(map(_LFS_LINE.fullmatch, rows)) and any(row.startswith(b"oid ") for row in rows)


def _is_mostly_overlong(file: FileDiff) -> bool:
    """Return whether overlong lines are most of the changed lines: a single one does not make a file minified."""
    return 2 * sum(map(count_hidden_lines, file.hunks)) > file.changed_lines


def _has_generated_mark(file: FileDiff) -> bool:
    """Return whether the top of the file says that it is generated.

    A line that this change adds counts only in a new file: in an existing one, somebody may add it to avoid review.
    """
    first = next(iter(file.hunks), None)
    if first is None or first.new_start > _HEAD_LINES:
        return False
    markers = {FileStatus.ADDED: b"+", FileStatus.DELETED: b"-"}.get(file.status, b" ")
    rows = first.rows[: _HEAD_LINES - first.new_start + 1]
    return any(_GENERATED_MARK.match(row) for row in rows if row[:1] == markers)
