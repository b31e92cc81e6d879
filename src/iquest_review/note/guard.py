"""The last look at a text before it goes to GitLab: what the door (`markdown`) let through by mistake is caught here.

The door makes texts inert by rule; the guard asks GitLab's own parser what came of it, and knows nothing of the rules.
It is stricter than GitLab: what no note of ours holds is a fault, whether or not it would do harm today. A body with a
fault is not lost: it is posted as one block of code, under the hidden lines by which later runs find it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from html import unescape
from typing import Any, NamedTuple

from iquest_review.note import markdown
from iquest_review.text import JOINER, escape_invisible, shorten_to_line

MAX_NOTE_CHARS = 1_000_000  # characters of a note (lib/gitlab/database.rb)
MAX_SHOWN_CHARS = 400_000  # characters of a body with a fault; the fence may put a word joiner after some of them
# comrak takes quadratic time for some texts: for each of these 0.4 s at most, and far less for any note of ours.
MAX_EMPHASIS_RUNS = 60_000  # of emphasis between two blank lines
MAX_SEARCHED_CHARS = 1_500_000_000  # characters: for the end of each formula
MAX_DEFINITIONS = 4_000
NOTICE = "⚠️ iquest-review held this text back, and shows it as code: {fault}. Please report this as a security problem."


class GuardedBody(NamedTuple):
    """A body that can be sent, and what was wrong with the one that was to be; empty: they are the same."""

    body: str
    fault: str = ""


@dataclass(frozen=True, slots=True)
class LinkTargets:
    """Where links may lead: the project's files and jobs, and the notes of its merge request. By default nowhere.

    No other page of GitLab: a link to an issue leaves a note on the issue, wherever the link stands.
    """

    project_url: str = ""
    job_url: str = ""
    iid: int = 0

    def can_link_to(self, url: str) -> bool:
        """Whether a link may lead there."""
        roots = {root for root in (self.project_url, self.job_url.partition("/-/jobs/")[0]) if _WEB.match(root)}
        pages = [f"{root}/-/jobs/" for root in roots]
        if self.project_url in roots:
            pages += [f"{self.project_url}/-/blob/", f"{self.project_url}/-/merge_requests/{self.iid}#note_"]
        return url.startswith(tuple(pages)) and not _UPWARDS.search(url)


def guard_body(body: str, pages: LinkTargets) -> GuardedBody:
    """The body as it is when nothing in it is alive; else one that is safe for certain, and why. Takes linear time."""
    fault = _find_fault(body, pages)
    return GuardedBody(_wrap_as_code(body, fault), fault) if fault else GuardedBody(body)


_WEB = re.compile(r"https?://[^/]")
_UPWARDS = re.compile(r"/(?:\.|%2e){1,2}(?:[/?#]|$)", re.IGNORECASE)
_UNSEEN = "a character that cannot be seen"
_COMMAND = re.compile(r"^/\w+", re.MULTILINE)
_RUN, _DEFINITION = re.compile(r"[*_~]+"), re.compile(r"^[ \t>]*[:~][ \t]", re.MULTILINE)
_BLANK, _FENCE = re.compile(r"\n[ \t]*\n"), re.compile(r" {0,8}(`{3,})([^`]*)$")
# lib/gitlab/front_matter.rb cuts it out before the rest is parsed, with or without a line that names an encoding
_FRONT_MATTER = re.compile(r"\s*(?:[^\n]*coding:[^\n]*\n\s*)?(?:---|\+\+\+|;;;)")
_OMITTED = "<!-- raw HTML omitted -->"  # for each piece of raw HTML; the same words in a text come out escaped
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
# What lib/banzai/filter/references looks for in the text, and then some: nothing here asks what stands behind it.
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
    """What is wrong with the body, in a few words; nothing for nothing."""
    if len(body) > MAX_NOTE_CHARS:
        return "it is longer than a note may be"
    without = body.replace(JOINER, "")
    if escape_invisible(without) != without:
        return _UNSEEN
    # Any line, also of a code block: GitLab before 17 looks for commands in the raw text.
    if command := _COMMAND.search(body):
        return _describe_fault("a line that may be a quick action", command[0])
    if _FRONT_MATTER.match(body):
        return "front matter"
    kinds = _KIND.findall(body)
    if len(kinds) > len(set(kinds)):
        return "a hidden line of ours that is there twice"
    if _is_slow(body) and _is_slow("\n".join(_drop_code_blocks(body.split("\n")))):
        return "it cannot be checked in time"
    return next(_find_live_parts(body, pages), "")


def _is_slow(text: str) -> bool:
    """Whether comrak may take long for it. The ends of its code blocks are not known: it may be less than it seems."""
    return len(_DEFINITION.findall(text)) > MAX_DEFINITIONS or any(
        len(chunk) > MAX_EMPHASIS_RUNS
        and (len(_RUN.findall(chunk)) > MAX_EMPHASIS_RUNS or chunk.count("$`") * len(chunk) > MAX_SEARCHED_CHARS)
        for chunk in _BLANK.split(text)
    )


def _drop_code_blocks(rows: Iterable[str]) -> Iterator[str]:
    """The rows that stand in no code block."""
    fence = ""
    for row in rows:
        found = _FENCE.match(row)
        if fence:
            fence = "" if found and found[1].startswith(fence) and not found[2] else fence
        elif found:
            fence = found[1]
        else:
            yield row


def _find_live_parts(body: str, pages: LinkTargets) -> Iterator[str]:
    """What in the rendered body does more than to be read."""
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
    # Older GitLabs keep no trace of an escape: the text before and after it is one.
    text = unescape(re.sub(r"<[^>]*>", "\n", "\n".join([_ESCAPED.sub(r"\1", without_code), *_strip_comments(raw)])))
    for name, pattern in _LIVE:
        if found := pattern.search(text):
            yield _describe_fault(name, text[max(0, found.start() - 20) : found.end() + 20])


def _strip_comments(raw: list[str]) -> Iterator[str]:
    return (re.sub(r"<!--.*?-->", "", piece, flags=re.DOTALL) for piece in raw)


def _find_tag_fault(name: str, attributes: str, pages: LinkTargets) -> str:
    """Why an element of the page is none of a note's."""
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
    """The raw HTML between pieces of the page, whose rendering agrees but for it. Where the pieces could be found in
    other places as well, it is no matter: it is this very page, however it is put together."""
    at = len(pieces[0])
    if not html.startswith(pieces[0]) or not html.endswith(pieces[-1]):
        yield html
        return
    for piece in pieces[1:-1]:
        found = html.find(piece, at)
        if found < 0:
            yield html[at:]
            return
        yield html[at:found]
        at = found + len(piece)
    yield html[at : max(at, len(html) - len(pieces[-1]))]


