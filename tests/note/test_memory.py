"""What a note remembers: all of it comes back, and nothing that was not written by us does harm."""

import base64
import json
import re
import time
import tracemalloc
import zlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Side
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import Placement, StoredFinding
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.findings.position import Unplaced
from iquest_review.note import memory, summary
from iquest_review.note.memory import MAX_HUNKS, MAX_PACKED_CHARS, MAX_UNPACKED_BYTES, NoteMemory
from iquest_review.note.summary import PREVIOUS_MARKER, SUMMARY_MARKER, PostedState
from iquest_review.outcome import HeldBackReason
from iquest_review.reasons.review import OtherReason
from tests.support.gitlab import quick_actions
from tests.support.outcomes import AROUND, failed, finding, full, held_back, outcome

HEAD, REVIEWED, SETTINGS = "3" * 40, "2" * 40, "41cabdce86dd"
HEX = st.text("0123456789abcdef", min_size=16, max_size=16)
ODD = ["", "-->", "\n/close\n", "`", "\\", '"', "变更", "😀", "\ud800", "\0", "\r\n", "@all #1 <b>", "x" * 5_000]
TEXT = st.sampled_from(ODD) | st.text(max_size=9)
NUMBER = st.none() | st.integers(0, 10_000_000)
FINDINGS = st.builds(
    finding,
    path=TEXT,
    line=NUMBER,
    end_line=NUMBER,
    side=st.sampled_from(Side),
    severity=st.sampled_from(Severity),
    category=st.sampled_from(Category),
    title=TEXT,
    description=TEXT,
    quote=TEXT,
    fix=st.none() | TEXT,
    fingerprint=HEX,
    placement_reason=st.none() | st.sampled_from(PlacementReason),
    anchor=HEX,
    anchored=st.integers(0, 10_000),
)
LEDGERS = st.builds(
    NoteMemory,
    head=st.just(HEAD) | st.just(""),
    reviewed=st.just(REVIEWED) | st.just(""),
    settings=st.just(SETTINGS) | st.just(""),
    hunks=st.lists(st.text("0123456789abcdef", min_size=12, max_size=12), max_size=5).map(tuple),
    model=st.none() | TEXT,
    summary=TEXT,
    suggestions=st.lists(TEXT, max_size=2).map(tuple),
    findings=st.lists(FINDINGS, max_size=3).map(tuple),
    titles=st.lists(st.tuples(TEXT, TEXT), max_size=3).map(tuple),
    resolved=st.lists(TEXT, max_size=3).map(tuple),
)


def made(**changed: Any) -> NoteMemory:
    fields: dict[str, Any] = {"hunks": ("0123456789ab", "ba9876543210"), "findings": (finding(),), "summary": "Fine."}
    return NoteMemory(HEAD, REVIEWED, SETTINGS, **{**fields, **changed})


def noted(marker: str) -> str:
    """A note with the line."""
    return f"{SUMMARY_MARKER}\n{marker}\n\n## Review: No findings\n"


def line(value: object, *, packed: bytes | None = None) -> str:
    """The line of a value that is not ours."""
    content = zlib.compress(json.dumps(value).encode()) if packed is None else packed
    data = base64.b64encode(content).decode()
    return f"<!-- iquest-review:reviewed {REVIEWED} head={HEAD} settings={SETTINGS} data={data} -->"


def value_of(marker: str) -> dict[str, Any]:
    """What a line of ours holds."""
    found = re.search("data=(.*) -->", marker)
    assert found is not None
    value: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(found[1])))
    return value


# --- there and back ---


@settings(max_examples=100, deadline=None, derandomize=True)
@given(written=LEDGERS)
def test_every_memory_comes_back_unchanged(written: NoteMemory) -> None:
    marker = memory.format_memory(written)

    assert re.fullmatch(r"<!-- iquest-review:reviewed [0-9a-f]* head=[0-9a-f]* settings=[0-9a-f]* data=\S+ -->", marker)
    assert memory.parse_memory(noted(marker)) == written


