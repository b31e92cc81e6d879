"""Several requests for a change that does not fit one: which hunks share a request, and what all of them show.

Files that belong together stay together: those of a folder, and a test with the code it tests. If the change is larger
than all requests, its most important hunks are chosen first; otherwise the last folders would never be seen.
"""

import math
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from iquest_review.code.languages import get_tested_name, is_test
from iquest_review.context.rows import NO_FRAME
from iquest_review.diff.diff import FileDiff, Hunk
from iquest_review.diff.hunk_id import FileKey, make_file_key
from iquest_review.excerpt.excerpt import BYTES_PER_TOKEN, Excerpt, Limits, Part, pack_excerpt
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.measured_change import MeasuredFile
from iquest_review.excerpt.numbered_rows import count_hidden_lines
from iquest_review.excerpt.ranking import is_code
from iquest_review.prompt.fitting import (
    Gauge,
    Material,
    Prompt,
    TokenCounter,
    add_frame,
    fill_request,
    measure_material,
    measure_room,
)
from iquest_review.prompt.overview import render_overview

MIN_OVERVIEW_SHARE, MAX_OVERVIEW_SHARE = 1 / 16, 1 / 3  # of a request
MIN_BATCH_SHARE = 0.6  # of a request's share; then it may end before a file larger than the rest
MAX_SAME_NAME_FILES = 100  # a test's code is searched for among so many of one name; more (index.ts) say nothing
MIN_BATCHED_REQUESTS = 2.0  # a change of this size is not tried with one request
ROW_OVERHEAD_BYTES = 8  # about what marker, number, "| " and LF add to a row

_NO_ROOM = (Reason.LINES, Reason.TOKENS)


def build_prompts(material: Material, limits: Limits, most: int, count: TokenCounter) -> tuple[Prompt, ...]:
    """Return the requests that show the change: at most `most`, each within `limits`.

    It is one request if one is enough or nothing fits. Raises ContextExceededError if not even the instructions fit.
    """
    material, gauge = add_frame(material, limits), Gauge(count)
    room = measure_room(material, limits)
    whole_room = Limits(room.lines * most, room.tokens * most)
    change = measure_material(material, limits if most == 1 else whole_room)
    size = sum(_measure_file(file, room) for file in change.files)
    if material.context:
        material.context.prepare(pack_excerpt(change, whole_room).excerpt)
    if most == 1 or size < MIN_BATCHED_REQUESTS:
        first = fill_request(material, change, limits, gauge)
        if most == 1 or not first.excerpt.over_budget:
            return (first,)
    wanted = min(most, max(2, math.ceil(size)))
    overview_rows = _build_overview(material, limits, 1 - size / wanted)
    material = replace(material, frame=replace(material.frame or NO_FRAME, overview=overview_rows))
    room = measure_room(material, limits)
    whole_room = Limits(room.lines * most, room.tokens * most)
    left = sort_by_relation(pack_excerpt(change, whole_room).packing.list_shown())
    made = list[Prompt]()
    while left and len(made) < most:
        share, left = _take_batch(left, max(wanted - len(made), 1), room)
        prompt = fill_request(material, replace(change, files=share), limits, gauge)
        if prompt.packing and prompt.excerpt.parts:
            made.append(prompt)
            left = [*prompt.packing.list_left(), *left]
    return tuple(made) or (fill_request(material, change, limits, gauge),)


def _build_overview(material: Material, limits: Limits, spare: float) -> tuple[str, ...]:
    """Return the rows on all files for each request, in the room that the last one would leave empty, or in little."""
    share = min(MAX_OVERVIEW_SHARE, max(MIN_OVERVIEW_SHARE, spare))
    files = sorted(sort_by_relation(material.files), key=lambda file: (not is_code(file.path), is_test(file.path)))
    return render_overview(files, math.floor(share * limits.tokens * BYTES_PER_TOKEN))


