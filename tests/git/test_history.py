"""How the code came to be: what the commits tell, of whole, cut off, large and hostile histories."""

import os
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import FileDiff, FileStatus, Hunk
from iquest_review.errors import GitError
from iquest_review.git import history as facts
from iquest_review.git.command import GitTimeoutError
from iquest_review.git.history import Churn, Commit, Companion, History, RecentCommit, TouchedLines, anonymize
from iquest_review.git.repository import Repository
from tests.support.checkout import Checkout, Executable, Tree, git, put

DAY = 86_400
START = 1_700_000_000
TEN = b"".join(b"line %d\n" % number for number in range(1, 11))


class Story:
    """A bare repository, written by `git fast-import`: a commit a day, on any branch."""

    def __init__(self, path: Path) -> None:
        self.path, self.stream, self.days = path, list[bytes](), 0
        self.tips = set[str]()

    def commit(
        self, message: str | bytes, files: Mapping[str, bytes | None], branch: str = "main", start: str = "main"
    ) -> None:
        """A commit that writes these files, and removes those that are None."""
        self.days += 1
        text = message.encode() if isinstance(message, str) else message
        head = b"commit refs/heads/%s\ncommitter Ann Author <ann@example.org> %d +0000\ndata %d\n%s\n"
        self.stream.append(head % (branch.encode(), START + self.days * DAY, len(text), text))
        if branch not in self.tips and self.tips:
            self.stream.append(b"from refs/heads/%s\n" % start.encode())
        self.tips.add(branch)
        for name, content in files.items():
            if content is None:
                self.stream.append(b"D %s\n" % name.encode())
            else:
                self.stream.append(b"M 100644 inline %s\ndata %d\n%s\n" % (name.encode(), len(content), content))

    def told(self) -> Repository:
        self.path.mkdir()
        git(self.path, "init", "--quiet", "--bare", "--initial-branch=main")
        stream = b"".join(self.stream)
        subprocess.run(["git", "fast-import", "--quiet"], cwd=self.path, input=stream, check=True, capture_output=True)
        return Repository(self.path)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    return Story(tmp_path / "story")


def ask(repository: Repository, base: str, head: str) -> History:
    with repository.open_clone() as opened:
        return opened.load_history(base, head, opened.diff(base, head).files)


def of_branches(repository: Repository, base: str = "main", head: str = "feature") -> History:
    merge_base, _, tip = repository.find_merge_base(base, head)
    return ask(repository, merge_base, tip)


# --- the change's own commits ---


def test_own_commits_are_in_order_with_their_first_lines(story: Story) -> None:
    story.commit("Start", {"x": TEN})
    story.commit("Add\nthe first half\n\nBecause of a.\nAnd b.\n\nAnd c.\nAnd d.\n", {"y": b"1\n"}, "feature")
    story.commit("Add the rest", {"y": b"2\n"}, "feature")
    story.commit("Meanwhile", {"z": b"z\n"})

    assert of_branches(story.told()).commits == (
        Commit("Add the first half", "Because of a. And b. And c."),
        Commit("Add the rest"),
    )


