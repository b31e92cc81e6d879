"""What of a change steers reviews: settings, rules, prompts, the job. Of all but the job the target branch's version
counts."""

import posixpath
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from iquest_review.app import settings
from iquest_review.context.guidelines import AGENTS_FILE, DUO_FILE
from iquest_review.context.sources import Lookup
from iquest_review.diff.diff import FileDiff, LineKind
from iquest_review.errors import UsageError
from iquest_review.prompt.templates import SYSTEM, TemplateReader, list_template_folders, load_template_file

CI_FILE = ".gitlab-ci.yml"


def find_steering_paths(files: Iterable[FileDiff], templates: PurePosixPath | None) -> tuple[str, ...]:
    """The changed paths that steer reviews; `templates` is the folder of one's own where it lies in the repository."""
    paths = {path for path in _list_changed_paths(files) if _can_steer(PurePosixPath(path), templates)}
    return tuple(sorted(paths | {file.path for file in files if _is_our_job(file)}))


def locate_in_checkout(folder: Path, checkout: str) -> PurePosixPath | None:
    """A folder's path in the repository that is checked out there; None where it lies elsewhere, or nothing is."""
    for root in (Path(checkout).absolute(), Path(checkout).resolve()) if checkout else ():
        if folder.is_relative_to(root):
            return PurePosixPath(folder.relative_to(root))
    return None


def is_in_checkout(file: Path, checkout: str) -> bool:
    """Whether a file lies in what is checked out there, by its name or where its links lead."""
    named = Path("/" + posixpath.normpath(str(file.absolute())).lstrip("/"))  # POSIX keeps two slashes at the start
    try:
        return (
            locate_in_checkout(named, checkout) is not None or locate_in_checkout(file.resolve(), checkout) is not None
        )
    except (OSError, RuntimeError, ValueError):  # a link to itself, a NUL: what is no file is named where it is used
        return False


def choose_template_reader(
    folder: Path, checkout: str, language: str, files: Iterable[FileDiff], lookup: Lookup | None
) -> TemplateReader:
    """How the templates of a folder are read: as they stand on the target branch, where that holds them, so that a
    merge request's author writes no prompt and puts no link to a file of the runner; else from the disk.

    Raises UsageError for a folder that comes with the merge request.
    """
    named, real = locate_in_checkout(folder.absolute(), checkout), locate_in_checkout(folder.resolve(), checkout)
    changed = {PurePosixPath(path) for path in _list_changed_paths(files)}
    for path in (named, real):
        if path is not None and lookup is not None:
            settled = _make_target_reader(lookup, folder, path)
            if any(settled(place / SYSTEM) is not None for place in list_template_folders(folder, language)):
                return settled
    replaced = named is not None and not changed.isdisjoint((named, *named.parents))
    if replaced or any(real is not None and path.is_relative_to(real) for path in changed):
        raise UsageError(f"IQUEST_PROMPTS_DIR {folder} comes with this merge request: its target branch has none there")
    return load_template_file


def _make_target_reader(lookup: Lookup, folder: Path, path_of_folder: PurePosixPath) -> TemplateReader:
    def read(file: Path) -> bytes | None:
        path = (path_of_folder / file.relative_to(folder)).as_posix()
        return lookup.load_rules([path]).get(path)

    return read


def _can_steer(path: PurePosixPath, templates: PurePosixPath | None) -> bool:
    ours = path.as_posix() in (settings.SETTINGS_FILE, DUO_FILE) or path.name == AGENTS_FILE
    return ours or (templates is not None and path.is_relative_to(templates))


def _is_our_job(file: FileDiff) -> bool:
    """Whether the job that reviews is changed: in a merge request's pipeline the author's version of it runs."""
    named = PurePosixPath(file.path).name == CI_FILE
    return named and any(
        line.kind is not LineKind.CONTEXT and b"iquest" in line.raw.lower() for line in file.iter_lines()
    )


def _list_changed_paths(files: Iterable[FileDiff]) -> Iterator[str]:
    for file in files:
        yield from {file.old_path, file.new_path}
