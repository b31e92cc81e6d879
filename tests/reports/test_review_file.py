"""review.json: the face it shows to others, and the way back."""

import json
import math
import re
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review import __version__
from iquest_review.diff.diff import Side
from iquest_review.errors import UsageError
from iquest_review.excerpt.excerpt import Coverage
from iquest_review.excerpt.exclusions import Omission, Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import OtherPlace, Placement
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Position, RangeEnd
from iquest_review.merge_request import DiffRefs, MergeRequest
from iquest_review.outcome import (
    OpenThread,
    Outcome,
    PromptUsed,
    ReviewedScope,
    ReviewStatus,
    SettledFinding,
    SettledReason,
    Usage,
)
from iquest_review.reasons.review import OtherReason
from iquest_review.reports import review_file, stored_review
from iquest_review.reports.review_file import OutputFolderError
from tests.support.outcomes import finding, full, held_back, later, outcome
from tests.support.reasons import list_reasons

TEXT = st.text(st.characters(codec="utf-8"))
NUMBER = st.integers(0, 10_000_000)
DIGEST = st.text("0123456789abcdef", min_size=16, max_size=16)
NUMBERS = st.lists(NUMBER, max_size=2).map(tuple)
POSITIONS = st.builds(
    Position,
    old_path=TEXT,
    new_path=TEXT,
    old_line=st.none() | NUMBER,
    new_line=st.none() | NUMBER,
    line_range=st.none() | st.tuples(st.builds(RangeEnd, TEXT, TEXT), st.builds(RangeEnd, TEXT, TEXT)),
)
FINDINGS = st.lists(
    st.builds(
        finding,
        fingerprint=DIGEST,
        path=TEXT,
        line=st.none() | NUMBER,
        end_line=st.none() | NUMBER,
        side=st.sampled_from(Side),
        severity=st.sampled_from(Severity),
        category=st.sampled_from(Category),
        title=TEXT,
        description=TEXT,
        quote=TEXT,
        fix=st.none() | TEXT,
        placement=st.sampled_from(Placement),
        placement_reason=st.none() | st.sampled_from(PlacementReason),
        anchor=DIGEST,
        anchored=NUMBER,
        twins=NUMBERS,
        names=st.lists(TEXT, max_size=2).map(tuple),
        position=POSITIONS,
        replacement=st.none() | TEXT,
        other_places=st.lists(st.builds(OtherPlace, NUMBER, st.none() | NUMBER, DIGEST, NUMBER), max_size=2).map(tuple),
        thread=TEXT,
    ),
    max_size=2,
).map(tuple)
OUTCOMES = st.builds(
    Outcome,
    status=st.sampled_from(ReviewStatus),
    reasons=st.lists(st.sampled_from(list(list_reasons())) | st.builds(OtherReason, TEXT), max_size=2).map(tuple),
    merge_request=st.none() | st.builds(MergeRequest, TEXT, NUMBER),
    diff_refs=st.none() | st.builds(DiffRefs, TEXT, TEXT, TEXT),
    model=st.none() | TEXT,
    prompt=st.builds(PromptUsed, TEXT, TEXT),
    summary=TEXT,
    before=TEXT,
    before_head=TEXT,
    suggestions=st.lists(TEXT, max_size=2).map(tuple),
    findings=FINDINGS,
    kept=FINDINGS,
    still_open=st.lists(
        st.builds(OpenThread, TEXT, st.sampled_from(Severity), TEXT, st.none() | NUMBER), max_size=2
    ).map(tuple),
    settled=st.lists(st.builds(SettledFinding, TEXT, st.sampled_from(SettledReason)), max_size=2).map(tuple),
    held_back=FINDINGS.map(lambda findings: tuple(map(held_back, findings))),
    merged=NUMBER,
    reviewed=st.none()
    | st.builds(ReviewedScope, TEXT, st.lists(TEXT, max_size=2).map(tuple), st.booleans(), st.booleans()),
    raw=st.none() | TEXT,
    coverage=st.lists(
        st.builds(Coverage, TEXT, st.lists(st.tuples(NUMBER, NUMBER), max_size=2).map(tuple), NUMBER, NUMBER),
        max_size=2,
    ).map(tuple),
    omissions=st.lists(st.builds(Omission, TEXT, st.sampled_from(Reason), NUMBER), max_size=2).map(tuple),
    usage=st.builds(Usage, NUMBER, NUMBER, NUMBER, st.floats(0, 1e6)),
)


