"""A finding: one remark on one place in the change."""

import re
from dataclasses import dataclass
from enum import StrEnum

from iquest_review.diff.diff import Side
from iquest_review.text import shorten_to_line

MAX_TITLE_CHARS = 100
MAX_SEARCHED_CHARS = 2_000  # of a description, for its title

# Words that say only that something may be wrong. Models often begin with such a sentence.
_FILLER_WORDS = frozenset(
    "a an and any are as at be been bug bugs can change changed code concern concerns consider could defect error "
    "errors found function general good have here however i identified implementation important improve improved "
    "improvement in is issue issues it its line lines looks may might minor more need needs note noted noticed of on "
    "or please possible possibly potential potentially problem problems problematic review risk risks section "
    "see seems should snippet some something suggestion that the there this to use we with worth would you your".split()
)
_FILLER_CHARS = frozenset(
    "这里那处存在有个一些可能潜在的问题代码风险建议注意需要请此该行段错误缺陷地方会下面以上我发现了是"
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=[。！？])|\n+")
_PLAIN_WORD = re.compile(r"[^\W\d_]+|`[^`]*`|\w+")


class Severity(StrEnum):
    """How bad a finding is, worst first."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"

    @property
    def rank(self) -> int:
        """The position in the order of severities; 0 is the worst."""
        return list(Severity).index(self)

    def is_at_least(self, threshold: "Severity") -> bool:
        """Return whether this severity is as bad as the threshold, or worse."""
        return self.rank <= threshold.rank


class Category(StrEnum):
    """What kind of problem a finding is about."""

    BUG = "bug"
    SECURITY = "security"
    PERFORMANCE = "performance"
    CONVENTION = "convention"
    SIMPLIFICATION = "simplification"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A remark by the model or by a built-in rule. Until it is verified, path, line and quote are unchecked."""

    path: str  # empty when the model named no file
    line: int | None  # counts from 1 on `side`; None when the model named no line
    end_line: int | None
    side: Side
    severity: Severity
    category: Category
    title: str  # one line
    description: str
    quote: str  # the cited code; may be empty
    fix: str | None  # code that should replace the cited lines


def derive_title(description: str) -> str:
    """Return the first sentence of a description that says something, on one line of MAX_TITLE_CHARS at most.

    A description of fillers alone gives its first sentence.
    """
    sentences = [sentence for sentence in _SENTENCE_END.split(description[:MAX_SEARCHED_CHARS]) if sentence.strip()]
    told = next((sentence for sentence in sentences if not _is_filler(sentence)), "".join(sentences[:1]))
    return shorten_to_line(told, MAX_TITLE_CHARS)


def _is_filler(sentence: str) -> bool:
    """Return whether a sentence names nothing: no thing of the code, and no kind of mistake."""
    return all(
        word.lower() in _FILLER_WORDS or _FILLER_CHARS.issuperset(word) for word in _PLAIN_WORD.findall(sentence)
    )
