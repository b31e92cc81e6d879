"""The search for names in the files of a commit."""

import os
import time
from collections.abc import Iterable
from pathlib import Path

import pytest

from iquest_review.code.mentions import Mentions
from iquest_review.git.grep import MAX_OUTPUT_BYTES
from iquest_review.git.repository import Repository
from tests.support.checkout import Checkout, Executable, Link, put


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "repository")


def find(checkout: Checkout, commit: str, names: Iterable[str]) -> dict[str, Mentions]:
    with Repository(checkout.path).open_clone() as opened:
        return opened.find_mentions(commit, names)


def test_definitions_and_uses_of_all_names_are_found_in_one_search(checkout: Checkout) -> None:
    commit = checkout.commit({"a": b"def one():\ndef two():\r\n", "b": b"one()\nnone()\n", "c": b"two(\xff)\n"})

    assert find(checkout, commit, ["two", "one", "three"]) == {
        "two": Mentions([("a", 2, "def two():")], [("c", 1, "two(\\xff)")]),
        "one": Mentions([("a", 1, "def one():")], [("b", 1, "one()")]),
        "three": Mentions(),
    }


def test_only_the_commit_is_searched(checkout: Checkout) -> None:
    commit = checkout.commit({"x": b"def committed():\n"})
    put(checkout.path, "x", b"def in_the_work_tree():\n")

    assert find(checkout, commit, ["committed", "in_the_work_tree"]) == {
        "committed": Mentions([("x", 1, "def committed():")], []),
        "in_the_work_tree": Mentions(),
    }


@pytest.mark.parametrize(
    "name", ["-e", "--open-files-in-pager=touch canary", "-O", "a.b", ".*", "", "a b", "a\nb", "1x", "x\0"]
)
def test_a_name_that_is_not_an_identifier_is_not_searched(checkout: Checkout, name: str) -> None:
    commit = checkout.commit({"x": b"def a b(): .* a.b 1x\ndef known():\n"})

    assert find(checkout, commit, [name]) == {}
    assert find(checkout, commit, [name, "known"]) == {"known": Mentions([("x", 2, "def known():")], [])}
    assert not [path for path in checkout.path.rglob("*canary*") if path.name == "canary"]


def test_a_name_in_another_alphabet_is_found(checkout: Checkout) -> None:
    commit = checkout.commit({"x": "def größe():\n    größe()\n    größen()\n".encode()})

    assert find(checkout, commit, ["größe"]) == {
        "größe": Mentions([("x", 1, "def größe():")], [("x", 2, "    größe()")])
    }


def test_links_submodules_and_binaries_are_not_searched(checkout: Checkout, tmp_path: Path) -> None:
    put(tmp_path, "outside", b"def known():\n")
    checkout.commit(
        {"link": Link(os.fsencode(tmp_path / "outside")), "bin": b"\0def known():\n", "odd\nname": b"def known():\n"}
    )
    checkout.git("update-index", "--add", "--cacheinfo", f"160000,{checkout.head()},sub")
    checkout.git("commit", "--quiet", "--message", "Add a submodule")

    assert find(checkout, checkout.head(), ["known"])["known"].definitions == [("odd\nname", 1, "def known():")]


def test_a_very_common_name_takes_a_bounded_time(checkout: Checkout) -> None:
    many = b"known(1)\n" * 400_000
    assert len(many) * 5 > MAX_OUTPUT_BYTES  # each row has the commit before it
    commit = checkout.commit({"a": b"def known():\ndef other():\n", "b": many, "c": b"def other():\n"})
    started = time.process_time()

    found = find(checkout, commit, ["known", "other"])

    assert found == {"known": Mentions(), "other": Mentions([("a", 2, "def other():")], [])}
    assert time.process_time() - started < 5


def test_a_git_without_perls_expressions_finds_the_same(
    checkout: Checkout, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = checkout.commit({"a": b"def one():\nnone()\n", "b": b"one_two()\none()\n"})
    names = ["one", "one_two", "other"]
    with Repository(checkout.path).open_clone() as opened:
        usual = opened.find_mentions(commit, names)
        real = checkout.git("--exec-path").decode().strip()
        put(
            tmp_path,
            "bin/git",
            Executable(
                b'#!/bin/sh\nfor word; do [ "$word" = -P ] && exit 128; done\nexec %s/git "$@"\n' % real.encode()
            ),
        )
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

        assert opened.find_mentions(commit, names) == usual

    assert usual["one"] == Mentions([("a", 1, "def one():")], [("b", 2, "one()")])