def saved(folder: Path, content: bytes | str | dict[str, Any]) -> Path:
    path = folder / "review.json"
    text = json.dumps(content) if isinstance(content, dict) else content
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# --- the face ---


def test_the_file_has_these_keys_in_this_order() -> None:
    value = json.loads(review_file.dump_review(later()[0]))

    assert list(value) == [
        *("schema_version", "tool", "status", "reason", "reasons", "merge_request", "diff_refs", "model", "prompt"),
        *("summary", "before", "before_head", "suggestions", "findings", "kept", "still_open", "settled", "held_back"),
        *("steering", "ignored_settings", "merged", "reviewed", "raw", "coverage", "omissions", "usage"),
    ]
    assert value["schema_version"] == 1
    assert value["tool"] == {"name": "iquest-review", "version": __version__}
    assert list(value["merge_request"]) == ["project", "iid"]
    assert list(value["diff_refs"]) == ["base_sha", "start_sha", "head_sha"]
    assert list(value["prompt"]) == ["language", "digest"]
    for name in ("findings", "kept"):
        assert list(value[name][0]) == [
            *("fingerprint", "path", "line", "end_line", "side", "severity", "category", "title", "description"),
            *("quote", "fix", "placement", "placement_reason", "anchor", "anchored", "twins", "other_places"),
            *("thread", "names", "position", "replacement"),
        ]
    assert (value["held_back"][0]["line"], value["held_back"][0]["why"]) == (50, "waived")
    assert value["settled"][0] == {"thread": "d" * 40, "why": "gone"}
    assert value["still_open"][0] == {"thread": "a" * 40, "severity": "high", "path": "app/total.py", "line": 9}
    assert list(value["coverage"][0]) == ["path", "shown", "changed_lines", "shown_changed_lines"]
    assert list(value["omissions"][0]) == ["path", "reason", "changed_lines"]
    assert list(value["usage"]) == ["requests", "prompt_tokens", "completion_tokens", "seconds"]


def test_values_are_written_as_people_say_them() -> None:
    value = json.loads(review_file.dump_review(full()))

    assert value["status"] == "reviewed"
    assert (value["findings"][2]["side"], value["findings"][2]["line"], value["findings"][2]["fix"]) == ("old", 9, None)
    assert (value["findings"][1]["severity"], value["findings"][1]["placement"]) == ("high", "summary")
    assert value["coverage"][0]["shown"] == [[1, 9]]
    assert value["omissions"][0] == {"path": "package-lock.json", "reason": "lock file", "changed_lines": 1}
    assert value["merge_request"] == {"project": "7", "iid": 4}


def test_missing_values_are_null() -> None:
    value = json.loads(review_file.dump_review(Outcome(status=ReviewStatus.NOT_REVIEWED, prompt=PromptUsed("en", "x"))))

    assert all(value[name] is None for name in ("reason", "merge_request", "diff_refs", "model", "raw"))
    assert value["findings"] == value["suggestions"] == value["coverage"] == value["omissions"] == []


def test_chinese_stays_readable() -> None:
    assert "空列表" in review_file.dump_review(outcome(summary="空列表")).decode()


# --- there and back ---


