"""Which sections of a Markdown file are rules: told by their headings, and where those say nothing, by bullets."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

MIN_DEMANDS, MIN_DEMANDS_SHARE = 2, 1 / 3  # bullets, and the share of them, that make a section one of rules
MAX_COMMANDS_SHARE = 1 / 2  # the share of a section's rows that may be commands

_RULES = re.compile(
    r"(?i)(?<![a-z])(styl(es?|ing)|conventions?|guidelines?|standards?|rules?|practices?|principles?|(anti-?)?patterns?"
    r"|reviews?|reviewing|tests?|testing|errors?|exceptions?|secure|security|names?|naming|format(ting)?|logging|comments?"
    r"|pitfalls?|gotchas?|never|don'?ts?)(?![a-z])"
    r"|[风風]格|[规規][范範则則]|[约約]定|[准準原][则則]|[审審][查核]|[评評][审審]|[检檢][视視]|[测測][试試]|[错錯][误誤]|[异異]常"
    r"|安全|命名|格式|[注註][释釋解]|日[志誌]|最佳[实實][践踐]"
)
# What may open rules as well as the commands that test and format.
_EITHER = re.compile(r"(?i)(?<![a-z])(tests?|testing|format(ting)?)(?![a-z])|[测測][试試]|格式")
_WORK = re.compile(
    r"(?i)(?<![a-z])(commands?|set[- ]?up|install(ing|ation)?|builds?|building|run(ning)?|deploy(ing|ment)?"
    r"|quick ?start|get(ting)? started|prerequisites?|environments?)(?![a-z])"
    r"|安[装裝]|[构構]建|[编編][译譯]|[环環]境|[运運執执]行|命令|[启啟][动動]|部署|快速[开開]始|搭建"
)
_PROCESS = re.compile(
    r"(?i)(?<![a-z])(releases?|commits?|branch(es|ing)?|changelogs?|issues?|[pm]rs?|(pull|merge) requests?(?! rev)"
    r"|licen[cs](es?|ing)|code of conduct|report(s|ing)?|disclosure)(?![a-z])|提交|分支|[发發][布佈]|行[为為]"
)
_DEMAND = re.compile(
    r"(?i)(?<![\w'])(must|never|always|no|only|gets?|do not|don'?t|should|avoid|prefer|required?|forbidden)(?!\w)"
    r"|必[须須]|不要|不得|不能|禁止|[应應][该該当當]|[务務]必|始[终終]|避免|只能|[严嚴]禁"
)
_BULLET = re.compile(r" {0,3}(?:[-*+]|\d{1,3}[.)])[ \t]")
_HEADING = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*))?$")
_UNDERLINE = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})[ \t]*(\w*)")
_SHELLS = frozenset(("", "sh", "bash", "shell", "console", "zsh", "fish", "text", "powershell"))


@dataclass(frozen=True, slots=True)
class RuleSection:
    """A heading with what follows it up to the next one; or what stands above the first one."""

    lines: Sequence[str]
    is_rules: bool
    is_work: bool  # on commands, set-up or builds


@dataclass(frozen=True, slots=True)
class _Row:
    """A line, and where it stands: in a block of commands, in one of other code, on a block's edge, or in none."""

    text: str
    at: int
    block: str = ""  # commands, code, edge


def parse_rule_sections(lines: Sequence[str]) -> list[RuleSection]:
    """All of a file, in order; the first section stands above the first heading and may be empty."""
    rows = list(_classify_rows(lines))
    headings = list(_find_headings(rows))
    starts = [0, *(at for at, _, _ in headings)]
    found = list[RuleSection]()
    verdicts = [(False, False), *_judge_headings(headings, rows)]
    for verdict, (start, end) in zip(verdicts, pairwise([*starts, len(lines)]), strict=True):
        found.append(RuleSection(lines[start:end], *verdict))
    return found


def _classify_rows(lines: Sequence[str]) -> Iterator[_Row]:
    fence, kind = "", ""
    for at, line in enumerate(lines):
        mark = _FENCE.match(line)
        if fence and mark and mark[1].startswith(fence) and not line.strip().strip(fence[0]):
            fence = ""
            yield _Row(line, at, "edge")
        elif fence:
            yield _Row(line, at, kind)
        elif mark:
            fence, kind = mark[1], "commands" if mark[2].lower() in _SHELLS else "code"
            yield _Row(line, at, "edge")
        else:
            yield _Row(line, at)


def _find_headings(rows: Sequence[_Row]) -> Iterator[tuple[int, int, str]]:
    """Where each heading stands, its level and its text. What looks like one inside a code block is none."""
    lines = [row.text for row in rows]
    for at, line in enumerate(lines):
        if rows[at].block:
            continue
        if heading := _HEADING.match(line):
            yield at, len(heading[1]), heading[2] or ""
        elif _UNDERLINE.match(line) and at and lines[at - 1][:1].isalpha() and (at == 1 or not lines[at - 2].strip()):
            yield at - 1, 1 if "=" in line else 2, lines[at - 1]


def _judge_headings(headings: Sequence[tuple[int, int, str]], rows: Sequence[_Row]) -> Iterator[tuple[bool, bool]]:
    """Whether each heading opens rules, and whether it is on work: by its own text, else as the one it stands under
    (never rules under what is none), else by what its bullets demand."""
    above = list[tuple[int, bool | None, bool]]()
    ends = [*(at for at, _, _ in headings[1:]), len(rows)]
    for number, (start, level, text) in enumerate(headings):
        while above and above[-1][0] >= level:
            above.pop()
        around, work = above[-1][1:] if above else (None, False)
        # "Contributing guidelines" above everything says nothing of what is below
        is_title = number == 0 and level == 1 and all(other > 1 for _, other, _ in headings[1:])
        own = None if is_title else _judge_heading_text(text)
        work = work or (not is_title and _WORK.search(text) is not None)
        above.append((level, around if around is False or own is None else own, work))
        body = rows[start + 1 : ends[number]]
        told = above[-1][1]
        yield _has_demands(body) if told is None else told and not _is_mere_commands(text, body), work


def _judge_heading_text(heading: str) -> bool | None:
    if _WORK.search(heading) or _PROCESS.search(heading):
        return False
    return True if _RULES.search(heading) else None


def _is_mere_commands(heading: str, body: Sequence[_Row]) -> bool:
    """Whether a section on tests or formats says how to run them, and not what they should be."""
    return _compute_commands_share(body) > MAX_COMMANDS_SHARE and not _RULES.search(_EITHER.sub("", heading))


def _compute_commands_share(body: Sequence[_Row]) -> float:
    full = [row for row in body if row.text.strip() and row.block != "edge"]
    return sum(row.block == "commands" for row in full) / max(1, len(full))


def _has_demands(body: Sequence[_Row]) -> bool:
    """Whether enough of the bullets say what must be, and few rows are commands."""
    bullets, is_open = list[str](), False
    for row in body:
        starts = not row.block and _BULLET.match(row.text) is not None
        is_open = starts or (is_open and not row.block and bool(row.text.strip()))
        if starts:
            bullets.append(row.text)
        elif is_open:
            bullets[-1] += " " + row.text
    demands = sum(_DEMAND.search(bullet) is not None for bullet in bullets)
    enough = demands >= MIN_DEMANDS and demands >= MIN_DEMANDS_SHARE * len(bullets)
    return enough and _compute_commands_share(body) <= MAX_COMMANDS_SHARE
