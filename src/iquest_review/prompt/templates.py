"""The messages for the model, made of templates, the author's intent and an excerpt.

All text of the author is fenced with a nonce that nobody can know beforehand; excerpt/numbered_rows.py guards the diff.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import FunctionLoader, StrictUndefined, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from iquest_review.context.rows import NO_FRAME, NO_SIDE_ROWS, Frame, SideRows
from iquest_review.errors import UsageError
from iquest_review.excerpt.chat_tokens import defuse_tokens
from iquest_review.excerpt.excerpt import Excerpt, compute_aside_bytes, render_diff_rows
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.excerpt.numbered_rows import count_row_bytes, render_path, take_first_rows
from iquest_review.merge_request import Intent
from iquest_review.prompt.remarks import Remark, render_remarks
from iquest_review.text import escape_invisible, format_count, shorten_to_line

Message = dict[str, str]  # OpenAI's form: role and content
TemplateReader = Callable[[Path], bytes | None]  # reads a template's file; None if there is none

SYSTEM, USER, AGAIN, FIXED, SUMMARY = "system.j2", "user.j2", "again.j2", "fixed.j2", "summary.j2"
VARIABLES = {  # that each template may use
    SYSTEM: frozenset({"language"}),
    USER: frozenset(
        {
            "language",
            "nonce",
            "title",
            "description",
            "labels",
            "draft",
            "diff",
            "omitted",
            "commits",
            "rules",
            "overview",
            "calls",
            "callers",
            "past",
        }
    ),
    AGAIN: frozenset({"language", "problem"}),
    FIXED: frozenset({"language", "nonce", "remarks", "diff"}),
    SUMMARY: frozenset({"language", "nonce", "parts"}),
}
OPTIONAL_TEMPLATES = frozenset({FIXED, SUMMARY})  # a custom folder need not have these
MAX_TITLE_CHARS, MAX_LABEL_CHARS, MAX_LABELS = 300, 100, 20
MAX_OMITTED_PATH_CHARS = 200

LANGUAGES = {
    "en": "English",
    **dict.fromkeys(("zh", "zh-cn", "zh-hans", "zh-sg"), "简体中文"),
    **dict.fromkeys(("zh-tw", "zh-hk", "zh-hant"), "繁體中文"),
}


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of one language, and that language's name."""

    language: str  # as configured: en, zh, or any name the model knows
    digest: str  # 12 hexadecimal digits, for the templates' text and the language
    _folder: Path = field(repr=False)
    _environment: ImmutableSandboxedEnvironment = field(repr=False)
    _names: frozenset[str] = field(repr=False)  # of the templates that exist

    @classmethod
    def load(cls, folder: Path, language: str, read: TemplateReader | None = None) -> "Templates":
        """Load the templates of `folder/<language>`, else of `folder` itself, else those of `folder/en`.

        Raises UsageError, which names the file, if one is missing, cannot be read, or uses an unknown variable.
        """
        read = read or load_template_file
        home = next(
            (place for place in list_template_folders(folder, language) if read(place / SYSTEM) is not None), None
        )
        if home is None:
            raise UsageError(
                f"no template {SYSTEM} in {folder.absolute()} or in its folder for the language: "
                "set IQUEST_PROMPTS_DIR to a folder with system.j2, user.j2 and again.j2"
            )
        environment = ImmutableSandboxedEnvironment(
            loader=FunctionLoader(lambda name: _load_include(home, name, read)),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        names = [name for name in VARIABLES if name not in OPTIONAL_TEMPLATES or read(home / name) is not None]
        sources = [_load_source(home / name, read, environment, VARIABLES[name]) for name in names]
        digest = hashlib.sha256(b"\0".join([*sources, language.encode()])).hexdigest()[:12]
        return cls(language, digest, home, environment, frozenset(names))

    def render_messages(
        self,
        intent: Intent,
        excerpt: Excerpt,
        nonce: str,
        tokens: int = 32_000,
        frame: Frame = NO_FRAME,
        beside: SideRows = NO_SIDE_ROWS,
    ) -> list[Message]:
        """Return the system and the user message, for a prompt of about `tokens` tokens.

        The system message is the same for every review, and the text before the diff for every request of a review, so
        that servers can cache them.
        """
        user = self._render(
            USER,
            nonce=nonce,
            title=defuse_tokens(shorten_to_line(intent.title, MAX_TITLE_CHARS)),
            description=defuse_tokens(_shorten_description(intent.description, compute_aside_bytes(tokens))),
            labels=[defuse_tokens(shorten_to_line(label, MAX_LABEL_CHARS)) for label in intent.labels[:MAX_LABELS]],
            draft=intent.draft,
            diff="\n".join(render_diff_rows(excerpt)),
            omitted="\n".join(render_omissions(excerpt.omissions, compute_aside_bytes(tokens))),
            commits="\n".join(frame.commits),
            rules="\n".join(frame.rules),
            overview="\n".join(frame.overview),
            calls="\n".join(beside.calls),
            callers="\n".join(beside.callers),
            past="\n".join(beside.past),
        )
        return [{"role": "system", "content": self._render(SYSTEM)}, {"role": "user", "content": user}]

    def add_problem(self, messages: list[Message], problem: str) -> list[Message]:
        """Return the same messages, with a final note on why the answer to them could not be used."""
        *first, last = messages
        return [*first, {**last, "content": last["content"] + "\n\n" + self._render(AGAIN, problem=problem)}]

    def render_remarks_question(self, remarks: Sequence[Remark], excerpt: Excerpt, nonce: str) -> list[Message] | None:
        """Return one message that asks which of these remarks are fixed; None if there is no template for it.

        Raises UsageError if the template fails.
        """
        if FIXED not in self._names:
            return None
        rows = "\n".join(render_remarks(remarks))
        question = self._render(FIXED, nonce=nonce, remarks=rows, diff="\n".join(render_diff_rows(excerpt)))
        return [{"role": "user", "content": question}]

    def render_summary_question(self, parts: Sequence[str], nonce: str) -> list[Message] | None:
        """Return one message that asks for one summary of a review in parts; None if there is no template for it.

        Raises UsageError if the template fails.
        """
        if SUMMARY not in self._names:
            return None
        return [{"role": "user", "content": self._render(SUMMARY, nonce=nonce, parts="\n".join(parts))}]

    def _render(self, name: str, **values: object) -> str:
        tag = self.language.lower().replace("_", "-")
        try:
            template = self._environment.get_template(name)
            return template.render(language=LANGUAGES.get(tag, self.language), **values).strip()
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as error:  # a template is a program
            raise UsageError(f"{self._folder / name} cannot be used: {error}") from error


def load_template_file(file: Path) -> bytes | None:
    """Return the content of a file; None if there is no such file. Raises UsageError if it cannot be read."""
    try:
        return file.read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error}") from error