def _wrap_as_code(body: str, fault: str) -> str:
    """The body as one block of code, below its own hidden lines."""
    markers, rest = list[str](), list[str]()
    for row in body[:MAX_NOTE_CHARS].replace("\r", "").split("\n"):
        kind = _MARKER.fullmatch(row)
        new = kind is not None and not any(row.startswith(f"<!-- iquest-review:{kind[1]} ") for row in markers)
        (markers if new else rest).append(row)
    text = "\n".join(rest).strip("\n")
    shown = escape_invisible(text[:MAX_SHOWN_CHARS].replace(JOINER, ""))[:MAX_SHOWN_CHARS]
    more = "\n(there is more of it)" if len(text) > MAX_SHOWN_CHARS or len(shown) == MAX_SHOWN_CHARS else ""
    notice = NOTICE.format(fault=fault.partition(" (")[0])
    return "\n\n".join(["\n".join(markers), notice, markdown.format_code_block(shown + more)]).lstrip("\n") + "\n"


# The hidden lines of note.py, fingerprint.py and ledger.py: nothing in them can end the comment.
_MARKER = re.compile(r"<!-- iquest-review:(summary|previous|finding|reviewed)(?: [\w .:=+/-]*)? -->")


def _describe_fault(name: str, text: str) -> str:
    """A fault with the text it was found in, on one line."""
    return f"{name} ({shorten_to_line(text.replace(JOINER, ''), 80)})"


def _render_page(body: str, *, raw_html: bool) -> str:
    """The page comrak makes of it, before GitLab sanitises it."""
    comrak, extension, parse = _load_comrak()
    render = comrak.RenderOptions()
    render.full_info_string = render.github_pre_lang = render.escaped_char_spans = True
    render.unsafe_ = raw_html
    page: str = comrak.render_markdown(body, extension, parse, render)
    return page


@cache
def _load_comrak() -> tuple[Any, Any, Any]:
    """comrak, and how GitLab sets it: lib/banzai/filter/markdown_engines/glfm_markdown.rb, OPTIONS.

    But for links out of bare addresses, for which it needs quadratic time: they are looked for in the text.
    """
    import comrak  # noqa: PLC0415 - most commands send nothing

    extension = comrak.ExtensionOptions()
    for name in (
        *("alerts", "cjk_friendly_emphasis", "description_lists", "footnotes", "math_code", "math_dollars"),
        *("multiline_block_quotes", "strikethrough", "table", "tasklist", "wikilinks_title_before_pipe"),
    ):
        setattr(extension, name, True)
    parse = comrak.ParseOptions()
    parse.relaxed_tasklist_matching = parse.tasklist_in_table = True
    return comrak, extension, parse
