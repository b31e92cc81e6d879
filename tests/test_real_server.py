"""Against a real model server: opt in with IQUEST_TEST_SERVER_URL (and IQUEST_TEST_SERVER_KEY where it wants one).

The server's answers are its own: what is checked is that every one ends as a review, never in an error of ours.
"""

import os
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Run

URL = os.environ.get("IQUEST_TEST_SERVER_URL", "")
KEY = os.environ.get("IQUEST_TEST_SERVER_KEY", "")
EXAMPLES = sorted((Path(__file__).parents[1] / "examples/diffs").glob("*.diff"))

pytestmark = [
    pytest.mark.real_server,
    pytest.mark.skipif(not URL, reason="no real model server: set IQUEST_TEST_SERVER_URL, http://host:port/v1"),
]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


@pytest.mark.parametrize("mode", ["auto", "json_schema", "json_object", "prompt"])
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_is_reviewed(run: Run, example: Path, mode: str) -> None:
    environ = {"IQUEST_API_URL": URL, "IQUEST_API_KEY": KEY, "IQUEST_STRUCTURED_OUTPUT": mode, "IQUEST_TIMEOUT": "300"}

    finished = run("review", "--diff", str(example), environ=environ)

    assert finished.code == 0, finished.err
    assert finished.review["status"] in ("reviewed", "partial")
    assert finished.review["usage"]["prompt_tokens"] > 0
    assert "IQuest-Coder" in finished.out


def test_a_model_that_is_not_served_is_told_which_are(run: Run) -> None:
    environ = {"IQUEST_API_URL": URL, "IQUEST_API_KEY": KEY, "IQUEST_MODEL": "no-such-model"}

    finished = run("review", "--diff", str(EXAMPLES[0]), environ=environ)

    assert finished.code == 3
    assert "it serves: " in finished.err


def test_a_prompt_over_the_window_is_cut_and_says_so(run: Run, tmp_path: Path) -> None:
    lines = "".join(f"+value_{number} = compute({number})\n" for number in range(1900))
    patch = (
        f"diff --git a/big.py b/big.py\nnew file mode 100644\n--- /dev/null\n+++ b/big.py\n@@ -0,0 +1,1900 @@\n{lines}"
    )
    environ = {"IQUEST_API_URL": URL, "IQUEST_API_KEY": KEY, "IQUEST_TIMEOUT": "300"}

    finished = run("review", "--diff", "-", stdin=patch.encode(), environ=environ)

    assert finished.code == 0, finished.err
    shown = finished.review["coverage"][0]["shown_changed_lines"]
    left_out = sum(omission["changed_lines"] for omission in finished.review["omissions"])
    assert shown + left_out == 1900
