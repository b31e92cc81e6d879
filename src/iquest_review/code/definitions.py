"""Recognize lines that define a name and lines that use it, by patterns that cover the common languages."""

import re

MAX_LINE_CHARS = 1_000  # longer lines are minified code, which defines nothing that anybody would look up

# A keyword that comes somewhere before the name in a definition; no expression may begin between them.
_KEYWORD = (
    r"(?:def|class|func|function|fn|fun|struct|enum|union|interface|trait|impl|type|typedef|module|mod|namespace"
    r"|const|let|var|val|static|object|record|protocol|extension|macro|macro_rules!|\#\s*define|define|sub|proc|defn"
    r"|CREATE\s+(?:OR\s+REPLACE\s+)?(?:TABLE|VIEW|FUNCTION|PROCEDURE)(?:\s+IF\s+NOT\s+EXISTS)?)"
)
# Most uses look like this and are skipped quickly: a call whose value is assigned; the value is not a function.
_ASSIGNED_CALL = re.compile(r"\s*+[\w.\[\]]++\s*+=\s*+[\w.]++\([^=>]*+$")
# The beginning of a comment, of a string (such as a Python docstring), or of a statement that defines nothing.
USE = re.compile(
    r"\s*(?://|/?\*|--|#(?!\s*define)|[rbfuRBFU]{0,2}[\"'`]|(?:return|if|else|elif|while|for|await|yield|throw|raise|new|case|import|from|assert|not)\b)"
)
# The beginning of a row that is not code.
_NO_CODE = re.compile(r"\s*(?://|/?\*|--|#(?!\s*(?:define|if|elif))|[rbfuRBFU]{0,2}[\"'`])")
# Words before a call that are not types, although a type would be there in a definition: `and wanted(x)`,
# `y for y in wanted(x)`.
NO_TYPE = (
    r"(?!(?:and|or|not|in|is|if|else|elif|for|with|as|del|print|echo|do|await|yield|return|throw|new|lambda|when|unless"
    r"|until|while)\s)"
)
# A name with an assigned value is a definition only if the value can be called.
FUNCTION = (
    r"(?:async\b|function\b|func\b|fn\b|lambda\b|class\b|struct\b|partial\(|proc\b|->"
    r"|(?:\([^()]*\)|\w+)\s*(?::[^=]{0,50})?=>)"
)


# What comes before a defined name, and what follows it.
_BEFORE_NAME = rf"(?:^|[\s;{{(]){_KEYWORD}\s+(?:\([^()]{{0,100}}\)\s*)?[^=;(\"'`]{{0,200}}\Z"
_AFTER_KEYWORD, _AFTER_ANY_KEYWORD = re.compile(_BEFORE_NAME), re.compile(_BEFORE_NAME, re.IGNORECASE)
_VALUE = re.compile(rf"\s*(?::[^=]{{0,100}})?(?:=(?![=>])|:=)\s*+(?!{FUNCTION})")
_AT_BEGINNING = re.compile(r"\s{0,200}(?:export\s+)?\Z")
_FUNCTION_VALUE = re.compile(rf"\s*(?::[^=]{{0,100}})?(?::=|=(?!=)|:(?!:))\s*{FUNCTION}")
_AFTER_TYPE = re.compile(rf"\s{{0,200}}(?:{NO_TYPE}[\w:<>,*&\[\]?.]{{1,100}}\s+){{1,8}}[*&]*(?:\w{{1,100}}::)?\Z")
_PARAMETERS = re.compile(r"\s*\([^;]*$")
# What comes before a used name, and what follows it.
_IMPORTS = re.compile(r"\s*(?:import|from|use|pub use|using|require|export|include)\b")
_AFTER_OPERATOR = re.compile(r"(?:@|\b(?:new|extends|implements|instanceof)\s+)\Z")
_ARGUMENTS = re.compile(r"[!?]?\s*(?:<[^<>()]{0,100}>)?\(")
_AFTER_MARK, _MARK, _MEMBER = (
    re.compile(r"[\[(,:|<>&*=]\s*\Z"),
    re.compile(r"\s*(?:[\](),:|<>&*{.=;]|$)"),
    re.compile(r"\.\w"),
)


def may_define(text: str) -> bool:
    """Return whether a line can define something: it is no comment, no statement of another kind."""
    return not USE.match(text) and not _ASSIGNED_CALL.match(text)


def is_code(text: str) -> bool:
    """Return whether a line does not begin as a comment or a string."""
    return not _NO_CODE.match(text)


def is_defined(text: str, start: int, end: int) -> bool:
    """Return whether a line that may define something defines the name between these indexes.

    It has a keyword before the name, or assigns a function to it, or, as in C and Java, has a type before it and a
    parameter list after it without a semicolon.
    """
    keyword = _AFTER_ANY_KEYWORD if text[start:end].isupper() else _AFTER_KEYWORD
    return bool(
        (_PARAMETERS.match(text, end) and _AFTER_TYPE.match(text, 0, start))
        or (_AT_BEGINNING.match(text, 0, start) and _FUNCTION_VALUE.match(text, end))
        or (
            keyword.search(text, 0, start)
            and not _AFTER_OPERATOR.search(text, 0, start)
            and not _VALUE.match(text, end)
        )
    )


def is_used(text: str, start: int, end: int) -> bool:
    """Return whether a line of code uses the name between these indexes: calls, imports, extends or decorates with it.

    A word in prose and a variable of that name do not count. The name of a class, which begins with a capital, also
    counts next to a bracket or an operator.
    """
    if text[start - 1 : start] in ("$", "-") or text[end : end + 1] in ("$", "-"):
        return False
    if _ARGUMENTS.match(text, end) or _IMPORTS.match(text, 0, start) or _AFTER_OPERATOR.search(text, 0, start):
        return True
    is_class = text[start].isupper()
    between_marks = is_class and _AFTER_MARK.search(text, 0, start) and _MARK.match(text, end)
    return bool(between_marks or (is_class and _MEMBER.match(text, end)))
