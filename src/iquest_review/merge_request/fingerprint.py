"""A finding's identity: the file, the text it stands on and its category. Line numbers move, text seldom does."""

import hashlib

from iquest_review.model.finding import Finding


def fingerprint(finding: Finding, anchor: str) -> str:
    """16 hexadecimal digits; `anchor` is the text of the line the finding stands on, its white space aside."""
    words = " ".join((anchor or finding.title).split())
    identity = "\0".join((finding.path, words, finding.category))
    return hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]
