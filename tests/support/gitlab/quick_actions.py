"""What GitLab does with a note's body: the quick actions it runs and removes, and the page a reader gets.

GitLab reads markdown with comrak; so does this oracle, with the options of GitLab's glfm_markdown engine. Where
comrak's binding is coarser than GitLab's (escaped characters), the reader of the page below narrows it again.
"""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser

import comrak

_COMMANDS = """
    add_child add_contacts add_email add_to_blocking_mr approve assign assign_reviewer award blocked_by blocks
    board_move checkin_reminder child_epic clear_health_status clear_weight clone close confidential
    convert_to_ticket copy_metadata create_merge_request done draft due duo_code_review duplicate epic estimate
    estimate_time health_status invite_email iteration label labels link linked_items lock mark_incident merge
    milestone move page parent_epic promote promote_to promote_to_incident publish q react ready reassign
    reassign_reviewer rebase relabel relate remove_child remove_child_epic remove_contacts remove_due_date
    remove_email remove_epic remove_estimate remove_iteration remove_label remove_milestone remove_parent
    remove_parent_epic remove_reviewer remove_time_estimate remove_time_spent remove_zoom reopen request_changes
    request_review reviewer set_parent severity ship spend spend_time spent status submit_review subscribe tag
    target_branch timeline title todo type unapprove unassign unassign_reviewer unlabel unlink unlock unsubscribe
    weight wip zoom
"""
COMMANDS = frozenset(_COMMANDS.split())
SUBSTITUTIONS = {"shrug": "¯\\＿(ツ)＿/¯", "tableflip": "(╯°□°)╯︵ ┻━┻"}

# Ruby's \s and rstrip know these only; Python's know Unicode's, so they are spelt out.
RUBY_SPACE = " \t\r\n\f\v"
NAMES = "|".join(sorted(COMMANDS | SUBSTITUTIONS.keys(), key=len, reverse=True))
ACTION = re.compile(
    rf"""
    (?P<code>  `.+?` )                                    # a code span, over line ends too: skipped
  | (?P<html>  ^<[^>]+?>\n .+? \n</[^>]+?>$ )             # <tag> on a line of its own up to its end tag: skipped
  | ^/(?P<name> {NAMES}) (?:[ ](?P<argument>[^\n]*))? (?:[{RUBY_SPACE}]*\n|$)
    """,
    re.VERBOSE | re.IGNORECASE | re.MULTILINE | re.DOTALL,
)


@dataclass
class Extraction:
    """A body after GitLab took the quick actions out of it."""

    body: str
    commands: list[str] = field(default_factory=list)


def commands(body: str) -> list[str]:
    """The quick actions GitLab would run, as "name argument". GitLab: lib/gitlab/quick_actions/extractor.rb."""
    return extract(body).commands


def strip(body: str) -> str:
    """The body as GitLab stores it: no CR, no command lines, nothing blank at the end."""
    return extract(body).body


def extract(body: str) -> Extraction:
    """Both stages: markdown names the paragraphs that may hold commands, then their source lines are searched."""
    extraction = Extraction(body.replace("\r", ""))
    lines = extraction.body.split("\n")
    source = [line + "\n" for line in lines[:-1]] + [lines[-1]]
    for start, end in _candidates(extraction.body):
        # GitLab hands the blank line after the paragraph over with it, so that a removed command leaves no gap.
        last = end + 1 if source[end + 1 : end + 2] == ["\n"] else end
        paragraph = "".join(source[start : last + 1])
        source[start : last + 1] = [_without_commands(paragraph, extraction.commands)] + [""] * (last - start)
    extraction.body = "".join(source).rstrip(RUBY_SPACE + "\0")
    return extraction


def _without_commands(paragraph: str, found: list[str]) -> str:
    def replacement(match: re.Match[str]) -> str:
        name, argument = match["name"], match["argument"]
        if name is None:
            return match[0]
        found.append(f"{name.lower()} {argument or ''}".strip())
        if name.lower() not in SUBSTITUTIONS:
            return ""
        return f"{argument or ''} {SUBSTITUTIONS[name.lower()]}" + ("\n" if match[0].endswith("\n") else "")

    return ACTION.sub(replacement, paragraph)


def _candidates(text: str) -> list[tuple[int, int]]:
    """Zero-based line ranges of top-level paragraphs. GitLab: lib/banzai/filter/quick_action_filter.rb."""
    paragraphs = _page(_html(text, raw_html=False, sourcepos=True)).paragraphs
    return [p.lines for p in paragraphs if re.search(r"^/", p.text, re.MULTILINE)]


# --- the page -------------------------------------------------------------------------------------------------------