@settings(max_examples=100, deadline=None, derandomize=True)
@given(made=OUTCOMES)
def test_every_outcome_comes_back_as_it_was(made: Outcome, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert stored_review.load_review(saved(tmp_path_factory.mktemp("there"), review_file.dump_review(made))) == made


@pytest.mark.parametrize("path", ["a\nb", "a\0b", "\u202e", "../x", "a\\b", '"', "\x1b[31m", "é" * 2000, ""])
def test_odd_paths_come_back_as_they_were(path: str, tmp_path: Path) -> None:
    made = outcome(findings=(finding(path=path),), omissions=(Omission(path, Reason.LOCK, 1),))

    review_file.write_review(tmp_path, made, "note")

    assert stored_review.load_review(tmp_path / "review.json") == made


def test_lone_surrogates_are_written_as_escapes(tmp_path: Path) -> None:
    made = outcome(findings=(finding(path="a\udc80.py", quote='"\ud800\\'),), summary="\udfff")

    review_file.write_review(tmp_path, made, "note \udc80")

    loaded = stored_review.load_review(tmp_path / "review.json")
    assert loaded == replace(made, summary="\\udfff", findings=(finding(path="a\\udc80.py", quote='"\\ud800\\'),))
    assert (tmp_path / "note.md").read_bytes() == b"note ?"


def test_unknown_keys_and_another_tool_version_are_ignored(tmp_path: Path) -> None:
    value = json.loads(review_file.dump_review(full()))
    value |= {"tool": {"name": "iquest-review", "version": "9.9"}, "score": 1}

    assert stored_review.load_review(saved(tmp_path, value)) == full()


# --- what is refused ---


def change(value: dict[str, Any], place: str, new: Any) -> dict[str, Any]:
    at: Any = value
    *keys, last = (int(key) if key.isdecimal() else key for key in place.split("."))
    for key in keys:
        at = at[key]
    at[last] = new
    return value


@pytest.mark.parametrize(
    ("place", "new"),
    [
        ("status", "fine"),
        ("status", None),
        ("summary", 1),
        ("summary", None),
        ("suggestions", "x"),
        ("suggestions.1", 2),
        ("findings", {}),
        ("findings.1.line", "3"),
        ("findings.1.line", 3.5),
        ("findings.1.line", True),
        ("findings.1.severity", "critical"),
        ("findings.1.category", "style"),
        ("findings.1.side", "left"),
        ("findings.1.placement", "elsewhere"),
        ("findings.1.description", None),
        ("coverage.0.shown.0", [1]),
        ("omissions.0.reason", "dull"),
        ("omissions.0.changed_lines", None),
        ("merge_request.iid", "4"),
        ("diff_refs.head_sha", 4),
        ("prompt", None),
        ("usage.seconds", "12"),
        ("usage.seconds", math.nan),
        ("usage.seconds", math.inf),
    ],
)
def test_a_wrong_value_is_refused_and_its_place_named(place: str, new: Any, tmp_path: Path) -> None:
    path = saved(tmp_path, change(json.loads(review_file.dump_review(full())), place, new))

    with pytest.raises(UsageError, match=re.escape(f"{path} is not a review.json: {place}")):
        stored_review.load_review(path)


@pytest.mark.parametrize("digest", ["0" * 15, "0" * 17, "G" * 16, "0" * 16 + "\n", "x -->\n\n/close\n\n<!--"])
@pytest.mark.parametrize("place", ["findings.0.fingerprint", "kept.0.fingerprint", "kept.1.anchor"])
def test_fingerprint_and_anchor_must_be_digests(place: str, digest: str, tmp_path: Path) -> None:
    made = outcome(kept=(finding(), finding()), findings=(finding(),))
    value = change(json.loads(review_file.dump_review(made)), place, digest)

    with pytest.raises(
        UsageError, match=f"{place.rpartition('.')[0]}: fingerprint and anchor must have 16 hexadecimal digits"
    ):
        stored_review.load_review(saved(tmp_path, value))


@pytest.mark.parametrize(("lost", "left"), [("position", None), ("anchor", "")])
def test_a_finding_on_an_unknown_line_goes_into_the_note(lost: str, left: object, tmp_path: Path) -> None:
    whole = finding(placement=Placement.INLINE, anchor="0" * 16, position=Position("a", "a", None, 3))
    value = json.loads(review_file.dump_review(outcome(findings=(whole,))))
    [kept] = stored_review.load_review(saved(tmp_path, value)).findings

    [told] = stored_review.load_review(saved(tmp_path, change(value, f"findings.0.{lost}", left))).findings

    assert kept == whole
    assert (told.placement, told.fingerprint) == (Placement.SUMMARY, whole.fingerprint)


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("the line is not in the diff", PlacementReason.NO_LINE),
        ("over IQUEST_MAX_FINDINGS", PlacementReason.OVER_LIMIT),
        ("the file is too old", PlacementReason.NO_PLACE),
        (None, None),
    ],
)
def test_a_stored_placement_reason_is_read_as_a_value(
    sentence: str | None, reason: PlacementReason | None, tmp_path: Path
) -> None:
    value = change(json.loads(review_file.dump_review(full())), "findings.0.placement_reason", sentence)

    assert stored_review.load_review(saved(tmp_path, value)).findings[0].placement_reason is reason


