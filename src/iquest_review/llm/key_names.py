"""The names that models give the members of a review -> those that were asked for.

A member of the right name is never replaced. An entry is read as a finding only where it names a place and says
something about it: other JSON, such as a log line, is no finding.
"""

from typing import Any

_REVIEW = {
    "issues": "findings comments problems remarks reviewcomments bugs defects violations observations 问题 issuesfound",
    "summary": "overview overall overallsummary conclusion 总结 摘要",
    "suggestions": "recommendations generalsuggestions 建议",
}
_ISSUE = {
    "file": "path filename filepath newpath 文件",
    "line": "linenumber lineno startline linestart newline lines linerange 行",
    "end_line": "endline lineend endlinenumber",
    "quote": "code codesnippet snippet existingcode quotedcode excerpt evidence",
    "type": "category kind issuetype",
    "severity": "level priority importance 严重程度",
    "description": "message body comment text problem issue details detail explanation content 描述",
    "suggestion": "fix suggestedcode suggestedfix suggestedchange replacement improvedcode fixedcode 修复",
}
_SEPARATORS = str.maketrans("", "", "_- ")


def _list_names(table: dict[str, str]) -> dict[str, str]:
    own = {name.translate(_SEPARATORS): name for name in table}
    return {word: name for name, words in table.items() for word in words.split()} | own


_REVIEW_NAMES, _ISSUE_NAMES = _list_names(_REVIEW), _list_names(_ISSUE)


def rename_keys(value: Any) -> Any:
    """Return a review or a list of findings with the members' names as asked for; any other value as it is."""
    if isinstance(value, list):
        entries = [_rename_issue(entry) for entry in value]
        return entries if any(_is_about_place(entry) for entry in entries) else value
    if not isinstance(value, dict):
        return value
    issues = value.get("issues")
    if not isinstance(issues, list):
        named = _rename(value, _REVIEW_NAMES)
        issues = named.get("issues")
        if not isinstance(issues, list):
            return value
        value = named
    return {
        name: [_rename_issue(entry) for entry in issues] if name == "issues" else member
        for name, member in value.items()
    }


def _rename_issue(entry: Any) -> Any:
    if not isinstance(entry, dict):
        return entry
    renamed = _rename(entry, _ISSUE_NAMES)
    return renamed if "description" in renamed else entry


def _is_about_place(entry: Any) -> bool:
    return isinstance(entry, dict) and all(isinstance(entry.get(name), str) for name in ("file", "description"))


def _rename(members: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    """Return the members in their order. Lists of two names for one member are joined: none is lost."""
    renamed: dict[str, Any] = {}
    for name, member in members.items():
        own = names.get(name.lower().translate(_SEPARATORS), name) if name not in names.values() else name
        old = renamed.get(own)
        if own == name or (own not in members and own not in renamed):
            renamed[own] = member
        elif own not in members and isinstance(old, list) and isinstance(member, list):
            renamed[own] = [*old, *member]
        else:
            renamed[name] = member
    return renamed