def merge_excerpts(
    files: Sequence[FileDiff],
    screened: Sequence[Omission],
    excerpts: Sequence[Excerpt],
    unanswered: Sequence[tuple[Excerpt, Reason]] = (),
) -> Excerpt:
    """Return what several requests showed of these files as one excerpt.

    Every changed line is shown or left out exactly once. What the unanswered requests showed is left out for the reason
    given with each.
    """
    shown, wide = dict[FileKey, list[Hunk]](), dict[FileKey, list[Hunk]]()
    left_out, room = dict[tuple[str, Reason], int](), dict[str, Reason]()
    for excerpt in excerpts:
        for part in excerpt.parts:
            shown.setdefault(make_file_key(part.file), []).extend(part.hunks)
            wide.setdefault(make_file_key(part.file), []).extend(part.hunks if part.wide is None else part.wide)
        for omission in excerpt.omissions:
            if omission.reason in _NO_ROOM:
                room[omission.path] = omission.reason
            elif omission not in screened:
                place = omission.path, omission.reason
                left_out[place] = left_out.get(place, 0) + omission.changed_lines
    for excerpt, reason in unanswered:
        for part in excerpt.parts:
            place = part.file.path, reason
            lines = sum(hunk.changed_lines for hunk in part.hunks)
            left_out[place] = left_out.get(place, 0) + lines
    parts = tuple(
        Part(file, _sort_hunks(shown[make_file_key(file)]), _sort_hunks(wide[make_file_key(file)]))
        for file in files
        if make_file_key(file) in shown
    )
    omissions = [*screened, *(Omission(path, reason, lines) for (path, reason), lines in left_out.items())]
    missing = tuple(_find_missing_lines(files, parts, left_out, room))
    paths = {omission.path for omission in missing}
    left = tuple(Part(file, file.hunks) for file in files if file.path in paths and make_file_key(file) not in shown)
    return Excerpt(parts, (*omissions, *missing), left)


class _HasPath(Protocol):
    @property
    def path(self) -> str:
        """The path of a file."""


F = TypeVar("F", bound=_HasPath)


def sort_by_relation(files: Sequence[F]) -> list[F]:
    """Return the files in the order of their paths, each test after the code that has its name."""
    owners = dict[str, list[str]]()
    for file in files:
        stem = posixpath.basename(file.path).split(".", 1)[0]
        if get_tested_name(file.path) == stem:
            owners.setdefault(stem, []).append(file.path)

    def place(file: _HasPath) -> tuple[str, bool, str]:
        code = owners.get(get_tested_name(file.path), [])
        code = code if len(code) <= MAX_SAME_NAME_FILES else []
        near = max(code, key=lambda path: (_count_common_folders(path, file.path), path), default=file.path)
        return near, near != file.path, file.path

    return sorted(files, key=place)


def _count_common_folders(path: str, other: str) -> int:
    """Return how many folder names two paths share, at any depth: src/a/b.py and tests/a/test_b.py share one."""
    return len(set(path.split("/")[:-1]) & set(other.split("/")[:-1]))


def _take_batch(
    files: Sequence[MeasuredFile], requests: int, room: Limits
) -> tuple[list[MeasuredFile], list[MeasuredFile]]:
    """Return the first files, as much as each of so many requests should show, and the others.

    `fill_request` cuts a file that is larger than a request; the rest of it goes to the next one.
    """
    if requests == 1:
        return list(files), []
    sizes = [_measure_file(file, room) for file in files]
    share, taken = sum(sizes) / requests, 0.0
    for index, size in enumerate(sizes):
        if index and taken + size / 2 > share:
            end = index if taken >= MIN_BATCH_SHARE * share else index + 1
            return list(files[:end]), list(files[end:])
        taken += size
    return list(files), []


def _measure_file(file: MeasuredFile, room: Limits) -> float:
    """Return about how many requests with this room a file fills."""
    size = file.size.bytes + ROW_OVERHEAD_BYTES * file.size.lines
    return max(file.size.lines / room.lines, size / (float(BYTES_PER_TOKEN) * max(1, room.tokens)))


def list_shown_files(excerpt: Excerpt) -> list[FileDiff]:
    """Return what an excerpt shows, as file diffs."""
    return [replace(part.file, hunks=part.hunks) for part in excerpt.parts]


def _sort_hunks(hunks: Sequence[Hunk]) -> tuple[Hunk, ...]:
    return tuple(sorted(hunks, key=lambda hunk: (hunk.old_start + hunk.new_start, hunk.new_start)))


def _find_missing_lines(
    files: Sequence[FileDiff],
    parts: Sequence[Part],
    left_out: Mapping[tuple[str, Reason], int],
    room: Mapping[str, Reason],
) -> Iterator[Omission]:
    """Yield omissions for lack of room: lines neither shown nor left out for another reason."""
    shown = {make_file_key(part.file): part for part in parts}
    for file in files:
        part = shown.get(make_file_key(file))
        changed = sum(hunk.changed_lines for hunk in file.hunks)
        seen = sum(hunk.changed_lines - count_hidden_lines(hunk) for hunk in part.hunks) if part else 0
        other = sum(lines for (path, _), lines in left_out.items() if path == file.path)
        if (part is None and not other) or changed > seen + other:
            yield Omission(file.path, room.get(file.path, Reason.TOKENS), max(0, changed - seen - other))
