"""What a clone knows of a change: free of secrets, and empty where git fails."""

import os
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import pytest

from iquest_review.context.clone import Clone
from iquest_review.git.history import History
from iquest_review.git.repository import Repository
from iquest_review.redaction.redactor import Redactor
from tests.support.checkout import Checkout, Executable, put

import_module("git.cmd")  # its first import asks git for its version, and a git of a test's own may not answer

KEY = "a-key-of-this-job-41"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "clone")


def test_lines_that_use_or_define_a_name_hold_no_secret(checkout: Checkout, said: list[str]) -> None:
    head = checkout.commit({"a.py": f"def total(x, key='{KEY}'):\n    pass\n\n\ntotal(1, '{KEY}')\n".encode()})
    with Repository(checkout.path).open_clone() as opened:
        found = Clone(opened, head, head, (), Redactor({"IQUEST_API_KEY": KEY}), said.append).find_mentions(["total"])
        (defined,), (used,) = found["total"].definitions, found["total"].uses

    assert defined[:2] == ("a.py", 1)
    assert used[:2] == ("a.py", 5)
    assert KEY not in defined[2] + used[2]


def test_a_missing_commit_gives_empty_context_and_the_log_says_so(checkout: Checkout, said: list[str]) -> None:
    checkout.commit({"a.py": b"total(1)\n"})
    with Repository(checkout.path).open_clone() as opened:
        clone = Clone(opened, "1" * 40, "1" * 40, (), Redactor({}), said.append)

        assert clone.find_mentions(["total"]) == {}
        assert clone.load_outlines(["a.py"]) == {}
        assert clone.load_rules(["AGENTS.md"]) == {}

    assert [text.partition(":")[0] for text in said] == [
        "the requests show no calls and callers",
        "the requests show no functions around the changes",
        "the requests show no rules of the team",
    ]


def test_context_that_takes_too_long_is_left_out_and_the_log_says_so(
    checkout: Checkout, said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = checkout.commit({"a.py": b"total(1)\n"})
    put(tmp_path, "bin/git", Executable(b"#!/bin/sh\ncase \"$*\" in *' grep '*|*' log '*) exec sleep 30;; esac\n"))
    with Repository(checkout.path).open_clone() as opened:
        hasty = replace(opened, seconds=0.2)
        clone = Clone(hasty, head, head, (), Redactor({}), said.append)
        monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")

        assert (clone.find_mentions(["total"]), clone.load_history()) == ({}, History())

    assert said == [
        "the requests show no calls and callers: `git grep` took longer than 0.2 seconds",
        "the requests show no history: `git log` took longer than 0.2 seconds",
    ]


def test_a_commits_password_is_redacted_before_its_addresses(checkout: Checkout) -> None:
    base = checkout.commit({"a.py": b"one\n"})
    head = checkout.commit(
        {"a.py": b"two\n"}, f"Use postgres://app:{KEY}Zq7Xw2Lk9@db.intern.example/x\n\nAsk ann@example.org."
    )
    with Repository(checkout.path).open_clone() as opened:
        (commit,) = Clone(opened, base, head, opened.diff(base, head).files, Redactor({}), print).load_history().commits

    assert "Zq7Xw2Lk9" not in commit.subject
    assert commit.body == "Ask [address]."
