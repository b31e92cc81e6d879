"""The last check of a body before it goes to GitLab: it catches what `markdown` let through by mistake.

`markdown` escapes texts by rules. The guard does not know these rules: it renders the body with comrak, the parser
that GitLab builds on, and looks at the result. It is stricter than GitLab: whatever our notes never contain is a fault,
even if it does no harm today. A body with a fault is not lost. It is posted as one code block, below the hidden lines
by which later runs find it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Any, NamedTuple

from iquest_review.note import markdown
from iquest_review.text import JOINER, escape_invisible, shorten_to_line

MAX_NOTE_CHARS = 1_000_000  # lib/gitlab/database.rb
MAX_SHOWN_CHARS = 400_000  # of a body with a fault; the code block may add word joiners to it
# comrak takes quadratic time for some texts. Each limit keeps it below 0.4 s; our notes need far less.
MAX_EMPHASIS_RUNS = 60_000  # between two blank lines
MAX_SEARCHED_CHARS = 1_500_000_000  # in search of the ends of formulas
MAX_DEFINITIONS = 4_000
NOTICE = (
    "⚠️ iquest-review shows this text as code because it may be unsafe: {fault}. "
    "Please report this as a security problem."
)


class GuardedBody(NamedTuple):
    """A body that is safe to send. `fault` says why it is not the original one; empty if it is."""

    body: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class LinkTargets:
    """The pages a link may lead to: the project's files and jobs, and the notes of the merge request.

    By default no page at all. No other page of GitLab: any link to an issue leaves a note on that issue.
    """

    project_url: str = ""
    job_url: str = ""
    iid: int = 0

    def can_link_to(self, url: str) -> bool:
        """Return whether a link may lead to a URL."""
        roots = {root for root in (self.project_url, self.job_url.partition("/-/jobs/")[0]) if _WEB.match(root)}
        pages = [f"{root}/-/jobs/" for root in roots]
        if self.project_url in roots:
            pages += [f"{self.project_url}/-/blob/", f"{self.project_url}/-/merge_requests/{self.iid}#note_"]
        return url.startswith(tuple(pages)) and not _UPWARDS.search(url)


def guard_body(body: str, pages: LinkTargets) -> GuardedBody:
    """Return the body unchanged if it is safe, else as one code block with the reason. Takes linear time."""
    fault = _find_fault(body, pages)
    return GuardedBody(_wrap_as_code(body, fault), fault) if fault else GuardedBody(body)


_WEB = re.compile(r"https?://[^/]")
_UPWARDS = re.compile(r"/(?:\.|%2e){1,2}(?:[/?#]|$)", re.IGNORECASE)
_UNSEEN = "an invisible character"
_COMMAND = re.compile(r"^/\w+", re.MULTILINE)
_RUN, _DEFINITION = re.compile(r"[*_~]+"), re.compile(r"^[ \t>]*[:~][ \t]", re.MULTILINE)
_BLANK, _FENCE = re.compile(r"\n[ \t]*\n"), re.compile(r" {0,8}(`{3,})([^`]*)$")
# lib/gitlab/front_matter.rb removes it before anything is parsed; a line that names an encoding may be above it
_FRONT_MATTER = re.compile(r"\s*(?:[^\n]*coding:[^\n]*\n\s*)?(?:---|\+\+\+|;;;)")
_OMITTED = "<!-- raw HTML omitted -->"  # comrak writes it for raw HTML; in a text it would be escaped
_OWN_HTML = re.compile(r"(?:\s|<!-- iquest-review:[^<>\n]* -->|</?details>|<summary>[^<>&\n]*</summary>)*")
_KIND = re.compile(r"<!--\s*iquest-review:(\w*)")
_CODE = re.compile(r"<(pre|code)\b.*?</\1>", re.DOTALL)
_TAG = re.compile(r"<(/?\w+)([^>]*)>")
_ESCAPED = re.compile(r"<span data-escaped-char>(.*?)</span>", re.DOTALL)
_PLAIN = frozenset(
    "p ul ol li h1 h2 h3 h4 h5 h6 strong em del hr br blockquote table thead tbody tr th td code pre span".split()
)
_ATTRIBUTES = re.compile(r' start="\d+"| align="\w+"| data-escaped-char| ?/|')
_LANGUAGE = re.compile(r' lang="(?:(\w+)|suggestion:-\d{1,2}\+\d{1,2})"')
_HREF = re.compile(r' href="([^"]*)"')
# What lib/banzai/filter/references looks for, and more: GitLab also checks that the target exists, the guard does not.
_LIVE = (
    ("a mention", re.compile(r"@[\w.]")),
    ("a cross reference", re.compile(r'[#!$&]\d|~[\w."?&-]|%[\w."-]|\*iteration:|\[\w+:|\bGL-\d')),
    ("a commit", re.compile(r"\b[0-9a-fA-F]{7,64}\b", re.ASCII)),
    ("an issue of another tracker", re.compile(r"\b(?!UTF-8\b)[A-Z][A-Z0-9_]*-\d")),
    ("a project", re.compile(r"[\w.-]/[\w.-]+>")),
    ("an address", re.compile(r"\w://|\bwww\.\w", re.IGNORECASE)),
    ("a live block", re.compile(r"\[\[|\[TOC\]|%\{", re.IGNORECASE)),
)


def _find_fault(body: str, pages: LinkTargets) -> str:
    """Return what is wrong with the body, in a few words; empty if nothing is."""
    if len(body) > MAX_NOTE_CHARS:
        return "it is too long for a note"
    without_joiners = body.replace(JOINER, "")
    if escape_invisible(without_joiners) != without_joiners:
        return _UNSEEN
    # Lines of code blocks too: GitLab before 17 looks for commands in the raw text.
    if command := _COMMAND.search(body):
        return _describe_fault("a line that may be a quick action", command[0])
    if _FRONT_MATTER.match(body):
        return "front matter"
    kinds = _KIND.findall(body)
    if len(kinds) > len(set(kinds)):
        return "a duplicate of a hidden line"
    if _is_slow(body) and _is_slow("\n".join(_drop_code_blocks(body.split("\n")))):
        return "it takes too long to check"
    return next(_find_live_parts(body, pages), "")


def _is_slow(text: str) -> bool:
    """Return whether comrak may take long for a text. Code blocks count as text, so it may take less."""
    return len(_DEFINITION.findall(text)) > MAX_DEFINITIONS or any(
        len(chunk) > MAX_EMPHASIS_RUNS
        and (len(_RUN.findall(chunk)) > MAX_EMPHASIS_RUNS or chunk.count("$`") * len(chunk) > MAX_SEARCHED_CHARS)
        for chunk in _BLANK.split(text)
    )


def _drop_code_blocks(rows: Iterable[str]) -> Iterator[str]:
    """Yield the rows outside code blocks."""
    fence = ""
    for row in rows:
        delimiter = _FENCE.match(row)
        if fence:
            fence = "" if delimiter and delimiter[1].startswith(fence) and not delimiter[2] else fence
        elif delimiter:
            fence = delimiter[1]
        else:
            yield row


def _find_live_parts(body: str, pages: LinkTargets) -> Iterator[str]:
    """Yield a fault for each part of the rendered body that is not plain text."""
    html = _render_page(body, raw_html=False)
    for tag in _TAG.finditer(html):
        if problem := _find_tag_fault(tag[1], tag[2], pages):
            yield problem
    pieces = html.split(_OMITTED)
    raw = list(_extract_raw_html(pieces, _render_page(body, raw_html=True))) if len(pieces) > 1 else []
    for piece in raw:
        if not _OWN_HTML.fullmatch(piece):
            yield _describe_fault("HTML", piece)
    without_code = _CODE.sub("\n", "\n".join(pieces))
    # Older GitLabs leave no tag where a character was escaped: the text before and after it is one.
    text = unescape(re.sub(r"<[^>]*>", "\n", "\n".join([_ESCAPED.sub(r"\1", without_code), *_strip_comments(raw)])))
    for name, pattern in _LIVE:
        if match := pattern.search(text):
            yield _describe_fault(name, text[max(0, match.start() - 20) : match.end() + 20])


def _strip_comments(raw: list[str]) -> Iterator[str]:
    return (re.sub(r"<!--.*?-->", "", piece, flags=re.DOTALL) for piece in raw)


def _find_tag_fault(name: str, attributes: str, pages: LinkTargets) -> str:
    """Return why our notes never contain such a tag; empty if they may."""
    if name.startswith("/"):
        return ""
    if name == "a":
        href = _HREF.fullmatch(attributes)
        return "" if href and pages.can_link_to(unescape(href[1])) else _describe_fault("a link", unescape(attributes))
    if name == "img":
        return _describe_fault("an image", unescape(attributes))
    if name == "pre" and (language := _LANGUAGE.fullmatch(attributes)):
        known = language[1] is None or language[1].lower() in markdown.LANGUAGES
        return "" if known else _describe_fault("a live block", language[1])
    if name in _PLAIN and _ATTRIBUTES.fullmatch(attributes):
        return ""
    return _describe_fault("a live block", name + unescape(attributes))


def _extract_raw_html(pieces: list[str], html: str) -> Iterator[str]:
    """Yield the raw HTML between the pieces of a page.

    `html` is the page rendered with raw HTML, the pieces are the same page rendered without it. A piece may also occur
    elsewhere: whatever the split is, all of the page is looked at.
    """
    start = len(pieces[0])
    if not html.startswith(pieces[0]) or not html.endswith(pieces[-1]):
        yield html
        return
    for piece in pieces[1:-1]:
        end = html.find(piece, start)
        if end < 0:
            yield html[start:]
            return
        yield html[start:end]
        start = end + len(piece)
    yield html[start : max(start, len(html) - len(pieces[-1]))]


def _wrap_as_code(body: str, fault: str) -> str:
    """Return the body as one code block, below its hidden lines and a notice."""
    markers, rest = list[str](), list[str]()
    for row in body[:MAX_NOTE_CHARS].replace("\r", "").split("\n"):
        marker = _MARKER.fullmatch(row)
        first = marker is not None and not any(row.startswith(f"<!-- iquest-review:{marker[1]} ") for row in markers)
        (markers if first else rest).append(row)
    text = "\n".join(rest).strip("\n")
    shown = escape_invisible(text[:MAX_SHOWN_CHARS].replace(JOINER, ""))[:MAX_SHOWN_CHARS]
    more = "\n(the text was cut here)" if len(text) > MAX_SHOWN_CHARS or len(shown) == MAX_SHOWN_CHARS else ""
    notice = NOTICE.format(fault=fault.partition(" (")[0])
    return "\n\n".join(["\n".join(markers), notice, markdown.format_code_block(shown + more)]).lstrip("\n") + "\n"


# The hidden lines of summary.py, memory.py and findings/fingerprint.py: nothing in them can end the comment.
_MARKER = re.compile(r"<!-- iquest-review:(summary|previous|finding|reviewed|tail)(?: [\w .:=+/-]*)? -->")


def _describe_fault(name: str, text: str) -> str:
    """Return a fault and the text it was found in, on one line."""
    return f"{name} ({shorten_to_line(text.replace(JOINER, ''), 80)})"


def _render_page(body: str, *, raw_html: bool) -> str:
    """Return the page that comrak makes of a body, before GitLab sanitises it."""
    comrak, extension, parse = _load_comrak()
    render = comrak.RenderOptions()
    render.full_info_string = render.github_pre_lang = render.escaped_char_spans = True
    render.unsafe_ = raw_html
    page: str = comrak.render_markdown(body, extension, parse, render)
    return page


@cache
def _load_comrak() -> tuple[Any, Any, Any]:
    """Return comrak, its extensions and its options, set as GitLab sets them.

    See OPTIONS in lib/banzai/filter/markdown_engines/glfm_markdown.rb. Only links from bare addresses are left out:
    comrak takes quadratic time for them, so the guard searches the text for addresses.
    """
    import comrak  # noqa: PLC0415 - heavy, and only what is sent to GitLab is checked

    extension = comrak.ExtensionOptions()
    for name in (
        *("alerts", "cjk_friendly_emphasis", "description_lists", "footnotes", "math_code", "math_dollars"),
        *("multiline_block_quotes", "strikethrough", "table", "tasklist", "wikilinks_title_before_pipe"),
    ):
        setattr(extension, name, True)
    parse = comrak.ParseOptions()
    parse.relaxed_tasklist_matching = parse.tasklist_in_table = True
    return comrak, extension, parse