def test_a_missing_value_is_refused_and_its_place_named(tmp_path: Path) -> None:
    value = json.loads(review_file.dump_review(full()))
    del value["findings"][2]["quote"]

    with pytest.raises(UsageError, match=r"findings\.2\.quote: Field required"):
        stored_review.load_review(saved(tmp_path, value))


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ('"findings": [' + "{}, " * 200_000 + "{}]", "findings.0.path"),
        ('"findings": [' + "1, " * 200_000 + "1]", "findings.0"),
        ('"settled": [' + "{}, " * 200_000 + "{}]", "settled.0.thread"),
        ('"suggestions": [' + "1, " * 200_000 + "1]", "suggestions.0"),
        ('"coverage": [{"path": "a", "shown": [' + "[], " * 200_000 + "[]]}]", "coverage.0.shown.0.0"),
    ],
    ids=["findings", "numbers", "settled", "suggestions", "coverage"],
)
def test_the_first_of_many_wrong_values_is_named(wrong: str, place: str, tmp_path: Path) -> None:
    """The errors of a million values would take minutes and gigabytes."""
    started = time.process_time()
    file = tmp_path / "review.json"
    file.write_text(
        f'{{"schema_version": 1, "status": "reviewed", "prompt": {{"language": "en", "digest": ""}}, {wrong}}}'
    )

    with pytest.raises(UsageError, match=re.escape(f"is not a review.json: {place}: ")):
        stored_review.load_review(file)

    assert time.process_time() - started < 2


@pytest.mark.parametrize("content", [b"", b"{", b"not json", b'{"a": 1}}', b"\xff\xfe", b"[" * 100_000, b'"\\ud800"'])
def test_content_that_is_not_json_is_refused(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"review\.json is not JSON"):
        stored_review.load_review(saved(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "version"),
    [
        ('{"schema_version": 2}', "2"),
        ('{"schema_version": "1"}', "'1'"),
        (f'{{"schema_version": "{"x" * 99}"}}', f"'{'x' * 38}…"),
    ],
)
def test_another_version_is_refused_by_its_number(content: str, version: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"has schema_version {version}; this iquest-review reads version 1"):
        stored_review.load_review(saved(tmp_path, content))


@pytest.mark.parametrize("content", ["{}", "[]", "1", '{"schema_version": true}', '{"schema_version": 1.0}'])
def test_json_of_another_kind_is_refused(content: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"review\.json is not a review\.json"):
        stored_review.load_review(saved(tmp_path, content))


def test_a_missing_file_is_refused_with_the_command_that_writes_it(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"none\.json cannot be read: No such file or directory; run `iquest-review review` first"
    ):
        stored_review.load_review(tmp_path / "none.json")
    with pytest.raises(UsageError, match="Is a directory"):
        stored_review.load_review(tmp_path)


# --- writing ---


def test_the_folder_is_made_and_holds_review_and_note_alone(tmp_path: Path) -> None:
    review_file.write_review(tmp_path / "a" / "b", full(), "# The note\n")

    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["note.md", "review.json"]
    assert (tmp_path / "a" / "b" / "note.md").read_text() == "# The note\n"
    assert (tmp_path / "a" / "b" / "review.json").read_bytes() == review_file.dump_review(full())


def test_a_second_review_replaces_the_first(tmp_path: Path) -> None:
    review_file.write_review(tmp_path, full(), "a longer note")
    review_file.write_review(tmp_path, outcome(), "short")

    assert stored_review.load_review(tmp_path / "review.json") == outcome()
    assert (tmp_path / "note.md").read_text() == "short"


def test_a_write_that_fails_midway_leaves_whole_files(tmp_path: Path) -> None:
    review_file.write_review(tmp_path, full(), "first")
    (tmp_path / "note.md").unlink()
    (tmp_path / "note.md").mkdir()  # no file can take its place

    with pytest.raises(OutputFolderError, match=r"cannot be written: Is a directory; choose another with --output"):
        review_file.write_review(tmp_path, outcome(), "second")

    assert stored_review.load_review(tmp_path / "review.json") == outcome()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["note.md", "review.json"]


def test_a_review_outlives_a_note_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "note.md").mkdir()

    with pytest.raises(OutputFolderError, match="cannot be written"):
        review_file.write_review(tmp_path, full(), "note")

    assert stored_review.load_review(tmp_path / "review.json") == full()


def test_a_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")

    with pytest.raises(OutputFolderError, match=r"out cannot be written: File exists"):
        review_file.write_review(tmp_path / "out", full(), "note")


def test_an_interrupted_write_leaves_nothing_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    review_file.write_review(tmp_path, outcome(), "first")
    monkeypatch.setattr(Path, "replace", interrupted)

    with pytest.raises(KeyboardInterrupt):
        review_file.write_review(tmp_path, full(), "second")

    assert stored_review.load_review(tmp_path / "review.json") == outcome()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["note.md", "review.json"]


def test_a_folder_error_exits_with_4() -> None:
    assert OutputFolderError("out cannot be written").exit_code == 4
