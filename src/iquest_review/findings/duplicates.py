"""Findings of one review that say the same: near-duplicates on one line, and one sentence at many places of a file.

Findings on neighbouring lines may be two of a kind, such as two passwords: they become one finding only when they are
one sentence, and then it lists both places.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from iquest_review.findings.placed import MAX_PLACES, OtherPlace, PlacedFinding, Placement
from iquest_review.findings.similarity import (
    extract_words,
    is_related_text,
    is_same_sentence,
    is_similar_text,
    read_sentence,
)


def merge_duplicates(findings: Sequence[PlacedFinding]) -> list[PlacedFinding]:
    """Return the findings without near-duplicates on the same lines, worst first.

    Two findings of one category that are only related become one with both texts.
    """
    ranked = sorted(findings, key=lambda finding: finding.severity.rank)
    keys = [[(finding.path, finding.side, line) for line in _list_lines(finding)] for finding in ranked]
    return _fold(
        ranked, keys, lambda earlier, one: is_same_finding(earlier, one) or _is_related(earlier, one), _merge_pair
    )


def gather_repeats(findings: Sequence[PlacedFinding]) -> list[PlacedFinding]:
    """Return the findings with each sentence once a file: the first finding lists the other places.

    One with MAX_PLACES of them is full: the next finding gets a thread of its own. Only findings that
    can have a thread are gathered: the others are in the note, which has no room for places.
    """
    sentences = [read_sentence(finding.description) for finding in findings]
    counts = Counter(word for sentence in sentences for word in sentence.words)
    keys = [
        [(finding.path, finding.side, key) for key in sentence.list_keys(counts)]
        for finding, sentence in zip(findings, sentences, strict=True)
    ]
    return _fold(findings, keys, _is_repeat, _add_place)


def _fold(
    findings: Sequence[PlacedFinding],
    keys: Sequence[Sequence[Hashable]],
    is_same: Callable[[PlacedFinding, PlacedFinding], bool],
    merge: Callable[[PlacedFinding, PlacedFinding], PlacedFinding],
) -> list[PlacedFinding]:
    """Return the findings, each merged into the first earlier one that is the same.

    Two that are the same have a key in common, so a finding is compared with few of thousands.
    """
    kept, known = list[PlacedFinding](), defaultdict[Hashable, list[int]](list)
    for finding, own in zip(findings, keys, strict=True):
        likely = sorted({index for key in own for index in known[key]})
        index = next((index for index in likely if is_same(kept[index], finding)), None)
        if index is not None:
            kept[index] = merge(kept[index], finding)
            continue
        for key in own:
            known[key].append(len(kept))
        kept.append(finding)
    return kept


def _list_lines(finding: PlacedFinding) -> Sequence[int | None]:
    return (None,) if finding.line is None else range(finding.line, (finding.end_line or finding.line) + 1)


def _is_repeat(earlier: PlacedFinding, finding: PlacedFinding) -> bool:
    if (earlier.path, earlier.side) != (finding.path, finding.side) or None in (earlier.line, finding.line):
        return False
    if len(earlier.other_places) >= MAX_PLACES:
        return False
    inline = earlier.placement is finding.placement is Placement.INLINE
    return inline and is_same_sentence(earlier.description, finding.description)


def _add_place(finding: PlacedFinding, other: PlacedFinding) -> PlacedFinding:
    """Return the finding with the place of another one, whose lines are no longer its twins."""
    places = (*finding.other_places, OtherPlace(other.line or 0, other.end_line, other.anchor, other.anchored))
    taken = {place.end_line or place.line for place in places}
    twins = tuple(line for line in finding.twins if line not in taken)
    return replace(finding, other_places=places, twins=twins)


def _is_related(finding: PlacedFinding, other: PlacedFinding) -> bool:
    same_place = has_overlap(finding, other) and finding.anchor == other.anchor
    related = finding.category is other.category and is_related_text(finding.description, other.description)
    return same_place and related


def _merge_pair(finding: PlacedFinding, other: PlacedFinding) -> PlacedFinding:
    """Merge two findings: keep the longer of two similar texts, or both texts, and the fix of either."""
    if finding.fix is None and (finding.line, finding.end_line) == (other.line, other.end_line):
        finding = replace(finding, fix=other.fix, quote=other.quote, replacement=other.replacement)
    if not is_similar_text(finding.description, other.description):
        return replace(finding, description=f"{finding.description}\n\n{other.description}")
    if len(extract_words(other.description)) <= len(extract_words(finding.description)):
        return finding
    return replace(finding, title=other.title, description=other.description, fingerprint=other.fingerprint)


def is_same_finding(finding: PlacedFinding, other: PlacedFinding) -> bool:
    """Return whether two findings have a line in common and say the same."""
    if not has_overlap(finding, other):
        return False
    return finding.fingerprint == other.fingerprint or is_similar_text(finding.description, other.description)


def has_overlap(finding: PlacedFinding, other: PlacedFinding) -> bool:
    """Return whether two findings have a line in common, or are both about the same whole file."""
    if (finding.path, finding.side) != (other.path, other.side):
        return False
    if finding.line is None or other.line is None:
        return finding.line is other.line
    return finding.line <= (other.end_line or other.line) and other.line <= (finding.end_line or finding.line)
