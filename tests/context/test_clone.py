"""What a clone knows of a change: free of secrets, and empty where git fails."""

from pathlib import Path

import pytest

from iquest_review.context.clone import Clone
from iquest_review.git.repository import Repository
from iquest_review.redaction.redactor import Redactor
from tests.support.checkout import Checkout

KEY = "a-key-of-this-job-41"


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "clone")


def test_lines_that_use_or_define_a_name_hold_no_secret(checkout: Checkout) -> None:
    head = checkout.commit({"a.py": f"def total(x, key='{KEY}'):\n    pass\n\n\ntotal(1, '{KEY}')\n".encode()})
    with Repository(checkout.path).open_clone() as opened:
        clone = Clone(opened, head, head, (), Redactor({"IQUEST_API_KEY": KEY}))
        (defined,), (again, used) = clone.find_defining_lines(["total"], 9), clone.find_using_lines(["total"], 9)

    assert defined == again
    assert defined[:2] == ("a.py", 1)
    assert used[:2] == ("a.py", 5)
    assert KEY not in defined[2] + used[2]


def test_a_missing_commit_gives_empty_context(checkout: Checkout) -> None:
    checkout.commit({"a.py": b"total(1)\n"})
    with Repository(checkout.path).open_clone() as opened:
        clone = Clone(opened, "1" * 40, "1" * 40, (), Redactor({}))

        assert clone.find_using_lines(["total"], 9) == clone.find_defining_lines(["total"], 9) == ()


def test_a_commits_password_is_redacted_before_its_addresses(checkout: Checkout) -> None:
    base = checkout.commit({"a.py": b"one\n"})
    head = checkout.commit(
        {"a.py": b"two\n"}, f"Use postgres://app:{KEY}Zq7Xw2Lk9@db.intern.example/x\n\nAsk ann@example.org."
    )
    with Repository(checkout.path).open_clone() as opened:
        (commit,) = Clone(opened, base, head, opened.diff(base, head).files, Redactor({})).load_history().commits

    assert "Zq7Xw2Lk9" not in commit.subject
    assert commit.body == "Ask [address]."
