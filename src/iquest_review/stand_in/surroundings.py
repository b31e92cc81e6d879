"""What the lines around a match say: whether a default is ever changed, an error dropped on purpose, a value foreign.

These are often no mistakes, and one line cannot tell. What a hunk does not show is no excuse.
"""

import re
from collections.abc import Iterator, Sequence

MAX_ROWS = 200  # of a function or class that are looked at
MAX_TRIED_ROWS = 40
MAX_VALUE_ROWS = 10

_MUTABLE = re.compile(
    r"(?<!\w)([A-Za-z]\w*)(?:\s?:\s?[^=:]{1,60})?\s?=\s?(?:\[\]|\{\}|set\(\)|list\(\)|dict\(\))\s?[,)]"
)
_CHANGE = (
    r"\s?(?:\.(?:append|appendleft|extend|insert|add|update|setdefault|pop|popitem|remove|discard|clear|sort|reverse)\("
    r"|\[[^=\]]{1,80}\](?:\[[^=\]]{1,80}\]){0,3}\s?[-+|&*]?=(?!=)|[-+|&*]=)"
)
_TRY = re.compile(r"\}?\s*(?:[\w.$]+ = )?(?:try|begin)\b(?!\()")
_HANDLER = re.compile(r"(?:\}\s*)?(?:except|catch|rescue)\b")
_COMMENT = re.compile(r"(?:^|\s)#(?!\{)|//|/\*|^\*\s|<!--")
_INLINE_TRY = re.compile(r"\btry\s?\{(.*)\}\s?catch\b")
_BLOCK = re.compile(
    r"^(?:\}\s*)?(?:if|elif|else|for|foreach|while|with|finally|unless)\b.*[:{]?$|^[{}();\s]*$|^end$|^pass$"
)
# So has what says on its way out that something went wrong.
_TELLING = re.compile(
    r"(?i)^(?:warnings\.warn|(?:self\.)?_?log(?:ger|ging)?\.|print\(|sys\.(?:excepthook|std)|console\.|(?:window\.)?(?:local|session)Storage\.)"
)
_UNFINISHED = ("(", "[", "({", ",", "+", "%", "\\", "'", '"')  # at the end of a row: the statement goes on
_ASSIGNED = re.compile(r"^([\w.$]+)(?:\s?:[^=]{1,60})?\s?=(?![=>])")
_TEST = re.compile(
    r"^\s*(?:async )?def test_|^\s*import (?:pytest|unittest)\b|^func Test[A-Z]|^\s*@Test\b|#\[test\]"
    r"|\bdescribe\(|EXAMPLE"
)
_OTHER_YAML = re.compile(r"^\s*(?:from \S+ import .*\byaml\b|import \S+ as yaml\b)|yaml\.YAMLParseError")
_LEAVING = re.compile(r"^(?:return|break|continue|next|yield)\b")
# Cleaning up has nobody to tell, and must go on.
_CLEANUP_WORD = (
    r"(?:close|flush|unlink|remove|rmtree|delete|cleanup|clean|quit|exit|kill|terminate|stop|shutdown|disconnect|detach"
    r"|release|cancel|join|destroy|dispose|abort|rollback|unregister|unsubscribe|teardown|reset|free|restore|unlock|end)"
)
_CLEANUP = re.compile(rf"(?i)(?:^|[\w\])]\.|->|\b\w+_|::){_CLEANUP_WORD}(?:_?\w+)?[!?]?\s?(?:\(|$|;)|^(?:await )?del\b")
_CLEANER = re.compile(
    rf"(?i)\b(?:def|function|func|void|async)\s+(?:self\.)?(?:\w+\.)?_*(?:del__|exit__|aexit__|finalize\w*|dtor|{_CLEANUP_WORD}(?:_\w*)?)\b"
)


def is_default_changed(match: re.Match[str], rows: Sequence[str], index: int) -> bool:
    """Return whether the function changes a mutable default, or keeps it in an attribute that its class changes.

    `rows` is the hunk and `index` the row of the function's head. Where none of the function is shown, it may be so.
    A cache, which the function asks for what it put there, is meant to be shared.
    """
    if index + 1 == len(rows):
        return True
    inline = re.search(r"\)(?:\s?->[^:]{1,80})?:(.*)$", match.string)
    body = [inline[1] if inline else "", *_list_deeper_rows(rows, index)]
    rest = [_drop_comment(row) for row in rows[index + 1 : index + 1 + MAX_ROWS]]
    return any(_is_changed(name, body, rest) and not _is_cache(name, body) for name in _MUTABLE.findall(match.string))


def _is_cache(name: str, body: Sequence[str]) -> bool:
    asked = re.compile(rf"\bin {name}\b|(?<![\w.]){name}\.get\(|\btry:.*{name}\[|^\s*return {name}\[")
    filled = re.compile(rf"(?<![\w.]){name}\[[^=\]]{{1,80}}\]\s?=(?!=)|(?<![\w.]){name}\.add\(")
    return any(asked.search(row) for row in body) and any(filled.search(row) for row in body)


def _list_deeper_rows(rows: Sequence[str], index: int) -> Iterator[str]:
    depth = _measure_indent(rows[index])
    for row in rows[index + 1 : index + 1 + MAX_ROWS]:
        if row.strip() and _measure_indent(row) <= depth and not row.lstrip().startswith(")"):
            return
        if row.strip():
            yield _drop_comment(row)


