"""The stand-in's one summary of a review in parts: the figures of all parts, added up."""

import re

from iquest_review.stand_in.review import StandInAnswer, describe_rule_coverage, extract_fence, find_nonce

_PART = re.compile(r"part \d{1,6}: (.*)")
_FIGURES = (
    re.compile(
        r"Built-in rules looked at (?P<lines>\d{1,9}) added lines? in (?P<files>\d{1,9}) files? "
        r"and matched (?P<found>\d{1,9}) times?"
    ),
    re.compile(r"内置规则检查了 (?P<files>\d{1,9}) 个文件中的 (?P<lines>\d{1,9}) 行新增代码，命中 (?P<found>\d{1,9}) "),
)


def summarize_parts(prompt: str) -> StandInAnswer | None:
    """Return the answer to a question for one summary; None for a prompt that asks for something else."""
    nonce = find_nonce(prompt, "parts")
    parts = extract_fence(prompt, nonce, "parts") if nonce else None
    if parts is None:
        return None
    summaries = [match[1] for row in parts.split("\n") if (match := _PART.fullmatch(row))]
    chinese = any(_FIGURES[1].search(summary) for summary in summaries)
    figures = [match for summary in summaries if (match := _FIGURES[chinese].search(summary))]
    lines, files, times = (sum(int(match[name]) for match in figures) for name in ("lines", "files", "found"))
    return {"issues": [], "summary": describe_rule_coverage(lines, files, times, chinese), "suggestions": []}
