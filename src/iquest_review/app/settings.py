"""Every setting: its name, its sources, its default and its help text.

Flag > environment (a CI/CD variable) > `.iquest-review.yml` of the target branch > default. An empty value counts as
not set. Settings are read once, from mappings that are handed in.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from iquest_review.app.injected import is_injected
from iquest_review.context.sources import ContextKind
from iquest_review.errors import UsageError

SETTINGS_FILE = ".iquest-review.yml"
STAND_IN = "stand-in"  # the api_url that names the embedded reviewer


class SecretValue:
    """A value that no repr, format or log shows."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the value, to send it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__


class Setting(NamedTuple):
    """One setting. `convert` raises ValueError with a description of the right values."""

    name: str
    variables: tuple[str, ...]
    help: str
    convert: Callable[[str], Any] = str
    default: Any = None
    flag: bool = False  # the command line has an option for it
    in_file: bool = False  # the settings file may set it, as it cannot harm

    @property
    def option(self) -> str:
        """The flag on the command line, if it has one."""
        return "--" + self.name.replace("_", "-")


class Settings(NamedTuple):
    """The settings of one run, checked."""

    api_url: str | None
    model: str | None
    api_key: SecretValue | None
    gitlab_token: SecretValue | None
    ca_file: str | None
    client_cert: str | None
    client_key: str | None
    project: str | None
    merge_request: int | None
    max_lines: int
    max_tokens: int | None
    max_requests: int
    concurrency: int | None
    temperature: float
    top_p: float
    max_output_tokens: int
    timeout: float
    structured_output: str
    language: str
    prompts_dir: str | None
    max_findings: int
    fail_on: str
    context: frozenset[str]


def resolve_settings(
    flags: Mapping[str, Any], environ: Mapping[str, str], file: Mapping[str, Any] | None = None
) -> Settings:
    """Return the settings. `flags` and `file` use setting names as keys; None in `flags` means: flag not given.

    Raises UsageError for a bad value and for an unknown name in `file`, with the name and the right values. Unknown
    variables are ignored: see `variables.describe_unknown_variables`.
    """
    _check_names_in_file(file or {})
    values = {setting.name: _resolve_value(setting, flags, environ, file or {}) for setting in SETTINGS}
    for name in ("api_key", "gitlab_token"):
        values[name] = SecretValue(values[name]) if values[name] else None
    return Settings(**values)


def _resolve_value(
    setting: Setting, flags: Mapping[str, Any], environ: Mapping[str, str], file: Mapping[str, Any]
) -> Any:
    candidates = [(setting.option, flags.get(setting.name))]
    candidates += [
        (variable, environ.get(variable)) for variable in setting.variables if not is_injected(variable, environ)
    ]
    if setting.in_file:
        candidates.append((f"{setting.name} in {SETTINGS_FILE}", file.get(setting.name)))
    for origin, value in candidates:
        text = str(value).strip() if value is not None else ""
        if text:
            try:
                return setting.convert(text)
            except ValueError as error:
                raise UsageError(f"{origin} is {text[:60]!r}; it must be {error}") from error
    return setting.default


def _check_names_in_file(file: Mapping[str, Any]) -> None:
    allowed = {setting.name for setting in SETTINGS if setting.in_file}
    for key in file:
        if key in allowed:
            continue
        if any(setting.name == key for setting in SETTINGS):
            raise UsageError(
                f"{SETTINGS_FILE} may not set {key}: set it by a CI/CD variable, which no merge request can change"
            )
        nearest = find_nearest_name(key[:60], allowed)
        hint = f"did you mean {nearest}?" if nearest else f"known settings: {', '.join(sorted(allowed))}"
        raise UsageError(f"unknown setting {key[:60]} in {SETTINGS_FILE}; {hint}")