def _is_changed(name: str, body: Sequence[str], rest: Sequence[str]) -> bool:
    change = re.compile(rf"(?<![\w.])(?:{name}{_CHANGE}|del {name}\[)")
    kept = re.compile(rf"^\s*(self\.\w+)(?:\s?:[^=]{{1,60}})?\s?=\s?{name}\s*$")
    rebound = re.compile(rf"^\s*{name}(?:\s?:[^=]{{1,60}})?\s?=(?!=)")
    for row in body:
        if rebound.match(row):
            return False
        if change.search(row):
            return True
        attribute = kept.match(row)
        if attribute and any(re.search(rf"(?<!\w){re.escape(attribute[1])}{_CHANGE}", later) for later in rest):
            return True
    return False


def is_error_lost(match: re.Match[str], rows: Sequence[str], index: int) -> bool:
    """Return whether nothing around an empty handler says that its author meant it.

    A comment does, an `else`, a way out of the block that was tried (what follows is the other way), a value that was
    there before, and a block or a function that only cleans up. `rows` is the hunk and `index` the handler's row.
    """
    inline = _INLINE_TRY.search(match.string)
    tried = [inline[1].strip()] if inline else list(_list_tried_rows(rows, index))
    around = [*tried, rows[index], *rows[index + 1 : index + 2]]
    if any(_COMMENT.search(row) for row in around) or _has_else(rows, index):
        return False
    return not (_is_meant(tried, rows[:index]) or _is_in_cleaner(rows, index))


def _is_meant(tried: Sequence[str], before: Sequence[str]) -> bool:
    statements = [
        row
        for row, above in zip(tried, ["", *tried], strict=False)
        if not _BLOCK.match(row) and not above.endswith(_UNFINISHED)
    ]
    if not statements:
        return False
    if any(_LEAVING.match(row) for row in statements):
        return True
    if all(_CLEANUP.search(row) or _TELLING.search(row) for row in statements):
        return True
    value = _ASSIGNED.match(statements[-1])
    return value is not None and _has_value(value[1], before[: len(before) - len(tried)])


def _has_value(name: str, before: Sequence[str]) -> bool:
    """Return whether a name got a value shortly before, or is a parameter with a default."""
    given = re.compile(rf"(?<![\w.]){re.escape(name)}(?:\s?:[^=]{{1,60}})?\s?=(?![=>])")
    return any(given.search(row) for row in before[-MAX_VALUE_ROWS:])


def is_value_foreign(match: re.Match[str], rows: Sequence[str], index: int) -> bool:
    """Return whether a name that is run as code got no text of the program, and no check, in the rows before."""
    name = re.search(r"(?:eval|exec)\(\s{0,4}([A-Za-z_]\w*)\s?\)", match.string)
    if not name:
        return True
    own = re.compile(rf"^\s*{name[1]}\s?=\s?[rbu]?(\"[^\"]*\"|'[^']*')\s*$|\bif {name[1]} (?:not )?in [\[({{A-Z]")
    return not any(own.search(row) for row in rows[max(0, index - MAX_VALUE_ROWS) : index])


def is_outside_test(match: re.Match[str], rows: Sequence[str], index: int) -> bool:  # noqa: ARG001 - one of Confirm
    """Return whether no row before shows a test; a test makes up its own keys."""
    return not any(_TEST.search(row) for row in rows[max(0, index - MAX_ROWS) : index])


def is_plain_yaml(match: re.Match[str], rows: Sequence[str], index: int) -> bool:  # noqa: ARG001 - one of Confirm
    """Return whether no row before imports another module under the name yaml."""
    return not any(_OTHER_YAML.search(row) for row in rows[max(0, index - MAX_ROWS) : index])


def _list_tried_rows(rows: Sequence[str], index: int) -> Iterator[str]:
    """Yield the rows of the block that was tried from its end, then the comment above it, all without indentation."""
    depth, tried = _measure_indent(rows[index]), list[str]()
    for number in range(index - 1, max(-1, index - MAX_TRIED_ROWS), -1):
        row, text = rows[number], rows[number].strip()
        if text and _measure_indent(row) <= depth and _TRY.match(text):
            above = rows[number - 1].strip() if number else ""
            first = text.partition("{")[2].strip()
            yield from [above] if _COMMENT.search(above) else []
            yield from [first] if first else []
            break
        if text and _measure_indent(row) < depth:
            break
        if text and not _HANDLER.match(text):
            tried.append(text)
    yield from reversed(tried)


def _has_else(rows: Sequence[str], index: int) -> bool:
    depth = _measure_indent(rows[index])
    below = [row for row in rows[index + 1 : index + 4] if row.strip() and _measure_indent(row) <= depth]
    return bool(below) and below[0].strip() in ("else:", "else")


def _is_in_cleaner(rows: Sequence[str], index: int) -> bool:
    depth = _measure_indent(rows[index])
    for row in reversed(rows[max(0, index - MAX_ROWS) : index]):
        if row.strip() and _measure_indent(row) < depth and re.match(r"\s*(?:async )?(?:def|function|func)\b", row):
            return bool(_CLEANER.search(row))
    return False


def _drop_comment(row: str) -> str:
    return row.partition("#")[0]


def _measure_indent(row: str) -> int:
    return len(row) - len(row.lstrip())