def test_merges_of_the_target_branch_are_not_own_commits(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository")
    checkout.commit({"x": TEN})
    checkout.git("checkout", "--quiet", "-b", "feature")
    checkout.commit({"x": TEN, "y": b"y\n"}, "Add y")
    checkout.git("checkout", "--quiet", "main")
    checkout.commit({"x": TEN, "z": b"z\n"}, "Add z")
    checkout.git("checkout", "--quiet", "feature")
    checkout.git("merge", "--quiet", "--message", "Merge main", "main")

    assert of_branches(Repository(checkout.path)).commits == (Commit("Add y"),)


def test_people_are_left_out_of_commit_texts(story: Story) -> None:
    story.commit("Start", {"x": TEN})
    trailers = "Signed-off-by: Ann Author <ann@example.org>\nCo-authored-by: Bob <bob@x>\nCc: Carl\nFrom: Dan\n"
    story.commit(f"Ask ann@example.org\n\n{trailers}Told by <bob@mail.example.org>.\n", {"x": b"x\n"}, "feature")
    history = of_branches(story.told())

    assert [(anonymize(fact.subject), anonymize(fact.body)) for fact in history.commits] == [
        ("Ask [address]", "Told by [address].")
    ]
    assert not {"Ann", "Bob", "bob@x", "Carl", "Dan"} & set(repr(history).replace("'", " ").split())
    assert "Author" not in repr(history)


@pytest.mark.parametrize(
    ("message", "subject"),
    [
        ("", ""),
        ("\n\n\n", ""),
        (b"caf\xe9", "caf\ufffd"),
        ("<|im_end|>\u202e\x1b[2J", "<|im_end|>\u202e\x1b[2J"),
        ("变更：修复", "变更：修复"),
        ("x" * 1_000_000, "x" * facts.MAX_SUBJECT_CHARS),
        ("commit 1111\x00\x00" + "1" * 40 + " 1 \nForged\n", "commit 1111"),
    ],
    ids=lambda value: repr(value[:12]),
)
def test_any_message_is_one_commit(tmp_path: Path, message: str | bytes, subject: str) -> None:
    checkout = Checkout(tmp_path / "repository")
    base = checkout.commit({"x": TEN})
    head = crafted(checkout, base, message.encode() if isinstance(message, str) else message)

    assert ask(Repository(checkout.path), base, head).commits == (Commit(subject),)


def crafted(checkout: Checkout, parent: str, message: bytes, date: bytes = b"1700000000") -> str:
    """A commit that git itself would not make."""
    tree = checkout.git("rev-parse", "HEAD^{tree}").strip()
    who = b"A <a@example.org> %s +0000\n" % date
    raw = b"tree %s\nparent %s\nauthor %scommitter %s\n%s" % (tree, parent.encode(), who, who, message)
    command = ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"]
    made = subprocess.run(command, cwd=checkout.path, input=raw, check=True, capture_output=True)
    return made.stdout.decode().strip()


@pytest.mark.parametrize("date", [b"9" * 5_000, b"-1", b"", b"x"])
def test_an_invalid_date_is_not_an_error(tmp_path: Path, date: bytes) -> None:
    checkout = Checkout(tmp_path / "repository")
    base = checkout.commit({"x": TEN})
    head = crafted(checkout, base, b"Change", date)

    assert ask(Repository(checkout.path), base, head).commits in ((), (Commit("Change"),))
    assert ask(Repository(checkout.path), head, head).commits == ()


# --- who wrote the lines that go ---


def test_removed_and_replaced_lines_are_traced_to_the_commits_that_wrote_them(story: Story) -> None:
    story.commit("Start", {"x": TEN})
    story.commit("Speed up", {"x": TEN.replace(b"line 2\nline 3\n", b"two\nthree\n")})
    story.commit("Fix the crash on empty input", {"x": TEN.replace(b"line 2\nline 3\n", b"two\nthree\n") + b"end\n"})
    story.commit("Other", {"y": b"y\n"})
    story.commit("Change", {"x": TEN.replace(b"line 2\nline 3\nline 4\n", b"2\n3\n4\n")}, "feature")
    history = of_branches(story.told())

    # Line 4 is the first commit's: whether that wrote it or only begins the history, git does not tell.
    assert history.touched == (
        TouchedLines("x", 11, 11, "Fix the crash on empty input", 1),
        TouchedLines("x", 2, 3, "Speed up", 2),
    )


def test_added_lines_and_new_files_are_traced_to_nobody(story: Story) -> None:
    story.commit("Start", {"x": b"0\n"})
    story.commit("More", {"x": TEN})
    story.commit("Change", {"x": TEN + b"more\n", "new": TEN}, "feature")
    history = of_branches(story.told())

    assert history.touched == ()
    assert {fact.path for fact in history.recent} == {"x"}


def test_a_renamed_file_has_the_history_of_its_old_name_under_its_new_one(story: Story) -> None:
    story.commit("Start", {"old": b"0\n"})
    story.commit("Write it", {"old": TEN})
    story.commit("Move", {"old": None, "new": TEN.replace(b"line 5\n", b"five\n")}, "feature")
    history = of_branches(story.told())

    assert history.touched == (TouchedLines("new", 5, 5, "Write it", 0),)
    assert [fact.subject for fact in history.recent if fact.path == "new"] == ["Write it", "Start"]
    assert [fact.path for fact in history.churn] == ["new"]


def test_names_that_look_like_options_or_patterns_are_names(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository")
    odd = ("-dash", "--output=canary", ":(top)x", "*.py", "sp ace", "new\nline", 'quo"te', "ünï")
    checkout.commit(dict.fromkeys(odd, b"0\n"), "Start")
    base = checkout.commit(dict.fromkeys(odd, TEN), "Write")
    head = checkout.commit({name: TEN.replace(b"line 5\n", b"5\n") for name in odd}, "Change")
    history = ask(Repository(checkout.path), base, head)

    assert {fact.path for fact in history.touched} == set(odd)
    assert {fact.path for fact in history.recent} == set(odd)
    assert not list(tmp_path.rglob("*canary*/*"))


def test_submodules_and_symbolic_links_are_traced_to_nobody(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository")
    first = checkout.commit({"x": TEN}, "Start")
    (checkout.path / "link").symlink_to("x")
    checkout.git("add", "link")
    checkout.git("update-index", "--add", "--cacheinfo", f"160000,{first},sub")
    checkout.git("commit", "--quiet", "--message", "Add both")
    base = checkout.head()
    (checkout.path / "link").unlink()
    (checkout.path / "link").symlink_to("/etc/passwd")
    checkout.git("add", "link")
    checkout.git("update-index", "--cacheinfo", f"160000,{base},sub")
    checkout.git("commit", "--quiet", "--message", "Change both")
    with Repository(checkout.path).open_clone() as opened:
        files = opened.diff(base, checkout.head()).files
        history = opened.load_history(base, checkout.head(), files)

    assert {file.path: file.removed for file in files} == {"link": 1, "sub": 1}
    assert history.touched == ()
    assert {fact.path for fact in history.recent} == {"link"}


# --- the last commits, and how many of them repair ---


def test_each_file_has_its_last_three_commits_the_latest_of_each_first(story: Story) -> None:
    for number in range(5):
        story.commit(f"x {number}", {"x": b"%d\n" % number, **({"y": b"%d\n" % number} if number < 2 else {})})
    story.commit("Change", {"x": b"new\n", "y": b"new\n"}, "feature")

    assert of_branches(story.told()).recent == (
        RecentCommit("x", "x 4", 0),
        RecentCommit("y", "x 1", 3),
        RecentCommit("x", "x 3", 1),
        RecentCommit("y", "x 0", 4),
        RecentCommit("x", "x 2", 2),
    )


def test_churn_counts_commits_and_repairs(story: Story) -> None:
    for subject in ("Start", "Fix it", "修复崩溃", 'Revert "Fix it"', "Add a prefix to the fixture", "Tidy"):
        story.commit(subject, {"x": subject.encode(), **({"y": b"y"} if subject == "Tidy" else {})})
    story.commit("Change", {"x": b"new\n", "y": b"new\n"}, "feature")

    assert of_branches(story.told()).churn == (Churn("x", 6, 3, 6), Churn("y", 1, 0, 6))


@pytest.mark.parametrize(
    "subject", ["fix: x", "Fixes #3", "Bugfix", "hotfix/x", "a bug", "Reverted x", "修正", "BUG-12"]
)
def test_a_repair_is_recognized_by_its_subject(subject: str) -> None:
    assert facts.is_fix(subject)


@pytest.mark.parametrize("subject", ["prefix", "fixture", "debug", "Affix", "suffix", "bugle", "reverting", ""])
def test_a_word_that_contains_fix_is_not_a_repair(subject: str) -> None:
    assert not facts.is_fix(subject)


# --- what goes together ---


def test_a_missing_usual_companion_is_reported(story: Story) -> None:
    story.commit("Start", {"code": b"0", "test": b"0", "docs": b"0", "seldom": b"0", "gone": b"0", "also": b"0"})
    for number in range(1, 9):
        files = {"code": b"%d" % number, "test": b"%d" % number, "gone": b"%d" % number, "also": b"%d" % number}
        story.commit(
            "On", files | ({"docs": b"%d" % number} if number % 2 else {}) | ({"seldom": b"1"} if number == 8 else {})
        )
    story.commit("Drop", {"gone": None})
    story.commit("Change", {"code": b"new", "also": b"new"}, "feature")
    told = of_branches(story.told()).together

    assert told == (Companion("test", "also", 9, 9), Companion("docs", "also", 5, 9))


def test_commits_that_change_everything_make_no_companions(story: Story) -> None:
    for number in range(6):
        story.commit("Format", {f"f{file}": b"%d" % number for file in range(facts.MAX_COMMIT_FILES + 1)})
    story.commit("Change", {"f0": b"new"}, "feature")
    history = of_branches(story.told())

    assert history.together == ()
    assert history.churn == (Churn("f0", 6, 0, 6),)


def entries(changes: Iterable[Sequence[str]]) -> list[facts.LogEntry]:
    return [facts.LogEntry(b"1" * 40, 0, 1, "x", "", tuple(paths)) for paths in changes]


@pytest.mark.parametrize(
    ("both", "alone", "told"), [(2, 0, False), (3, 0, True), (3, 3, True), (3, 4, False), (40, 40, True)]
)
def test_usually_means_three_times_and_half_of_the_times(both: int, alone: int, told: bool) -> None:
    found = facts.find_companions(entries([("a", "b")] * both + [("a",)] * alone), {"a": "a"}, {"a"})

    assert bool(found) is told


def test_many_commits_with_exceptions_beat_few_without() -> None:
    changes = [("a", "often")] * 40 + [("a",)] * 2 + [("c", "always")] * 3

    found = facts.find_companions(entries(changes), {"a": "a", "c": "c"}, {"a", "c"})

    assert [fact.path for fact in found] == ["often", "always"]


# --- histories that are cut off ---


def cloned(story: Story, folder: Path, *options: str) -> tuple[Repository, str, str]:
    """A clone of the feature branch, and the change's two commits."""
    repository = story.told()
    base, _, head = repository.find_merge_base("main", "feature")
    git(folder, "-C", str(story.path), "config", "uploadpack.allowFilter", "true")
    git(folder, "clone", "--quiet", "--bare", "--branch=feature", *options, f"file://{story.path}", "clone")
    return Repository(folder / "clone"), base, head


def tell(story: Story) -> None:
    story.commit("Start", {"x": b"0\n", "y": b"0\n"})
    for number in range(4):
        story.commit(f"Fix {number}", {"x": b"%d\n" % number + TEN, "y": b"%d\n" % number})
    story.commit("Change", {"x": b"new\n" + TEN}, "feature")
    story.commit("Change on", {"x": b"newer\n" + TEN}, "feature")


def test_the_end_of_a_shallow_clone_gives_no_false_facts(story: Story, tmp_path: Path) -> None:
    tell(story)
    repository, base, head = cloned(story, tmp_path, "--depth=4")
    history = ask(repository, base, head)

    # Two commits of the change, "Fix 3", and "Fix 2" with all files as if it had made them.
    assert history.commits == (Commit("Change"), Commit("Change on"))
    assert history.touched == (TouchedLines("x", 1, 1, "Fix 3", 0),)
    assert history.recent == (RecentCommit("x", "Fix 3", 0),)
    assert history.churn == (Churn("x", 1, 1, 1),)


def test_a_base_at_the_end_of_a_shallow_clone_has_no_history(story: Story, tmp_path: Path) -> None:
    tell(story)
    repository, base, head = cloned(story, tmp_path, "--depth=3")

    assert ask(repository, base, head) == History((Commit("Change"), Commit("Change on")))


def test_a_change_whose_beginning_is_not_here_has_no_commits(story: Story, tmp_path: Path) -> None:
    tell(story)
    repository, base, head = cloned(story, tmp_path, "--depth=2")
    git(tmp_path / "clone", "fetch", "--quiet", "--depth=1", f"file://{story.path}", f"{base}:refs/heads/base")

    assert ask(repository, base, head) == History()


def test_a_partial_clone_tells_what_it_can_without_its_remote(story: Story, tmp_path: Path) -> None:
    tell(story)
    full = of_branches(story.told())
    git(tmp_path, "-C", str(story.path), "config", "uploadpack.allowFilter", "true")
    git(tmp_path, "clone", "--quiet", "--bare", "--filter=blob:none", f"file://{story.path}", "partial")
    base, _, head = Repository(story.path).find_merge_base("main", "feature")
    files = Repository(story.path).diff(base, head).files
    with Repository(tmp_path / "partial").open_clone() as opened:
        history = opened.load_history(base, head, files)

    assert history == replace(full, touched=())
    assert full.touched


def test_commits_that_are_not_here_are_no_error(story: Story) -> None:
    tell(story)
    with story.told().open_clone() as opened:
        assert opened.load_history("1" * 40, "2" * 40, ()) == History()


@pytest.mark.parametrize("name", ["main", "--output=x", "", "1" * 39])
def test_nothing_but_a_commit_id_reaches_git(story: Story, name: str) -> None:
    tell(story)
    with story.told().open_clone() as opened:
        for pair in ((name, "1" * 40), ("1" * 40, name)):
            with pytest.raises(GitError, match="not a commit id"):
                opened.load_history(*pair, ())


def test_a_sha_256_history_is_read(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository", "--object-format=sha256")
    checkout.commit({"x": b"0\n"}, "Start")
    base, head = checkout.commit({"x": TEN}, "Fix"), checkout.commit({"x": TEN[7:]}, "Change")

    assert ask(Repository(checkout.path), base, head).touched == (TouchedLines("x", 1, 1, "Fix", 0),)


# --- time ---


def test_ten_thousand_commits_are_read_in_time(story: Story) -> None:
    story.commit("Start", {f"f{number}": b"0\n" for number in range(20)})
    for number in range(10_000):
        story.commit(f"Fix {number}", {"f15" if number == 6_001 else f"f{number % 10}": b"%d\n" % number})
    story.commit("Change", {"f0": b"new\n", "f15": b"new\n", "f16": b"new\n"}, "feature")
    repository = story.told()
    merge_base, _, head = repository.find_merge_base("main", "feature")
    started = time.monotonic()
    history = ask(repository, merge_base, head)

    assert time.monotonic() - started < 5
    assert RecentCommit("f15", "Fix 6001", 3_998) in history.recent  # long before the last commits
    assert not [fact for fact in history.recent if fact.path == "f16"]  # too long
    assert history.churn == (Churn("f0", 50, 50, 500),)
    assert history.touched == (TouchedLines("f0", 1, 1, "Fix 9990", 9), TouchedLines("f15", 1, 1, "Fix 6001", 3_998))


@pytest.mark.parametrize(("files", "subjects"), [(5, {"Early", "Late"}), (6, {"Late"})])
def test_a_change_of_many_files_is_traced_through_the_last_commits_alone(
    story: Story, files: int, subjects: set[str]
) -> None:
    story.commit("Start", {})
    story.commit("Early", {f"f{number}": b"0\n" for number in range(files)})
    for number in range(500):
        story.commit(f"Step {number}", {"other": b"%d\n" % number})
    story.commit("Late", {"f0": b"1\n"})
    story.commit("Change", {f"f{number}": b"new\n" for number in range(files)}, "feature")
    history = of_branches(story.told())

    assert {fact.subject for fact in history.touched} == subjects
    assert {fact.subject for fact in history.recent} == subjects


def test_a_history_that_takes_too_long_is_an_error(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tell(story)
    repository = story.told()
    base, _, head = repository.find_merge_base("main", "feature")
    files = repository.diff(base, head).files
    put(tmp_path, "bin/git", Executable(b"#!/bin/sh\nexec sleep 30\n"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    started = time.monotonic()
    with repository.open_clone() as opened, pytest.raises(GitTimeoutError, match="`git log` took longer than"):
        replace(opened, seconds=0.2).load_history(base, head, files)

    assert time.monotonic() - started < 2


# --- a hostile clone ---


def hostile(checkout: Checkout, program: Path) -> None:
    """Everything in a clone that has a say in what plain git tells of the history."""
    innocent = checkout.git("rev-parse", "main~2").decode().strip()
    put(checkout.path, ".git/ignored", checkout.git("rev-parse", "main~1"))
    put(checkout.path, ".git/info/attributes", b"* diff=evil -text\n")
    put(checkout.path, ".mailmap", b"Mallory <m@x> <a@example.org>\n")
    settings = {
        "blame.ignoreRevsFile": str(checkout.path / ".git/ignored"),
        "diff.evil.textconv": str(program),
        "diff.external": str(program),
        "log.showSignature": "true",
        "gpg.program": str(program),
        "core.fsmonitor": str(program),
        "core.pager": str(program),
        "alias.log": f"!{program}",
        "alias.blame": f"!{program}",
        "log.diffMerges": "on",
        "log.follow": "true",
        "log.mailmap": "true",
        "log.date": "raw",
        "log.excludeDecoration": "*",
        "format.pretty": "%an %ae",
        "i18n.logOutputEncoding": "UTF-16",
        "notes.displayRef": "*",
        "grep.patternType": "perl",
        "grep.column": "true",
        "color.ui": "always",
        "diff.renames": "copies",
        "diff.orderFile": str(program),
    }
    for key, value in settings.items():
        checkout.git("config", key, value)
    checkout.git("replace", "--force", checkout.git("rev-parse", "main~1").decode().strip(), innocent)
    put(checkout.path, ".git/info/grafts", checkout.git("rev-parse", "main~1"))
    git(checkout.path, "-c", "core.hooksPath=/dev/null", "notes", "add", "-m", "Forged note", "main~1")
    for hook in ("post-checkout", "reference-transaction"):
        put(checkout.path, f".git/hooks/{hook}", Executable(program.read_bytes()))


def test_nothing_in_a_hostile_clone_moves_the_history_or_runs(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "repository")
    tree: Tree = {"x.py": b"0\n", "y.py": b"0\n"}
    checkout.commit(tree, "Start")
    for number in range(3):
        tree = {"x.py": b"%d\n" % number + TEN, "y.py": b"%d\n" % number}
        base = checkout.commit(tree, f"Fix {number}")
    head = checkout.commit({**tree, "x.py": b"new\ndef name(): pass\n" + TEN}, "Change")
    repository = Repository(checkout.path)
    before = ask(repository, base, head)
    canary, program = tmp_path / "canary", tmp_path / "program"
    put(tmp_path, "program", Executable(b"#!/bin/sh\ntouch '%s'\nexit 1\n" % os.fsencode(canary)))
    hostile(checkout, program)
    canary.unlink(missing_ok=True)
    subprocess.run(["git", "blame", "main~1", "--", "x.py"], cwd=checkout.path, capture_output=True)
    assert canary.exists()  # plain git falls for it
    canary.unlink()

    assert ask(repository, base, head) == before
    with repository.open_clone() as opened:
        assert opened.find_mentions(head, ["name"])["name"].definitions == [("x.py", 2, "def name(): pass")]
        assert list(opened.load_blobs(head, ["x.py", "y.py"])) == ["x.py", "y.py"]
    assert before.touched == (TouchedLines("x.py", 1, 1, "Fix 2", 0),)
    assert not canary.exists()


# --- what git prints ---


def record(subject: bytes, paths: Sequence[bytes] = (), parents: int = 1) -> bytes:
    head = b"\0\0%s 1700000000 %s\n%s\n\0" % (b"a" * 40, b" ".join([b"b" * 40] * parents), subject)
    return head + (b"\n" + b"\0".join(paths) + b"\0" if paths else b"")


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=20),
            st.lists(
                st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1), max_size=3
            ),
        ),
        max_size=5,
    )
)
def test_every_commit_is_read_as_it_was_printed(commits: list[tuple[str, list[str]]]) -> None:
    printed = b"".join(record(subject.encode(), [path.encode() for path in paths]) for subject, paths in commits)

    read = list(facts.parse_log(printed, whole=True))

    assert [entry.paths for entry in read] == [tuple(paths) for _, paths in commits]
    assert [entry.subject for entry in read if "@" not in entry.subject] == [
        subject.strip() for subject, _ in commits if "@" not in subject
    ]


@pytest.mark.parametrize("last", [[], [b"path/c", b"path/d"]])
def test_an_output_that_is_cut_off_loses_no_more_than_its_last_commit(last: list[bytes]) -> None:
    commits = [record(b"one", [b"path/a", b"path/b"]), record(b"two"), record(b"three", last)]
    printed = b"".join(commits)
    whole = list(facts.parse_log(printed, whole=True))

    for cut in range(len(printed)):
        read = list(facts.parse_log(printed[:cut], whole=False))
        assert read == whole[: len(read)]
        assert len(read) >= sum(len(b"".join(commits[: count + 1])) + 2 <= cut for count in range(1, 3))


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.binary(max_size=200)
    | st.lists(st.sampled_from([b"\0\0", b"a" * 40, b" 1 ", b"\n", b"filename x\n"])).map(b"".join)
)
def test_no_output_breaks_the_reading(printed: bytes) -> None:
    assert len(list(facts.parse_log(printed, whole=True))) <= len(printed)
    assert facts.parse_blame(printed, "x", 0) is not None


BLAMED = (
    b"%s 1 3 2\nauthor A\ncommitter-time 1699913600\nsummary Fix it\nfilename x\n" % (b"a" * 40)
    + b"%s 9 5 1\nfilename x\n" % (b"a" * 40)
    + b"%s 1 1 1\nauthor summary Forged\ncommitter-time 1\nsummary filename\nboundary\nfilename x\n" % (b"b" * 40)
    + b"%s 2 6 9\nsummary Tidy\ncommitter-time 1700000000\nfilename x\n" % (b"c" * 40)
)


def test_adjacent_runs_are_merged_and_boundary_lines_dropped() -> None:
    assert facts.parse_blame(BLAMED, "x", 1_700_000_000) == (
        TouchedLines("x", 3, 5, "Fix it", 1),
        TouchedLines("x", 6, 14, "Tidy", 0),
    )


@pytest.mark.parametrize("cut", range(0, len(BLAMED), 7))
def test_a_truncated_blame_gives_whole_runs(cut: int) -> None:
    lines = {
        number for fact in facts.parse_blame(BLAMED[:cut], "x", 1_700_000_000) for number in (fact.first, fact.last)
    }

    assert lines <= {3, 4, 5, 6, 14}


def test_a_clock_that_runs_ahead_makes_no_negative_age() -> None:
    assert facts.parse_blame(BLAMED, "x", 0)[0].days == 0


def test_the_runs_of_removed_lines_are_those_of_the_old_file() -> None:
    rows = (b" a", b"-b", b"-c", b"+B", b" d", b"-e", b"\\ No newline at end of file")
    file = FileDiff("x", "x", FileStatus.MODIFIED, (Hunk(10, 10, "", rows, 1, 3),))

    assert facts.find_removed_runs(file) == [(11, 12), (14, 14)]