def find_nearest_name(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like a name; None where all are too different."""
    return next(iter(difflib.get_close_matches(name, sorted(known), n=1)), None)


def _require_whole(least: int, most: int) -> Callable[[str], int]:
    def convert(text: str) -> int:
        if not re.fullmatch(r"\d{1,9}", text, re.ASCII) or not least <= int(text) <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return int(text)

    return convert


def _require_decimal(least: float, most: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        if not re.fullmatch(r"\d{1,6}(\.\d{1,6})?", text, re.ASCII) or not least <= float(text) <= most:
            raise ValueError(f"a number from {least:g} to {most:g}")
        return float(text)

    return convert


def _require_choice(*choices: str) -> Callable[[str], str]:
    def convert(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"one of: {', '.join(choices)}")
        return text.lower()

    return convert


def _require_choices(*choices: str) -> Callable[[str], frozenset[str]]:
    def convert(text: str) -> frozenset[str]:
        names = [name for name in re.split(r"[\s,]+", text.lower()) if name]
        if names in (["all"], ["none"]):
            return frozenset(choices if names == ["all"] else ())
        if not set(names) <= set(choices):
            raise ValueError(f"all, none, or some of: {', '.join(choices)}")
        return frozenset(names)

    return convert


def _parse_project(text: str) -> str:
    if not re.fullmatch(r"\d{1,18}|[\w.-]+(/[\w.-]+)+", text, re.ASCII) or ".." in text:
        raise ValueError("the number of a project or its full path, group/project")
    return text


def _parse_language(text: str) -> str:
    if not re.fullmatch(r"[\w -]{1,40}", text):
        raise ValueError("a language: en, zh, or any language name that the model knows")
    return _LANGUAGES.get(text.lower(), text)


_LANGUAGES = {**dict.fromkeys(("中文", "简体中文", "汉语", "chinese", "zh-cn", "zh_cn"), "zh"), "english": "en"}


SETTINGS: tuple[Setting, ...] = (
    Setting(
        "api_url",
        ("IQUEST_API_URL",),
        "the model server: http://host:8000/v1, or stand-in for the built-in rules",
        flag=True,
    ),
    Setting(
        "model",
        ("IQUEST_MODEL", "MODEL_NAME"),
        "name of the model (default: the only one that the server has)",
        flag=True,
    ),
    Setting("api_key", ("IQUEST_API_KEY",), "the model server's key"),
    Setting("gitlab_token", ("GITLAB_API_TOKEN",), "token with scope api and role Reporter; needed to post"),
    Setting(
        "ca_file", ("IQUEST_CA_FILE",), "PEM file of your own certificate authorities, for GitLab and the model server"
    ),
    Setting("client_cert", ("IQUEST_CLIENT_CERT",), "PEM file of the client certificate, for servers that ask for one"),
    Setting("client_key", ("IQUEST_CLIENT_KEY",), "PEM file of the client certificate's key, if it is in another file"),
    Setting(
        "project",
        ("IQUEST_PROJECT",),
        "project of the merge request: its number or full path",
        _parse_project,
        flag=True,
    ),
    Setting(
        "merge_request",
        ("IQUEST_MERGE_REQUEST",),
        "number (iid) of the merge request",
        _require_whole(1, 10**8),
        flag=True,
    ),
    Setting(
        "max_lines",
        ("IQUEST_MAX_LINES",),
        "diff lines that a request shows",
        _require_whole(1, 10**6),
        2000,
        True,
        True,
    ),
    Setting(
        "max_tokens",
        ("IQUEST_MAX_TOKENS",),
        "prompt tokens of a request (default: as many as the server's context window allows, else 32000)",
        _require_whole(500, 10**7),
        None,
        True,
        True,
    ),
    Setting(
        "max_requests",
        ("IQUEST_MAX_REQUESTS",),
        "most requests that show the change; several are summed up by one more",
        _require_whole(1, 100),
        4,
        True,
        True,
    ),
    Setting("concurrency", ("IQUEST_CONCURRENCY",), "requests that run at the same time", _require_whole(1, 32), None),
    Setting("temperature", ("IQUEST_TEMPERATURE",), "sampling temperature", _require_decimal(0, 2), 0.2),
    Setting("top_p", ("IQUEST_TOP_P",), "nucleus sampling", _require_decimal(0.01, 1), 0.95),
    Setting(
        "max_output_tokens", ("IQUEST_MAX_OUTPUT_TOKENS",), "most tokens of an answer", _require_whole(16, 10**6), 2048
    ),
    Setting("timeout", ("IQUEST_TIMEOUT",), "seconds that one answer may take", _require_decimal(0.1, 86_400), 120.0),
    Setting(
        "structured_output",
        ("IQUEST_STRUCTURED_OUTPUT",),
        "auto, json_schema, json_object or prompt",
        _require_choice("auto", "json_schema", "json_object", "prompt"),
        "auto",
        in_file=True,
    ),
    Setting(
        "language",
        ("IQUEST_LANGUAGE",),
        "language of the review: en, zh, or any language that the model knows",
        _parse_language,
        "en",
        True,
        True,
    ),
    Setting("prompts_dir", ("IQUEST_PROMPTS_DIR",), "folder of your own prompt templates"),
    Setting(
        "max_findings",
        ("IQUEST_MAX_FINDINGS",),
        "most open threads of a merge request; other findings go to the note",
        _require_whole(0, 100),
        10,
        in_file=True,
    ),
    Setting(
        "fail_on",
        ("IQUEST_FAIL_ON",),
        "exit 1 when a finding is this bad: low, medium, high (default: never)",
        _require_choice("never", "low", "medium", "high"),
        "never",
        True,
        True,
    ),
    Setting(
        "context",
        ("IQUEST_CONTEXT",),
        f"what a request shows besides the diff: all, none, or some of {', '.join(ContextKind)}",
        _require_choices(*ContextKind),
        frozenset(ContextKind),
        in_file=True,
    ),
)
