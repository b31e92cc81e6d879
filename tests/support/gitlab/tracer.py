"""What becomes of a diff note's position when the diff it was made on is no longer the newest.

Sources: GitLab's lib/gitlab/diff/position_tracer.rb, position_tracer/*_strategy.rb,
app/services/discussions/update_diff_position_service.rb, app/models/merge_request.rb,
app/models/concerns/diff_positionable_note.rb.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property

from tests.support.gitlab.http import Refused
from tests.support.gitlab.lines import compare, mapped
from tests.support.gitlab.positions import Anchor, judge
from tests.support.gitlab.repository import ChangedFile
from tests.support.gitlab.routes import message
from tests.support.gitlab.state import DiffRefs, Instance, Json, MergeRequest

Lines = tuple[int | None, int | None]


def place(instance: Instance, merge_request: MergeRequest, position: Json) -> Anchor:
    """Judge a position as the models do when a diff note is created, and carry it to the newest version."""
    number = merge_request.version_of(position)
    if number is None:
        # The position tracer meets nil: gitlab-org/gitlab#585340, #281143.
        raise Refused(message("500 Internal Server Error", 500))
    anchor = judge(instance, merge_request, position, number)
    stored = anchor.position
    if number == 0 or anchor.errors or stored is None:
        return anchor
    tracer = Tracer(instance, merge_request, merge_request.versions[number], paths_of([stored]))
    return tracer.trace(stored) or replace(anchor, outdated=True)


def paths_of(positions: Iterable[Json]) -> tuple[str, ...]:
    paths = [position[name] for position in positions for name in ("old_path", "new_path") if position.get(name)]
    return tuple(dict.fromkeys(paths))


@dataclass
class Tracer:
    """Carries positions of the diff A..B, an older version, to the diff C..D, the newest.

    GitLab compares the named paths alone, so git sees no rename between B and D unless both names are among them: a
    thread does not follow a file that the push itself renames. `Instance.traces_renames` lifts that.
    """

    instance: Instance
    merge_request: MergeRequest
    old: DiffRefs
    paths: tuple[str, ...]

    def trace(self, position: Json) -> Anchor | None:
        """The position in the newest version; None when it is outdated and stays as it was."""
        if position["position_type"] != "text":
            return self._file(position)
        if position["old_line"] is None:
            return self._added(position)
        if position["new_line"] is None:
            return self._removed(position)
        return self._unchanged(position)

    def _added(self, position: Json) -> Anchor | None:
        line, path = position["new_line"], position["new_path"] or position["old_path"]
        moved = _by_old_path(self.head_to_head, path)
        now = mapped(moved, line, "old to new")
        if now is None:
            return None
        file = _by_new_path(self.newest, moved.new_path if moved else path)
        return self._moved(position, file, (mapped(file, now, "new to old"), now))

    def _removed(self, position: Json) -> Anchor | None:
        line, path = position["old_line"], position["old_path"] or position["new_path"]
        moved = _by_old_path(self.base_to_base, path)
        before = mapped(moved, line, "old to new")
        if before is None:
            return None
        file = _by_old_path(self.newest, moved.new_path if moved else path)
        # A line that the merge request no longer removes is there again, yet no such row: outdated.
        return self._moved(position, file, (before, None))

    def _unchanged(self, position: Json) -> Anchor | None:
        old_path, new_path = position["old_path"] or position["new_path"], position["new_path"] or position["old_path"]
        based = _by_old_path(self.base_to_base, old_path)
        before = mapped(based, position["old_line"], "old to new")
        now = mapped(_by_old_path(self.head_to_head, new_path), position["new_line"], "old to new")
        if now is None:
            return None
        file = _by_old_path(self.newest, based.new_path if based else old_path)
        return self._moved(position, file, (before, now))

    def _file(self, position: Json) -> Anchor | None:
        """A note on a whole file is outdated by any push that touches the file."""
        if _by_old_path(self.head_to_head, position["new_path"]):
            return None
        return self._moved(position, _by_new_path(self.newest, position["new_path"]), (None, None))

    def _moved(self, position: Json, file: ChangedFile | None, lines: Lines) -> Anchor | None:
        if file is None:
            return None
        paths = {"old_path": file.old_path, "new_path": file.new_path}
        numbers = {"old_line": lines[0], "new_line": lines[1]}
        there = {**position, **self.merge_request.diff_refs.json(), **paths, **numbers}
        anchor = judge(self.instance, self.merge_request, there, 0)
        return None if anchor.errors else anchor

    # --- the diffs between the four commits ---

    @cached_property
    def base_to_base(self) -> list[ChangedFile]:
        return self._between(self.old.base, self.merge_request.diff_refs.base)

    @cached_property
    def head_to_head(self) -> list[ChangedFile]:
        return self._between(self.old.head, self.merge_request.diff_refs.head)

    @cached_property
    def newest(self) -> list[ChangedFile]:
        return compare(self.merge_request, self.merge_request.diff_refs, *self._compared)

    @property
    def _compared(self) -> tuple[str, ...]:
        return () if self.instance.traces_renames else self.paths

    def _between(self, one: str, other: str) -> list[ChangedFile]:
        repository = self.merge_request.project.repository
        return repository.changed_files(one, other, *self._compared) if repository and one != other else []


def _by_old_path(files: list[ChangedFile], path: str) -> ChangedFile | None:
    return next((file for file in files if file.old_path == path), None)


def _by_new_path(files: list[ChangedFile], path: str) -> ChangedFile | None:
    return next((file for file in files if file.new_path == path), None)
