"""Any bytes of the team's files give rows within the budget, and none at the margin that is not ours."""

from fuzz import running
from fuzz.promise import holds
from iquest_review.context.guidelines import AGENTS_FILE, DUO_FILE, is_glob_match, select_guidelines

_SHOWN = ("src/a.py", "lib/b/c.rb", ".gitlab/ci.yml")
_MOST = 2_000
SEEDS = (
    b'instructions:\n  - name: Go\n    fileFilters: ["**/*.{py,rb}", "!spec/**"]\n    instructions: |\n      Keep.\n',
    b'instructions: [{name: a, instructions: "b\\nc", fileFilters: "*.py"}, {name: [x]}]\n',
    b"a: &a [x]\ninstructions: [*a, !b c, {<<: *a}]\n--- # d\n",
    b"# Title\n\n## Style\n- a\n\n## Build\nmake\n\n```\n# no heading\n```\n<!-- b -->\nRules\n-----\nc\n",
)


def check(data: bytes) -> None:
    """Raises Broken where the rules do not keep their word, or whatever they should not raise."""
    files = {DUO_FILE: data, AGENTS_FILE: data, "src/" + AGENTS_FILE: data}
    found = select_guidelines(files, _SHOWN, _MOST)
    holds(sum(len(row.encode()) + 1 for row in found.rows) <= _MOST, "rows keep to their budget")
    heads = [row for row in found.rows if row.startswith("=== rules: ")]
    holds([head.split(" ")[2] for head in heads] == list(found.sources), "every source has its heading")
    marginal = ("  ", "=== rules: ", "[cut]", "[not shown: ")
    holds(all(row.startswith(marginal) or not row for row in found.rows), "no text stands at the margin")
    lines = len("\n".join(found.rows).splitlines())
    holds(lines in (len(found.rows), len(found.rows) - 1), "a row is a line")
    holds(select_guidelines(dict(reversed(files.items())), _SHOWN, _MOST) == found, "the same files give the same rows")
    pattern = data[:300].decode("utf-8", "replace")
    holds(is_glob_match(pattern, _SHOWN[1]) in (True, False), "any text is a filter")


if __name__ == "__main__":
    running.main(__file__)
