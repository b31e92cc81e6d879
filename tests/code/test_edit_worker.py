"""Edits are examined in one child process, whatever a file does to a parser."""

import os
import signal
import time

import pytest

from iquest_review.code.edit import Edit, EditFacts, Late
from iquest_review.code.edit_examiner import MAX_EDITED_BYTES, examine_edit
from iquest_review.code.edit_worker import examine_edits

CODE = b"def pay(key):\n    rows = query(key)  # all\n    return rows\n"


def edit(row: str, path: str = "pay.py", text: bytes = CODE) -> Edit:
    return Edit(path, text, 2, 2, (row,))


def hang_in_hard(change: Edit) -> EditFacts | None:
    while change.path == "hard.py":
        pass
    return examine_edit(change)


def be_late_in_slow(change: Edit) -> EditFacts | None:
    started = time.process_time()
    while change.path == "slow.py" and time.process_time() < started + 0.5:
        pass
    return examine_edit(change)


def crash_in_bad(change: Edit) -> EditFacts | None:
    if change.path == "bad.py":
        os.kill(os.getpid(), signal.SIGKILL)
    return examine_edit(change)


def test_the_facts_arrive_as_the_examiner_finds_them() -> None:
    edits = [edit("    rows = query(key)"), edit("    rows = query(key"), edit("    x: 'é'", "pay.yml")]

    assert examine_edits(edits, 60) == list(map(examine_edit, edits))
    assert [isinstance(facts, EditFacts) and facts.is_sound for facts in examine_edits(edits, 60)] == [
        True,
        False,
        True,
    ]


def test_a_hanging_parser_costs_its_time_and_no_other_fix() -> None:
    started = time.monotonic()
    hard = [edit("    a = 1", "hard.py"), edit("    a = 2", "hard.py")]

    found = examine_edits([edit("    a = 1"), *hard, edit("    a = 1", "next.py")], 2, hang_in_hard, 0.5)

    assert [isinstance(facts, EditFacts) for facts in found] == [True, False, False, True]
    assert found[1:3] == [Late(), Late()]
    assert time.monotonic() - started < 10


def test_a_file_that_takes_long_has_the_time_that_the_others_leave() -> None:
    found = examine_edits([edit("    a = 1", "slow.py"), edit("    a = 1")], 60, be_late_in_slow, 0.2)

    assert [isinstance(facts, EditFacts) for facts in found] == [True, True]


def test_a_crashing_parser_costs_no_other_fix() -> None:
    found = examine_edits(
        [edit("    a = 1"), edit("    a = 1", "bad.py"), edit("    a = 1", "next.py")], 60, crash_in_bad
    )

    assert [isinstance(facts, EditFacts) for facts in found] == [True, False, True]


def test_an_edit_that_cannot_be_parsed_is_not_late() -> None:
    assert examine_edits([edit("    a = 1"), edit("    a = 2")], 60, lambda _: None) == [None, None]


def test_no_edits_start_no_child() -> None:
    assert examine_edits([], 60, crash_in_bad) == []


@pytest.mark.timed
@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"x = 1\n" * 200_000, id="large"),
        pytest.param(b"x = 1\nx = " + b"(" * 5_000 + b"\n", id="deep"),
        pytest.param(b"x = 1\nx = '" + b"a" * 20_000 + b"'\n", id="wide"),
    ],
)
def test_a_file_made_to_take_long_is_not_examined(text: bytes) -> None:
    started = time.process_time()

    assert len(text) > MAX_EDITED_BYTES or len(text) < 30_000
    assert examine_edit(Edit("a.py", text, 1, 1, ("x = 2",))) is None
    assert time.process_time() - started < 5


def test_a_part_of_a_php_file_is_code() -> None:
    part = Edit("pay.php", b"    check($key);\n    return $key;\n", 1, 1, ("    check($key, 1);",), is_whole=False)

    for row, is_sound in (("    check($key, 1);", True), ("    Add a check.", False), ("    check($key;", False)):
        facts = examine_edit(part._replace(rows=(row,)))
        assert facts is not None
        assert facts.is_sound is is_sound


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"a: &a [x, x]\nb: &b [*a, *a]\nc: &c [*b, *b]\n", id="aliases"),
        pytest.param(b"a: !!python/object/apply:os.abort []\nb: 1\nc: 2\n", id="tags"),
    ],
)
def test_the_reader_of_yaml_follows_nothing(text: bytes) -> None:
    facts = examine_edit(Edit("a.yml", text, 3, 3, ("c: 3",)))

    assert facts is not None
    assert facts.is_sound


def test_entities_of_xml_are_not_expanded() -> None:
    text = b'<!DOCTYPE a [<!ENTITY x "' + b"x" * 1_000 + b'">]>\n<a>' + b"&x;" * 1_000 + b"</a>\n<!-- b -->\n"

    facts = examine_edit(Edit("a.xml", text, 3, 3, ("<!-- c -->",)))

    assert facts is not None
    assert facts.is_sound


def test_strings_and_comments_are_one_token_each() -> None:
    facts = examine_edit(edit('    rows = query("a b", key)  # some of them'))

    assert facts is not None
    assert [(token.kind, token.text, token.row) for token in facts.new if token.kind != "code"] == [
        ("string", '"a b"', 0),
        ("comment", "# some of them", 0),
    ]
    assert [token.text for token in facts.old if token.kind == "comment"] == ["# all"]
