"""Which changed files steer reviews: settings, guidelines, prompts, the CI job.

For all of them but the job, the version of the target branch counts.
"""

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
    """Return the changed paths that steer reviews. `templates` is the team's own folder, if it is in the repository."""
    paths = {path for path in _list_changed_paths(files) if _can_steer(PurePosixPath(path), templates)}
    return tuple(sorted(paths | {file.path for file in files if _is_our_job(file)}))


def locate_in_checkout(folder: Path, checkout: str) -> PurePosixPath | None:
    """Return a folder's path in the checked-out repository; None if it is elsewhere, or nothing is checked out."""
    for root in (Path(checkout).absolute(), Path(checkout).resolve()) if checkout else ():
        if folder.is_relative_to(root):
            return PurePosixPath(folder.relative_to(root))
    return None


def is_in_checkout(file: Path, checkout: str) -> bool:
    """Return whether a file is in the checkout, by its own path or by the path that its links lead to."""
    named = Path("/" + posixpath.normpath(str(file.absolute())).lstrip("/"))  # POSIX keeps two slashes at the start
    try:
        return (
            locate_in_checkout(named, checkout) is not None or locate_in_checkout(file.resolve(), checkout) is not None
        )
    except (OSError, RuntimeError, ValueError):  # a link to itself, a NUL: the error is reported where the file is used
        return False


def choose_template_reader(
    folder: Path, checkout: str, language: str, files: Iterable[FileDiff], lookup: Lookup | None
) -> TemplateReader:
    """Return how to read the templates of a folder: from the target branch if it has them, else from the disk.

    So the author of a merge request can neither write a prompt nor link to a file of the runner.
    Raises UsageError for a folder that comes with the merge request.
    """
    named, real = locate_in_checkout(folder.absolute(), checkout), locate_in_checkout(folder.resolve(), checkout)
    changed = {PurePosixPath(path) for path in _list_changed_paths(files)}
    for path in (named, real):
        if path is not None and lookup is not None:
            reader = _make_target_reader(lookup, folder, path)
            if any(reader(place / SYSTEM) is not None for place in list_template_folders(folder, language)):
                return reader
    replaced = named is not None and not changed.isdisjoint((named, *named.parents))
    if replaced or any(real is not None and path.is_relative_to(real) for path in changed):
        raise UsageError(
            f"IQUEST_PROMPTS_DIR {folder} comes with this merge request: the target branch does not have it"
        )
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
    """Return whether the reviewing job is changed: a merge-request pipeline runs the author's version of it."""
    named = PurePosixPath(file.path).name == CI_FILE
    return named and any(
        line.kind is not LineKind.CONTEXT and b"iquest" in line.raw.lower() for line in file.iter_lines()
    )


def _list_changed_paths(files: Iterable[FileDiff]) -> Iterator[str]:
    for file in files:
        yield from {file.old_path, file.new_path}