def _load_include(home: Path, name: str, read: TemplateReader) -> str | None:
    """Return a template of the folder for jinja, which passes the name from an include."""
    content = None if ".." in name or name.startswith("/") else read(home / name)
    return None if content is None else content.decode()


def list_template_folders(folder: Path, language: str) -> list[Path]:
    """Return the folders that may hold the templates, the best first; zh-CN uses those of zh."""
    names = [language, re.split("[-_ ]", language)[0].lower()] if re.fullmatch(r"[\w -]+", language) else []
    return [*(folder / name for name in names if name), folder, folder / "en"]


def _load_source(
    file: Path, read: TemplateReader, environment: ImmutableSandboxedEnvironment, variables: frozenset[str]
) -> bytes:
    """Return a template's source, checked, so that a broken one is found before a model is asked."""
    source = read(file)
    if source is None:
        raise UsageError(f"template not found: {file}")
    try:
        unknown = meta.find_undeclared_variables(environment.parse(source.decode())) - variables
    except TemplateSyntaxError as error:
        raise UsageError(f"{file}, line {error.lineno}: {error.message}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} cannot be read: {error}") from error
    if unknown:
        known = ", ".join(sorted(variables))
        raise UsageError(f"{file} uses unknown variables: {', '.join(sorted(unknown))}; it may use {known}")
    return source


def render_omissions(omissions: Sequence[Omission], most: int) -> Iterator[str]:
    """Yield a row for each omission, those for lack of room first, in about `most` bytes.

    Where they do not fit, the last ones share a row for each folder; these rows take at most half of the room.
    """
    ranked = sorted(omissions, key=lambda omission: omission.reason not in (Reason.LINES, Reason.TOKENS))
    named = list(take_first_rows(map(_render_omission, ranked), most))
    if len(named) < len(ranked):
        half = len(list(take_first_rows(named, most // 2)))
        named = list(take_first_rows(named, most - count_row_bytes(_render_folders(ranked[half:], most // 2))))
    yield from named
    yield from _render_folders(ranked[len(named) :], most // 2)


def _render_folders(omissions: Sequence[Omission], most: int) -> Iterator[str]:
    folders = Counter(omission.path.rpartition("/")[0].split("/", 1)[0] for omission in omissions)
    counted = sorted(folders.items(), key=lambda item: (-item[1], item[0]))
    named = list(take_first_rows((f"{_shorten_path(folder) or '.'}/: {count} more" for folder, count in counted), most))
    yield from named
    if rest := counted[len(named) :]:
        yield f"in {len(rest)} more folders: {sum(count for _, count in rest)} more"


def _render_omission(omission: Omission) -> str:
    lines = f", {format_count(omission.changed_lines, 'changed line')}" if omission.changed_lines else ""
    return f"{_shorten_path(omission.path)}: {omission.reason}{lines}"


def _shorten_path(path: str) -> str:
    shown = render_path(path)
    return (
        shown
        if len(shown) <= MAX_OMITTED_PATH_CHARS
        else f"{shown[: MAX_OMITTED_PATH_CHARS // 2]}…{shown[-MAX_OMITTED_PATH_CHARS // 2 :]}"
    )


def _shorten_description(description: str, most: int) -> str:
    """Return the description, cut to `most` bytes."""
    text = escape_invisible(description.replace("\r\n", "\n"))
    start = text.encode("utf-8", "replace")[:most].decode("utf-8", "ignore")
    return text if start == text else start + "\n[cut]"