REFERENCE_CHARACTERS = set("$%#&@!~^:")
VOID = frozenset(("area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"))
# GitLab: lib/banzai/filter/references/reference_filter.rb looks for references in no text below these.
UNREAD = frozenset({"a", "code", "pre", "style", "tt"})
EXTENSIONS = (
    *("alerts", "autolink", "cjk_friendly_emphasis", "description_lists", "footnotes", "math_code", "math_dollars"),
    *("multiline_block_quotes", "strikethrough", "table", "tasklist", "wikilinks_title_before_pipe"),
)
HTML_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_NAMESPACE = r"[a-zA-Z0-9_.](?:[a-zA-Z0-9_\-.]{0,254}[a-zA-Z0-9_\-])?"
MENTION = re.compile(rf"(?<!\w)@{_NAMESPACE}(?:/{_NAMESPACE})*", re.ASCII)
REFERENCE = re.compile(
    r"""
      \^alert\#\d+
    | \#\d+ | !\d+ | \$\d+ | &\d+ | \bGL-\d+\b
    | ~(?:\d+(?!\S\w)\b | [A-Za-z0-9_\-?.&]+(?:::?[A-Za-z0-9_\-?.&]+)*(?<![.?]) | ".+?")
    | %(?:\d+(?!\S\w)\b | [A-Za-z0-9_\-.]*[A-Za-z0-9_] | "[^"]+")
    | \*iteration:\S+
    | \[(?:issue|work_item|epic|vulnerability|feature_flag|contact|snippet|merge_request):[^\]]+\]
    | \b[0-9a-fA-F]{7,64}\b
    | (?<!\w)[a-zA-Z0-9_](?:[\w\-./]*[\w\-])?/[\w\-.]+>  # projects, one without its group only by chance
    """,
    re.VERBOSE | re.ASCII,
)


@dataclass
class _Paragraph:
    lines: tuple[int, int]
    text: str = ""


class _Page(HTMLParser):
    """Walks the rendered page: its texts outside code, where it links to, what it embeds."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[tuple[str, dict[str, str]]] = []
        self.paragraphs: list[_Paragraph] = []
        self.texts: list[str] = [""]
        self.links: list[str] = []
        self.images: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if tag == "p" and not self.open:
            self.paragraphs.append(_Paragraph(_lines(attributes.get("data-sourcepos", "1:1-1:1"))))
        self.links.extend(url for name, url in attributes.items() if name == "href" and not url.startswith("#"))
        self.images.extend(url for name, url in attributes.items() if name in ("src", "poster", "background"))
        if "data-escaped-char" not in attributes:
            self.texts.append("")
        if tag not in VOID:
            self.open.append((tag, attributes))

    def handle_endtag(self, tag: str) -> None:
        if not any(name == tag for name, _ in self.open):
            return
        while (closed := self.open.pop())[0] != tag:
            pass
        if "data-escaped-char" not in closed[1]:
            self.texts.append("")

    def handle_data(self, data: str) -> None:
        if self.open and self.open[0][0] == "p":
            self.paragraphs[-1].text += data
        if any(tag in UNREAD or "data-math-style" in attributes for tag, attributes in self.open):
            return
        if self.open and "data-escaped-char" in self.open[-1][1] and data in REFERENCE_CHARACTERS:
            # GitLab keeps an escaped "@" in an element of its own, so the text node after it no longer starts with it.
            self.texts.append("")
            return
        self.texts[-1] += data


# A test asks several questions about one body after another: it is parsed once for all of them.
@lru_cache(maxsize=4)
def _page(html: str) -> _Page:
    return _Page(html)


def rendered(body: str) -> str:
    """The HTML comrak gives with GitLab's options, before GitLab sanitises it."""
    return _html(body, raw_html=True)


def mentions(body: str) -> list[str]:
    """Everyone GitLab would notify, as "@name". GitLab: lib/banzai/filter/references/user_reference_filter.rb."""
    return [match[0] for text in _page(rendered(body)).texts for match in MENTION.finditer(text)]


def references(body: str) -> list[str]:
    """Issues, merge requests, labels, milestones, snippets, epics, alerts and commits that GitLab might link."""
    return [match[0] for text in _page(rendered(body)).texts for match in REFERENCE.finditer(text)]


def images(body: str) -> list[str]:
    """What the browser of every reader fetches without a click."""
    return list(_page(rendered(body)).images)


def links(body: str) -> list[str]:
    """Where a click leads out of the page: links, autolinks, www. and mail addresses, wiki links."""
    return list(_page(rendered(body)).links)


def live_html(body: str) -> list[str]:
    """The raw HTML tags that reach the page as HTML; comments are no tags."""
    # Both renderings agree but for the raw HTML: a placeholder in one, its escaped text in the other.
    pieces = _html(body, raw_html=False).split("<!-- raw HTML omitted -->")
    escaped = _html(body, raw_html=False, escape=True)
    found = re.fullmatch("(.*?)".join(map(re.escape, pieces)), escaped, re.DOTALL)
    fragments = [unescape(fragment) for fragment in found.groups()] if found else [rendered(body)]
    return [tag for fragment in fragments for tag in re.findall(r"</?[a-zA-Z][^>]*>?", HTML_COMMENT.sub("", fragment))]


def _lines(sourcepos: str) -> tuple[int, int]:
    start, _, end = sourcepos.partition("-")
    return int(start.partition(":")[0]) - 1, int(end.partition(":")[0]) - 1


@lru_cache(maxsize=8)  # the four ways below, of two bodies
def _html(text: str, *, raw_html: bool, sourcepos: bool = False, escape: bool = False) -> str:
    """GitLab: lib/banzai/filter/markdown_engines/glfm_markdown.rb, OPTIONS."""
    extension = comrak.ExtensionOptions()
    for name in EXTENSIONS:
        setattr(extension, name, True)
    extension.header_id_prefix = "user-content-"
    parse = comrak.ParseOptions()
    parse.relaxed_autolinks = parse.relaxed_tasklist_matching = parse.tasklist_in_table = True
    render = comrak.RenderOptions()
    render.full_info_string = render.github_pre_lang = render.tasklist_classes = render.escaped_char_spans = True
    render.unsafe_, render.sourcepos, render.escape = raw_html, sourcepos, escape
    return comrak.render_markdown(text, extension, parse, render)
