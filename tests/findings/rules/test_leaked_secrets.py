"""Secrets in added lines are findings, and their values are nowhere."""

import random
import time

import pytest

from iquest_review.diff import patch
from iquest_review.diff.diff import FileDiff, Side
from iquest_review.findings.finding import Finding, Severity
from iquest_review.findings.rules.leaked_secrets import find_leaked_secrets
from iquest_review.findings.rules.rule_finding import MAX_FINDINGS_PER_RULE
from iquest_review.redaction.redactor import Redactor, SecretFound
from tests.support.planted_secrets import checked

OWN = "s3cr3t-of-this-job"


def leaks(rows: list[str], path: str = "app/config.py", language: str = "en", own: str = OWN) -> list[Finding]:
    old, new = (sum(row[:1] in signs for row in rows) for signs in ("- ", "+ "))
    text = (
        f"diff --git a/{path} b/{path}\n--- a/{path}\n+++ b/{path}\n@@ -1,{old} +1,{new} @@\n" + "\n".join(rows) + "\n"
    )
    files, found = Redactor({"GITLAB_API_TOKEN": own}).redact_diff(patch.parse_patch(text.encode()).files)
    return list(find_leaked_secrets(found, files, language))


def test_an_added_secret_is_a_finding_on_its_line() -> None:
    (found,) = leaks([" import os", f'+TOKEN = "{OWN}"'])

    assert (found.path, found.line, found.severity) == ("app/config.py", 2, Severity.HIGH)
    assert found.quote == 'TOKEN = "[REDACTED:own-secret]"'
    assert OWN not in repr(found)


def test_a_finding_says_where_and_what_and_never_the_value() -> None:
    token = checked("ghp_", random.Random(7))
    (found,) = leaks([f"+x = '{token}' + '{token}'"], path="a.py")

    assert (found.path, found.line, found.side, found.severity) == ("a.py", 1, Side.NEW, Severity.HIGH)
    assert found.title == "A secret in the code: github token"
    assert token not in repr(found)


def test_removed_and_unchanged_secrets_are_hidden_but_no_findings() -> None:
    assert leaks([f' TOKEN = "{OWN}"', f'-OTHER = "{OWN}"', "+OTHER = read()"]) == []


def test_a_possible_secret_is_a_milder_finding_and_skipped_in_tests() -> None:
    rows = ['+password = "xK9!mQ2#vL7$pR4"', " pass"]

    assert [found.severity for found in leaks(rows)] == [Severity.MEDIUM]
    assert leaks(rows, path="tests/test_login.py") == []


def test_a_certain_secret_is_a_finding_in_tests_too() -> None:
    assert len(leaks([f'+TOKEN = "{OWN}"'], path="tests/test_login.py")) == 1


def test_only_certain_secrets_count_when_sure_is_set() -> None:
    rows = [f'+TOKEN = "{OWN}"', '+password = "xK9!mQ2#vL7$pR4"']
    text = (
        "diff --git a/a.min.js b/a.min.js\n--- a/a.min.js\n+++ b/a.min.js\n@@ -0,0 +1,2 @@\n" + "\n".join(rows) + "\n"
    )
    files, found = Redactor({"X": OWN}).redact_diff(patch.parse_patch(text.encode()).files)

    assert [finding.line for finding in find_leaked_secrets(found, files, "en", sure=True)] == [1]


def test_two_secrets_of_a_kind_on_one_line_are_one_finding() -> None:
    assert len(leaks([f'+pair = ("{OWN}", "{OWN}")'])) == 1


def test_a_file_full_of_secrets_is_one_finding_that_counts_them() -> None:
    (found,) = leaks([f'+TOKEN_{number} = "{OWN}"' for number in range(30)])

    assert found.line == 1
    assert found.description.endswith(" The same applies to 29 more of the file's lines.")


def test_a_thousand_files_of_secrets_are_a_few_findings() -> None:
    patches = [f"diff --git a/{n} b/{n}\n--- a/{n}\n+++ b/{n}\n@@ -0,0 +1,1 @@\n+{OWN}\n" for n in range(1_000)]
    files, found = Redactor({"X": OWN}).redact_diff(patch.parse_patch("".join(patches).encode()).files)

    assert len(list(find_leaked_secrets(found, files, "en"))) == MAX_FINDINGS_PER_RULE


def test_the_words_are_those_of_the_review() -> None:
    (found,) = leaks([f'+TOKEN = "{OWN}"'], language="zh")

    assert found.description.startswith("这一行含有密钥")


@pytest.mark.timed
def test_one_secret_costs_no_walk_through_other_files() -> None:
    rows = "".join(f"+value_{number} = compute({number}, other='text of a line')\n" for number in range(1_000))
    patches = [f"diff --git a/{n} b/{n}\n--- a/{n}\n+++ b/{n}\n@@ -0,0 +1,1000 @@\n{rows}" for n in range(300)]
    last = f"diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+{OWN}\n"
    files, found = Redactor({"X": OWN}).redact_diff(patch.parse_patch("".join([*patches, last]).encode()).files)
    started = time.process_time()

    assert len(list(find_leaked_secrets(found, files, "en"))) == 1
    assert time.process_time() - started < 0.1


@pytest.mark.parametrize("files", [()])
def test_secrets_of_files_that_were_reviewed_before_are_not_told_again(files: tuple[FileDiff, ...]) -> None:
    found = Redactor({"X": OWN}).redact_diff(patch.parse_patch(
        f"diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -0,0 +1,1 @@\n+{OWN}\n".encode()
    ).files)[1]  # fmt: skip

    assert [type(secret) for secret in found] == [SecretFound]
    assert list(find_leaked_secrets(found, files, "en")) == []
