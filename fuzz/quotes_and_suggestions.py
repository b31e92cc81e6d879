"""A finding stands on lines of the diff or says why not; what it offers replaces exactly them by its fix."""

from fuzz import running
from fuzz.promise import holds, parts
from iquest_review.diff.diff import Diff, FileDiff, FileStatus, Hunk, LineKind
from iquest_review.findings.finding import Severity
from iquest_review.findings.fixes.suggestion import build_replacement
from iquest_review.findings.indexed import IndexedDiff
from iquest_review.findings.verify import VerifiedFinding, verify
from iquest_review.note import markdown
from iquest_review.text import escape_invisible
from tests.support.apply_plan import applied, block
from tests.support.findings import made

SEEDS = (
    b"def f(key):\n-    return 1\n+    rows = query(key)\n\x1frows = query(key)\x1frows = get(key)\x1f3",
    b" a = 1\n+b = 2\n+c = 3\n d = 4\x1fb = 2\nc = 3\x1fb = 3\nc = 4\x1f2",
    b"+\tif x:\n+\t\ty()\x1f+1|\tif x:\x1f\tif not x:\n\t\tz()\x1f1",
    b'-old = "a"\n+new = \'b\'\x1fold = \\"a\\"\x1f\x1f9',
    b" same\n+same\n same\x1fsame\x1fother\x1f",
)


def check(data: bytes) -> None:
    """Raises Broken where a finding stands nowhere, or a suggestion would change anything else."""
    code, quote, fix, line = parts(data, 4)
    file = _file(code)
    number = int(line[:4]) or None if line[:4].isascii() and line[:4].isdigit() else None
    finding = made(line=number, severity=Severity.LOW, quote=escape_invisible(quote), fix=escape_invisible(fix) or None)
    verified = verify(finding, IndexedDiff.of(Diff((file,))))
    placed = verified.finding
    if verified.problem is not None:
        holds((placed.line, placed.end_line) == (None, None), "a finding without a place has no line")
        return
    numbers = {(shown.side, shown.number) for shown in file.iter_lines()}
    holds((placed.side, placed.line) in numbers, "a finding stands on a line of the diff")
    holds(placed.end_line is None or (placed.side, placed.end_line) in numbers, "a range ends on one")
    offered = build_replacement(verified)
    if offered is not None:
        _check_offer(verified, offered, file)


def _file(code: str) -> FileDiff:
    rows = [row if row[:1] in ("+", "-", " ") else " " + row for row in code.split("\n")]
    added, removed = (sum(row[0] == marker for row in rows) for marker in "+-")
    hunk = Hunk(1, 1, "", tuple(row.encode() for row in rows), added, removed)
    return FileDiff("a.py", "a.py", FileStatus.MODIFIED, (hunk,))


def _check_offer(verified: VerifiedFinding, offered: str, file: FileDiff) -> None:
    before = [line.raw.decode() for line in file.iter_lines() if line.kind is not LineKind.REMOVED]
    numbers = [line.new_line or 0 for line in verified.lines]
    body = markdown.format_suggestion(offered, len(numbers) - 1)
    holds(block(body).content == offered + "\n", "GitLab reads the block as it was written")
    after = applied("".join(f"{row}\n" for row in before).encode(), body, numbers[-1]).decode()
    rows = [*before[: numbers[0] - 1], *offered.split("\n"), *before[numbers[-1] :]]
    holds(after == "".join(f"{row}\n" for row in rows), "the click replaces the finding's lines and nothing else")
    fix = (verified.finding.fix or "").removesuffix("\n")
    holds([row.split() for row in offered.split("\n")] == [row.split() for row in fix.split("\n")], "it is the fix")


if __name__ == "__main__":
    running.main(__file__)
