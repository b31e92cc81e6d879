"""A model's text -> what may be its answer, without its thinking and without the control tokens around it.

Nobody may be shown what a model thinks, and a review that it drafts or quotes there is not its review.
"""

import re

from iquest_review.excerpt.chat_tokens import THINKING_BEGIN, THINKING_END, strip_control_tokens
from iquest_review.llm.decoder import DECODER

_FENCE = re.compile(r"^(?:```|~~~)\w{0,10}$", re.MULTILINE)
MAX_PARTS = 8  # that are read, the last ones: a text of thousands of tags costs no more than one of nine
_JSON_BEGIN = re.compile(r"(?:(?:```|~~~)\w{0,10}\s*)?(?=[{\[])")
_READY = ("{", "[", "```", "~~~")


def find_answer_texts(text: str) -> list[str]:
    """Return what may be the answer behind the model's thinking, the likeliest first and the shortest last.

    The tag that ends the thinking may also stand in an answer's strings. The tag that begins it may be missing: some
    chat templates write it themselves, as the end of the prompt.
    """
    text = strip_control_tokens(text) if not THINKING_BEGIN.match(text.strip()) else text.strip()
    starts = [0] if not THINKING_BEGIN.match(text) else []
    starts += _find_ends(text)
    parts = [text[start:] for start in starts[:1] + starts[1:][-MAX_PARTS:]]
    parts = [rest for part in parts if (rest := strip_control_tokens(drop_open_thoughts(part)))]
    ready = [part for part in parts if part.startswith(_READY) and not _is_draft(part)]
    last = [part for part in parts[-1:] if part in ready or not (_is_thought(part) or _is_draft(part))]
    return [*ready, *last] if last and last != ready[-1:] else ready


def drop_open_thoughts(text: str) -> str:
    """Return the text up to thinking that is never closed, unless its tag is inside an answer."""
    ended = max((tag.start() for tag in THINKING_END.finditer(text)), default=0)
    tag = THINKING_BEGIN.search(text, ended)
    return text[: tag.start()].strip() if tag and "{" not in text[: tag.start()] else text


def drop_thoughts(text: str) -> str:
    """Return a text that is shown to people as it is: without anything that may be thinking."""
    ended = max((tag.end() for tag in THINKING_END.finditer(text)), default=0)
    tag = THINKING_BEGIN.search(text, ended)
    return strip_control_tokens(text[ended : tag.start() if tag else None])


def _find_ends(text: str) -> list[int]:
    """Return where thinking ends: at the tag that belongs to the one it began with, where there is such a one."""
    first = THINKING_BEGIN.match(text)
    ends = list(THINKING_END.finditer(text))
    if first:
        own = [tag for tag in ends if _name(tag[0]) == _name(first[0])]
        ends = [tag for tag in ends if own and tag.start() >= own[0].start()] or ends
    return [tag.end() for tag in ends]


def _name(tag: str) -> str:
    """Return what two tags that belong together share; nothing for dialects whose tags differ."""
    words = [word for word in re.findall(r"[a-z]+", tag.lower()) if word not in ("begin", "end", "start", "of")]
    return "channel" if "channel" in words else "".join(words)


def _is_draft(part: str) -> bool:
    """Return whether thinking ends behind the JSON that a part begins with, and words are before or behind its tag."""
    opening = _JSON_BEGIN.match(part)
    if not opening:
        return False
    try:
        _, end = DECODER.raw_decode(part, opening.end())
    except (ValueError, RecursionError):
        return False
    tag = THINKING_END.search(part, end)
    if tag is None:
        return False
    before = _FENCE.sub("", part[end : tag.start()])
    return bool(strip_control_tokens(before) or strip_control_tokens(part[tag.end() :]))


def _is_thought(part: str) -> bool:
    """Return whether a part that begins with words ends with thinking: a review in it is a draft or a quote."""
    tags = list(THINKING_END.finditer(part))
    return bool(tags) and not part.startswith(_READY) and not strip_control_tokens(part[tags[-1].end() :])
