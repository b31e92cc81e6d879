"""Templates + intent + excerpt -> the messages the model is sent.

The diff is written a line a row: marker, line number, "| ", text. The number is the new file's, a removed line's is
the old file's. Everything the author wrote stands between fences with a nonce nobody could know beforehand.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import FileSystemLoader, StrictUndefined, TemplateError, TemplateNotFound
from jinja2.sandbox import ImmutableSandboxedEnvironment

from iquest_review.change.characters import one_line, visible
from iquest_review.change.diff import FileDiff, Hunk, Line, Status
from iquest_review.change.intent import Intent
from iquest_review.errors import UsageError
from iquest_review.prompt.budget import Excerpt
from iquest_review.prompt.screen import Omission

Message = dict[str, str]  # OpenAI's form: role and content

SYSTEM, USER, AGAIN = "system.j2", "user.j2", "again.j2"
TITLE_LIMIT, DESCRIPTION_LIMIT = 300, 6_000  # characters
OMITTED_PATHS = 200  # paths named one by one; the rest is counted by folder

LANGUAGES = {"en": "English", "zh": "简体中文"}


@dataclass(frozen=True, slots=True)
class Templates:
    """The templates of one language, and that language's name."""

    language: str  # as set: en, zh, or any name the model knows
    digest: str  # of the templates' text and the language: 12 hexadecimal digits
    _environment: ImmutableSandboxedEnvironment = field(repr=False)

    @classmethod
    def load(cls, folder: Path, language: str) -> "Templates":
        """Templates of `folder/<language>`, of `folder` itself, or the English ones for any other language.

        Raises UsageError when a template is missing or cannot be read.
        """
        places = [folder / language, folder, folder / "en"] if language.isalnum() else [folder, folder / "en"]
        home = next((place for place in places if (place / SYSTEM).is_file()), None)
        if home is None:
            raise UsageError(
                f"no template {SYSTEM} in {folder}: it holds system.j2, user.j2 and again.j2, or a folder a language"
            )
        environment = ImmutableSandboxedEnvironment(
            loader=FileSystemLoader(home),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,
        )
        try:
            for name in (SYSTEM, USER, AGAIN):
                environment.get_template(name)  # a broken one is found before anything is asked
            sources = [(home / name).read_bytes() for name in (SYSTEM, USER, AGAIN)]
        except TemplateNotFound as error:
            raise UsageError(f"no template {error.name} in {home}") from None
        except (TemplateError, OSError, UnicodeDecodeError) as error:
            raise UsageError(f"a template in {home} cannot be used: {error}") from None
        digest = hashlib.sha256(b"\0".join([*sources, language.encode()])).hexdigest()[:12]
        return cls(language, digest, environment)

    def messages(self, intent: Intent, excerpt: Excerpt, nonce: str) -> list[Message]:
        """What the model is sent. The system message is the same for every review, so that servers can cache it."""
        user = self._render(
            USER,
            nonce=nonce,
            title=_inert(one_line(intent.title, TITLE_LIMIT)),
            description=_inert(_short(intent.description)),
            labels=[_inert(one_line(label, 100)) for label in intent.labels[:20]],
            draft=intent.draft,
            diff="\n".join(rows(excerpt)),
            omitted="\n".join(_omitted(excerpt.omissions)),
        )
        return [{"role": "system", "content": self._render(SYSTEM)}, {"role": "user", "content": user}]

    def again(self, messages: list[Message], problem: str) -> list[Message]:
        """The same messages, with a last word on why the answer to them could not be used."""
        *first, last = messages
        return [*first, {**last, "content": last["content"] + "\n\n" + self._render(AGAIN, problem=problem)}]

    def _render(self, name: str, **values: object) -> str:
        try:
            return self._environment.get_template(name).render(
                language=LANGUAGES.get(self.language, self.language), **values
            ).strip()  # fmt: skip
        except TemplateError as error:
            raise UsageError(f"template {name} cannot be used: {error}") from None


def rows(excerpt: Excerpt) -> Iterator[str]:
    """The diff as the model sees it."""
    for part in excerpt.parts:
        yield f"=== file: {_inert(visible(part.file.path))} ({_status(part.file)})"
        for hunk in part.hunks:
            yield from _hunk_rows(hunk)


def shown_text(line: Line) -> str:
    """A line's text as the model sees it, which is how it quotes it."""
    return _inert(visible(line.text))


def _hunk_rows(hunk: Hunk) -> Iterator[str]:
    yield f"@@ {_inert(one_line(hunk.heading, 100))}".rstrip()
    for line in hunk.lines():
        yield f"{line.kind.value}{line.number}| {shown_text(line)}"


def _status(file: FileDiff) -> str:
    words = [str(file.status)]
    if file.status in (Status.RENAMED, Status.COPIED):
        words = [f"{file.status} from {_inert(visible(file.old_path))}"]
    if file.old_mode and file.new_mode and file.old_mode != file.new_mode:
        words.append(f"mode {file.old_mode} to {file.new_mode}")
    if file.is_symlink:
        words.append("symbolic link")
    return ", ".join(words)


def _omitted(omissions: tuple[Omission, ...]) -> Iterator[str]:
    """A row for each omission; beyond OMITTED_PATHS a row for each folder."""
    for omission in omissions[:OMITTED_PATHS]:
        yield f"{_inert(visible(omission.path))}: {omission.reason}, {omission.changed_lines} changed lines"
    folders: dict[str, int] = {}
    for omission in omissions[OMITTED_PATHS:]:
        folder = visible(omission.path.split("/", 1)[0]) if "/" in omission.path else "the top folder"
        folders[folder] = folders.get(folder, 0) + 1
    for folder, count in sorted(folders.items(), key=lambda item: (-item[1], item[0]))[:50]:
        yield f"{_inert(folder)}: {count} more"


def _short(description: str) -> str:
    text = visible(description.replace("\r\n", "\n"))
    return text if len(text) <= DESCRIPTION_LIMIT else text[:DESCRIPTION_LIMIT] + "\n[cut]"


def _inert(text: str) -> str:
    """Without the openings of chat-template tokens such as <|im_end|>, which a server would take for its own."""
    return text.replace("<|", "< |")