@settings(max_examples=40, deadline=None, derandomize=True)
@given(written=LEDGERS)
def test_a_memory_in_a_note_is_hidden_and_inert(written: NoteMemory) -> None:
    plain, body = (
        summary.compose_note(outcome(), AROUND, PostedState((), replace(written, findings=())))
        for written in (made(), written)
    )

    html, shown = (quick_actions.HTML_COMMENT.sub("", quick_actions.rendered(one)) for one in (body, plain))
    assert html == shown
    assert quick_actions.commands(body) == quick_actions.mentions(body) == quick_actions.references(body) == []
    assert quick_actions.strip(body) == body.rstrip()


def test_a_note_without_a_memory_has_none() -> None:
    assert memory.parse_memory(summary.compose_note(full(), AROUND)) is None
    assert memory.parse_memory("") is None


def test_carriage_returns_do_not_matter() -> None:
    assert memory.parse_memory(noted(memory.format_memory(made())).replace("\n", "\r\n")) == made()


def test_a_review_below_a_failure_is_still_remembered() -> None:
    good = summary.compose_note(full(), AROUND, PostedState((), made()))

    body = summary.append_previous_review(failed(), summary.append_previous_review(failed(head="5" * 40), good))

    assert body.index(PREVIOUS_MARKER) < body.index("<!-- iquest-review:reviewed")
    assert memory.parse_memory(body) == made()


def test_a_finding_comes_back_as_one_of_the_note() -> None:
    inline = finding(placement=Placement.INLINE, twins=(3,), replacement="x", anchor="0" * 16, anchored=1)

    read = memory.parse_memory(noted(memory.format_memory(made(findings=(inline,)))))

    assert read is not None
    assert read.findings == (replace(inline, place=Unplaced(None), twins=(), replacement=None),)


@pytest.mark.parametrize("hostile", ["x -->\n\n/close\n\n<!--", "-->", "3" * 65, "F00", "3\n", "３"])
def test_the_hidden_line_holds_only_hexadecimal_digests(hostile: str) -> None:
    marker = memory.format_memory(NoteMemory(hostile, hostile, hostile))

    assert memory.parse_memory(noted(marker)) == NoteMemory("", "", "")
    assert "\n" not in marker


# --- sizes ---


