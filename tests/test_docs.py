"""The documents hold: no link leads nowhere, no placeholder is left, both languages say the same."""

import re
from pathlib import Path

import pytest

from iquest_review.app.settings import SETTINGS

ROOT = Path(__file__).parents[1]
DOCUMENTS = sorted(path for path in [*ROOT.glob("*.md"), *ROOT.glob("docker/*.md"), *ROOT.glob("prompts/*.md")])
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_placeholder_is_left(document: Path) -> None:
    assert re.findall(r"\b[A-Z]+-OUTPUT\b|\bTODO\b|\bFIXME\b", document.read_text()) == []


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_every_setting_is_in_the_manual_with_its_default(readme: Path) -> None:
    text = readme.read_text()

    for setting in SETTINGS:
        assert f"`{setting.variables[0]}`" in text
        if setting.default is not None:
            row = next(row for row in text.split("\n") if row.startswith("|") and setting.variables[0] in row)
            default = f"{setting.default:g}" if isinstance(setting.default, float) else str(setting.default)
            default = "all" if isinstance(setting.default, frozenset) else default
            assert default in row


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_what_the_settings_file_may_hold_is_marked(readme: Path) -> None:
    rows = [row for row in readme.read_text().split("\n") if row.startswith("| `IQUEST_")]
    marked = {name for row in rows for name in re.findall(r"`(IQUEST_\w+)` \*", row)}

    assert marked == {setting.variables[0] for setting in SETTINGS if setting.in_file}


def test_both_readmes_have_the_same_sections_and_tables() -> None:
    shapes = []
    for readme in READMES:
        text = readme.read_text()
        rows = [len(re.findall(r"^\|", block, re.MULTILINE)) for block in text.split("\n\n") if block.startswith("|")]
        shapes.append((len(re.findall(r"^## ", text, re.MULTILINE)), rows))

    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.name)
def test_the_job_to_paste_is_the_one_of_the_examples(readme: Path) -> None:
    pasted = re.search(r"```yaml\n(.*?)```", readme.read_text(), re.DOTALL)
    example = (ROOT / "examples/gitlab-ci/merge-request.yml").read_text()

    assert pasted
    for line in pasted[1].splitlines():
        words = line.split("#")[0].strip()
        if words and "IQUEST_LANGUAGE" not in words and not words.startswith("image:"):
            assert words in example, words
