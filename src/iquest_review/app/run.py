"""What one run was asked for: command line, settings and CI variables, read once."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from iquest_review.app import settings
from iquest_review.app.ci import CiJob, parse_ci_job
from iquest_review.app.settings import Settings
from iquest_review.app.trusted_files import is_in_checkout
from iquest_review.errors import UsageError
from iquest_review.merge_request import MergeRequest
from iquest_review.net.tls import NamedFile, Tls
from iquest_review.progress import Progress
from iquest_review.text import shorten_to_line

MAX_SETTINGS_BYTES = 64 * 1024  # of .iquest-review.yml


class Arguments(NamedTuple):
    """What the command line says besides the settings."""

    diff: str | None = None
    repo: str | None = None
    base: str | None = None
    head: str = "HEAD"
    dry_run: bool = False
    full: bool = False
    output: str = "iquest-review"
    review_file: str = "iquest-review/review.json"


class Run(NamedTuple):
    """One run."""

    arguments: Arguments
    flags: Mapping[str, Any]
    variables: Mapping[str, str]  # the environment
    settings: Settings
    ci: CiJob
    progress: Progress

    @property
    def is_local(self) -> bool:
        """Whether the change is a saved diff or a local branch. Then nothing is read from or sent to GitLab."""
        return self.arguments.diff is not None or self.arguments.base is not None

    @property
    def tls(self) -> Tls:
        """The certificate files that the settings and CI_SERVER_TLS_CA_FILE name.

        Raises UsageError for a key without its certificate, and for a file that a merge request could bring along.
        """
        own, wanted = self.ci.ca_file, self.settings
        authorities = (NamedFile("IQUEST_CA_FILE", wanted.ca_file or ""), NamedFile("CI_SERVER_TLS_CA_FILE", own))
        certificate, key = wanted.client_cert, wanted.client_key
        if key and not certificate:
            raise UsageError("IQUEST_CLIENT_KEY is set without its certificate: set IQUEST_CLIENT_CERT, too")
        ours = {"IQUEST_CA_FILE": wanted.ca_file, "IQUEST_CLIENT_CERT": certificate, "IQUEST_CLIENT_KEY": key}
        for name, path in ours.items():
            if path and is_in_checkout(Path(path), self.ci.directory):
                raise UsageError(
                    f"{name} {shorten_to_line(path, 200)} is in the checkout, where the author of a merge "
                    "request can change it: make it a CI/CD variable of the type File"
                )
        return Tls(
            tuple(named for named in authorities if named.path),
            NamedFile("IQUEST_CLIENT_CERT", certificate) if certificate else None,
            NamedFile("IQUEST_CLIENT_KEY", key) if key else None,
        )

    def resolve_merge_request(self) -> MergeRequest | None:
        """Return the merge request that a flag or a setting names, else the pipeline's own; None without one.

        Raises UsageError if the project is missing.
        """
        if self.settings.merge_request is not None:
            project = self.settings.project or self.ci.merge_request_project or self.ci.project_id
            if not project:
                raise UsageError("--merge-request needs --project, its number or full path (IQUEST_PROJECT)")
            return MergeRequest(project, self.settings.merge_request)
        if self.settings.project and not self.is_local:
            raise UsageError("--project needs --merge-request, the number of the merge request (IQUEST_MERGE_REQUEST)")
        if re.fullmatch(r"\d{1,18}", self.ci.merge_request_iid, re.ASCII) and self.ci.merge_request_project:
            return MergeRequest(self.ci.merge_request_project, int(self.ci.merge_request_iid))
        return None

    def apply_settings_file(self, content: bytes | None) -> "Run":
        """Return the run with the settings file of the target branch applied.

        Raises UsageError if the file is not YAML, or sets something that it may not set.
        """
        if content is None:
            return self
        try:
            return self._replace(
                settings=settings.resolve_settings(self.flags, self.variables, _parse_settings_file(content))
            )
        except UsageError as error:  # the author's own copy of the file may be right
            raise UsageError(f"{error} (on the target branch)") from error


def create_run(arguments: Arguments, flags: Mapping[str, Any], variables: Mapping[str, str], progress: Progress) -> Run:
    """Return the run that arguments and environment ask for. Raises UsageError for arguments that contradict."""
    sources = [name for name, value in (("--diff", arguments.diff), ("--base", arguments.base)) if value]
    sources += ["--merge-request"] if flags.get("merge_request") else []
    if len(sources) > 1:
        raise UsageError(f"{' and '.join(sources)} name different changes; use one of them")
    if arguments.repo and not arguments.base:
        raise UsageError("--repo needs --base, the branch that the change is meant for: --base main")
    return Run(
        arguments, flags, variables, settings.resolve_settings(flags, variables), parse_ci_job(variables), progress
    )


def _parse_settings_file(content: bytes) -> Mapping[str, Any]:
    """Return the names and values of the settings file, all as text: YAML tags, dates and numbers mean nothing."""
    if len(content) > MAX_SETTINGS_BYTES:
        raise UsageError(f"{settings.SETTINGS_FILE} is larger than {MAX_SETTINGS_BYTES // 1024} KiB")
    try:
        found = yaml.compose(content, Loader=yaml.BaseLoader)  # builds nothing but texts, lists and maps
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:  # ValueError: \U00110000
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        # No cause: it quotes a part of the line, cut so that a secret in it is no longer known as one.
        raise UsageError(f"{settings.SETTINGS_FILE} is not YAML{line}") from None
    if found is None or (isinstance(found, yaml.ScalarNode) and not found.value):
        return {}
    if not isinstance(found, yaml.MappingNode):
        raise UsageError(f"{settings.SETTINGS_FILE} must contain `name: value` lines")
    values = dict[str, str]()
    for key, entry in found.value:
        name = shorten_to_line(key.value, 40) if isinstance(key, yaml.ScalarNode) else "a key"
        if not isinstance(key, yaml.ScalarNode) or not isinstance(entry, yaml.ScalarNode):
            raise UsageError(
                f"{name} in {settings.SETTINGS_FILE} is not a single value; the file contains `name: value` lines"
            )
        if key.value in values:
            raise UsageError(
                f"{name} is set twice in {settings.SETTINGS_FILE}, the second time in line {key.start_mark.line + 1}"
            )
        values[key.value] = entry.value
    return values