def noise(number: int, size: int) -> str:
    """Text that does not pack."""
    return base64.b85encode(
        b"".join(zlib.crc32(b"%d %d" % (number, at)).to_bytes(4) for at in range(size // 4))
    ).decode()


def identity(number: int) -> str:
    return f"{zlib.crc32(b'%d' % number) << 16 | number:012x}"


def test_five_thousand_hunks_are_remembered() -> None:
    written = made(hunks=tuple(identity(number) for number in range(MAX_HUNKS)))

    marker = memory.format_memory(written)

    assert len(marker) < 60_000
    assert memory.parse_memory(noted(marker)) == written


def test_too_many_hunks_are_forgotten_and_the_rest_is_kept() -> None:
    written = made(hunks=tuple(identity(number) for number in range(MAX_HUNKS + 1)))

    assert memory.parse_memory(noted(memory.format_memory(written))) == replace(written, hunks=())


TITLES = tuple((identity(number) + "0000", noise(number, 200)) for number in range(1_200))
TOLD = tuple(finding(line=number + 1, description=noise(number, 4_000)) for number in range(60))
SIZES: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "a long summary": ({"summary": noise(0, 300_000)}, ("summary", "suggestions")),
    "long suggestions": ({"suggestions": (noise(0, 300_000),)}, ("summary", "suggestions")),
    "many titles": ({"titles": TITLES}, ("summary", "suggestions", "titles")),
    "many findings": ({"findings": TOLD}, ("summary", "suggestions", "titles", "findings", "hunks")),
    "text that packs well": ({"summary": "x" * 5_000_000}, ("summary", "suggestions")),
    "everything": (
        {"summary": noise(0, 300_000), "titles": TITLES, "findings": TOLD},
        ("summary", "suggestions", "titles", "findings", "hunks"),
    ),
}


@pytest.mark.parametrize("name", SIZES)
def test_a_large_memory_forgets_what_is_least_needed(name: str) -> None:
    written, forgotten = made(resolved=("d" * 40,), **SIZES[name][0]), SIZES[name][1]

    marker = memory.format_memory(written)

    empty: dict[str, Any] = {**dict.fromkeys(forgotten, ()), "summary": ""}
    assert len(marker) < MAX_PACKED_CHARS + 300
    assert memory.parse_memory(noted(marker)) == replace(written, **empty)


def test_a_memory_without_room_is_empty() -> None:
    marker = memory.format_memory(made(resolved=(noise(0, 300_000),)))

    assert marker.endswith(" data= -->")
    assert memory.parse_memory(noted(marker)) is None


def test_hunks_are_forgotten_with_their_findings() -> None:
    read = memory.parse_memory(noted(memory.format_memory(made(findings=TOLD))))

    assert read is not None
    assert (read.findings, read.hunks) == ((), ())


# --- what is not believed ---


DEEP = b"[" * 200_000
BOMB = zlib.compress(b'{"hunks": "' + b"0" * 200_000_000, 9)
DAMAGED: dict[str, str] = {
    "no base64": line(None).replace("data=", "data=="),
    "no zlib": line(None, packed=b"x"),
    "zlib that breaks off": line(None, packed=zlib.compress(b'{"hunks": ""}' * 99)[:30]),
    "no json": line(None, packed=zlib.compress(b"x")),
    "no utf-8": line(None, packed=zlib.compress(b"\xff\xfe{")),
    "nothing": line(None, packed=b""),
    "another type": line([]),
    "deep json": line(None, packed=zlib.compress(DEEP)),
    "deep json of objects": line(None, packed=zlib.compress(b'{"a":' * 200_000)),
    "a bomb": line(None, packed=BOMB),
    "a long number": line(None, packed=zlib.compress(b"9" * 1_000_000)),
}


@pytest.mark.timed
@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_line_is_not_believed(name: str) -> None:
    started = time.process_time()

    assert memory.parse_memory(noted(DAMAGED[name])) is None
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("place", "new"),
    [
        ("hunks", 3),
        ("hunks", None),
        ("hunks", ["0123456789ab"]),
        ("model", 3),
        ("summary", None),
        ("suggestions", "x"),
        ("suggestions", [3]),
        ("titles", [["a"]]),
        ("titles", [["a", 3]]),
        ("titles", [["a", "b", "c"]]),
        ("titles", {"a": "b"}),
        ("resolved", [None]),
        ("findings", [3]),
        ("findings", {}),
        ("findings.path", None),
        ("findings.path", 3),
        ("findings.line", "x"),
        ("findings.line", "3"),
        ("findings.line", True),
        ("findings.line", 3.0),
        ("findings.line", -1),
        ("findings.line", 1.5),
        ("findings.severity", "critical"),
        ("findings.category", None),
        ("findings.side", "left"),
        ("findings.fingerprint", "<!-- -->"),
        ("findings.fingerprint", "0123456789abcdef\n"),
        ("findings.anchor", "x"),
        ("findings.anchor", "\ud800" * 16),
        ("findings.anchored", None),
        ("findings.anchored", -1),
        ("findings.fix", []),
        ("findings.placement_reason", 3),
        ("findings.placement_reason", ["the line is not in the diff"]),
    ],
)
def test_a_value_of_another_kind_is_not_believed(place: str, new: object) -> None:
    value = value_of(memory.format_memory(made()))
    *keys, last = place.split(".")
    (value["findings"][0] if keys else value)[last] = new

    assert memory.parse_memory(noted(line(value))) is None


@pytest.mark.parametrize("reason", ["the file is not in the reviewed diff", "", "NO_FILE", "*old* @all"])
def test_a_reason_of_another_version_is_read_as_no_place(reason: str) -> None:
    value = value_of(memory.format_memory(made()))
    value["findings"][0]["placement_reason"] = reason

    stored = memory.parse_memory(noted(line(value)))

    assert stored is not None
    assert stored.findings[0].placement_reason is PlacementReason.NO_PLACE


