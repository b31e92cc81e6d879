"""A saved series of patches cannot tell that its base moved, so the run says it."""

from pathlib import Path

import pytest

from iquest_review.cli.main import main

PATCH = """From {sha} Mon Sep 17 00:00:00 2001
Subject: [PATCH] Edit {name}

diff --git a/{name} b/{name}
--- a/{name}
+++ b/{name}
@@ -1 +1 @@
-a
+b
--\x20
2.39.5

"""
ONE, TWO = PATCH.format(sha="1" * 40, name="x.py"), PATCH.format(sha="2" * 40, name="y.py")


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        pytest.param(ONE + TWO, True, id="two mails"),
        pytest.param(ONE, False, id="one mail"),
        pytest.param(ONE.split("\n\n", 1)[1] + TWO.split("\n\n", 1)[1], False, id="one diff of two files"),
    ],
)
def test_a_saved_series_is_told_to_be_one(
    text: str, warned: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "saved.patch"
    saved.write_text(text, "utf-8")
    with pytest.raises(SystemExit) as ended:
        main(["preview", "--diff", str(saved)])
    assert not ended.value.code
    assert ("saved.patch holds 2 patches" in capsys.readouterr().err) == warned
