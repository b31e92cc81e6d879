"""Lines stay lines, a second look finds nothing, and no value of the job's own secrets is left in any form."""

import base64

from fuzz import running
from fuzz.promise import holds
from iquest_review.diff.diff import FileDiff, FileStatus, Hunk
from iquest_review.redaction.redactor import Redactor

OWN = "aB3kd9Z/qLw7+Pt2xY#{5"
_REDACTOR = Redactor({"GITLAB_API_TOKEN": OWN})
# What stands for a secret in an input, so that a mutation need not guess one.
_PLANTED = {
    b"\x01": OWN.encode(),
    b"\x02": base64.b64encode(b"oauth2:" + OWN.encode()),
    b"\x03": OWN.encode().hex().encode(),
    b"\x04": base64.urlsafe_b64encode(OWN.encode()),
    b"\x05": b"-----BEGIN RSA PRIVATE KEY-----",
    b"\x06": b"-----END RSA PRIVATE KEY-----",
}
_GONE = (OWN.encode(), OWN.encode().hex().encode())
SEEDS = (
    b"token = '\x01'\nurl: https://a:\x01@b.org\n\x02",
    b"+\x05\n+MIIEpAIBAAKCAQEA7bq3kZ8\n+\x06\n-\x03\n \x04",
    b'password = "hunter2-K9vQ2mZx8Lp"\nAuthorization: Basic dXNlcjpwYXNzd29yZDEyMw==',
    b"glpat-aB3kd9ZqLw7Pt2xY5vN1\n[REDACTED:own-secret]\x01",
)


def check(data: bytes) -> None:
    """Raises Broken where the redactor does not keep its word."""
    for stands_for, value in _PLANTED.items():
        data = data.replace(stands_for, value)
    clean = _REDACTOR.redact_bytes(data)
    holds(clean.count(b"\n") == data.count(b"\n"), "lines stay lines")
    holds(_REDACTOR.redact_bytes(clean) == clean, "a second look finds nothing")
    holds(not any(gone in clean for gone in _GONE), "no own secret is left")
    text = data.decode("utf-8", "replace")
    once = _REDACTOR.redact_text(text)
    holds(once.text.count("\n") == text.count("\n"), "lines of a text stay lines")
    holds((once.text == text) is (once.found == ()), "what changed was found")
    _check_diff(data)


def _check_diff(data: bytes) -> None:
    rows = tuple(row if row[:1] in (b"+", b"-") else b" " + row for row in data.split(b"\n"))
    added, removed = (sum(row[:1] == marker for row in rows) for marker in (b"+", b"-"))
    file = FileDiff("a", "a", FileStatus.MODIFIED, (Hunk(1, 1, data.decode("latin-1")[:80], rows, added, removed),))
    ((clean,), found) = _REDACTOR.redact_diff((file,))
    new = clean.hunks[0].rows
    holds([row[:1] for row in new] == [row[:1] for row in rows], "rows keep their markers")
    holds(not any(gone in row for row in new for gone in _GONE), "no own secret is left in a diff")
    # Not its heading: of a cut one the end is guessed, and a placeholder there may be a part of another guess.
    holds(_REDACTOR.redact_diff((clean,))[0][0].hunks[0].rows == new, "a second look at a diff finds nothing")
    holds((new == rows) is (found == ()), "what changed in a diff was found")


if __name__ == "__main__":
    running.main(__file__)