NAMES = [*value_of(memory.format_memory(made())), *value_of(memory.format_memory(made()))["findings"][0]]


@pytest.mark.parametrize("name", [name for name in NAMES if name not in ("summary_head", "held_back")])
def test_a_value_that_is_missing_is_not_believed(name: str) -> None:
    value = value_of(memory.format_memory(made()))
    (value if name in value else value["findings"][0]).pop(name)

    assert memory.parse_memory(noted(line(value))) is None


def test_a_placement_reason_of_another_version_is_read_as_no_place() -> None:
    value = value_of(memory.format_memory(made()))
    value["findings"][0]["placement_reason"] = "the file is too old"

    remembered = memory.parse_memory(noted(line(value)))

    assert remembered is not None
    assert remembered.findings[0].placement_reason is PlacementReason.NO_PLACE


def test_a_line_of_an_older_version_is_believed() -> None:
    value = value_of(memory.format_memory(made()))
    del value["summary_head"]

    assert memory.parse_memory(noted(line(value))) == replace(made(), summary_head="")


def test_what_people_settled_comes_back_as_it_was() -> None:
    settled = held_back(finding(thread="f" * 40, title="Empty.", anchor="a" * 16, anchored=1), HeldBackReason.RESOLVED)

    known = memory.parse_memory(noted(memory.format_memory(replace(made(), held_back=(settled,)))))

    assert known is not None
    assert [(entry.thread, entry.title, entry.why) for entry in known.held_back] == [
        ("f" * 40, "Empty.", HeldBackReason.RESOLVED)
    ]


def test_keys_of_a_later_version_are_ignored() -> None:
    value = value_of(memory.format_memory(made()))
    value["score"] = value["findings"][0]["score"] = 3

    assert memory.parse_memory(noted(line(value))) == made()


@settings(max_examples=100, deadline=None, derandomize=True)
@given(at=st.floats(0, 1), new=st.characters())
def test_a_line_with_another_character_never_breaks_a_run(at: float, new: str) -> None:
    marker = memory.format_memory(made())
    place = int(at * (len(marker) - 1))

    memory.parse_memory(noted(marker[:place] + new + marker[place + 1 :]))


@pytest.mark.parametrize("forged", ["summary", "description", "raw", "path"])
def test_a_hidden_line_in_a_text_of_others_is_ignored(forged: str) -> None:
    hostile = f"x\n{memory.format_memory(made())}\n"
    changed: dict[str, dict[str, Any]] = {
        "summary": {"summary": hostile},
        "description": {"findings": (finding(description=hostile, quote=hostile, fix=hostile),)},
        "path": {"findings": (finding(path=hostile, line=None, placement_reason=PlacementReason.NO_LINE),)},
        "raw": {"status": "raw", "reasons": (OtherReason(hostile),), "raw": hostile},
    }
    findings = changed[forged].get("findings", ())
    real = replace(made(findings=findings), head="9" * 40) if forged != "raw" else None

    body = summary.compose_note(outcome(**changed[forged]), AROUND, PostedState((), real) if real else None)

    assert memory.parse_memory(body) == real


def test_a_marker_in_the_middle_of_a_line_is_ignored() -> None:
    assert memory.parse_memory(f"{SUMMARY_MARKER}\n\nsee {memory.format_memory(made())}\n") is None


def test_placed_findings_have_every_remembered_field() -> None:
    known = value_of(memory.format_memory(made()))["findings"][0].keys()

    assert set(StoredFinding.__dataclass_fields__) - set(known) == {
        *("placement", "twins", "other_places", "thread", "names", "position", "replacement")
    }


def test_a_bomb_is_not_unpacked() -> None:
    tracemalloc.start()

    memory.parse_memory(noted(DAMAGED["a bomb"]))

    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * MAX_UNPACKED_BYTES
