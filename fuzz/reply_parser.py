"""Any answer of a model is a review that says something, or none with a reason."""

from fuzz import running
from fuzz.promise import holds
from iquest_review.llm import reply, spellings
from iquest_review.text import escape_invisible

_ISSUE = (
    b'{"file":"a.py","line":"12-14","quote":"x = 1","type":"bug","severity":"high",'
    b'"description":"It fails. Always.","suggestion":"x = 2"}'
)
SEEDS = (
    b'{"issues":[' + _ISSUE + b'],"summary":"Fine.","suggestions":["a"]}',
    b"c<think>hm</think>```json\n[" + _ISSUE + b"," + _ISSUE + b"]\n```",
    b"l" + b'{"issues":[' + _ISSUE + b',{"file":"b.py","li',
    _ISSUE + b"\n" + _ISSUE,
    b"{'issues': [{'line': 3, 'description': 'a \"b\" c'},], 'summary': None, // x\n}",
    '{"issues":[],"summary":"没有问题","suggestions":"a"}'.encode(),
)


def check(data: bytes) -> None:
    """Raises Broken where the parser does not keep its word, or whatever it should not raise."""
    finish = "length" if data[:1] == b"l" else "stop"
    text = data.decode("utf-8", "surrogateescape")  # half a surrogate pair is what JSON's escapes may hold, too
    review = reply.parse_reply(text, finish)
    if isinstance(review, reply.UnusableReply):
        holds(bool(review.why), "what is no review says why")
        review.text.encode()
        return
    holds(bool(review.findings or review.summary), "an empty review has a summary")
    holds(bool(review.findings) or not review.partial, "what broke off before its first finding is no review")
    holds(len(review.findings) <= reply.MAX_FINDINGS, "findings are bounded")
    for finding in review.findings:
        texts = (finding.path, finding.title, finding.description, finding.quote, finding.fix or "")
        holds(all(escape_invisible(text) == text for text in texts), "every character is visible")
        holds(max(map(len, texts)) <= spellings.MAX_TEXT_CHARS, "texts are bounded")
        holds(bool(finding.description), "a finding says something")
        holds(finding.line is None or 1 <= finding.line <= spellings.MAX_LINE_NUMBER, "a line is one")
        holds(finding.end_line is None or finding.end_line > (finding.line or 0) > 0, "a range has a first line")
        "".join(texts).encode()


if __name__ == "__main__":
    running.main(__file__)
