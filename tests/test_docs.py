"""The documents hold: no link leads nowhere, no placeholder is left, both languages say the same."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from iquest_review.app.settings import SETTINGS

ROOT = Path(__file__).parents[1]
FOLDERS = ("", "docs/", "docker/", "prompts/", "fuzz/")
DOCUMENTS = sorted(path for folder in FOLDERS for path in ROOT.glob(f"{folder}*.md"))
PAGES = sorted(ROOT.glob("docs/*.md"))
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
MAX_README_LINES = 130
CHINESE = [path for path in [*READMES, *PAGES] if path.name.endswith(".zh-CN.md")]
ENGLISH = [path for path in [*READMES, *PAGES] if path not in CHINESE]
FOREIGN = ("IQUEST_TEST_", "IQUEST_REVIEW_")  # variables of tests and of jobs


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def links_of(document: Path) -> list[tuple[str, str]]:
    """The path and the anchor of each link that stays in the repository."""
    return re.findall(r"\]\((?!https?://)([^)#\s]*)#?([^)\s]*)\)", document.read_text("utf-8"))


def anchors_of(document: Path) -> set[str]:
    """What GitLab calls the headings of a page."""
    headings = re.findall(r"^#+ (.*)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    assert [path for path, _ in links_of(document) if path and not (document.parent / path).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_links_lead_to_headings_that_are_there(document: Path) -> None:
    for path, anchor in links_of(document):
        if anchor:
            assert anchor in anchors_of(document.parent / path if path else document), f"{path}#{anchor}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_no_placeholder_is_left(document: Path) -> None:
    assert re.findall(r"\b[A-Z]+-OUTPUT\b|\bTODO\b|\bFIXME\b", document.read_text("utf-8")) == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_variable_a_document_names_is_a_setting(document: Path) -> None:
    named = set(re.findall(r"\bIQUEST_[A-Z_]*[A-Z]\b", document.read_text("utf-8")))
    known = {variable for setting in SETTINGS for variable in setting.variables}

    assert {name for name in named - known if not name.startswith(FOREIGN)} == set()


@pytest.mark.parametrize("manual", [ENGLISH, CHINESE], ids=["English", "Chinese"])
def test_every_setting_is_in_the_manual_with_its_default(manual: list[Path]) -> None:
    text = "\n".join(path.read_text("utf-8") for path in manual)
    rows = [row for row in text.split("\n") if row.startswith("|")]

    for setting in SETTINGS:
        assert f"`{setting.variables[0]}`" in text
        if setting.default is not None:
            default = f"{setting.default:g}" if isinstance(setting.default, float) else str(setting.default)
            default = "all" if isinstance(setting.default, frozenset) else default
            assert [row for row in rows if f"`{setting.variables[0]}`" in row and default in row], setting.name


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_a_readme_names_the_right_default_of_its_first_settings(readme: Path) -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", readme.read_text("utf-8"), re.MULTILINE))
    settings = [setting for setting in SETTINGS if setting.variables[0] in rows]

    assert len(settings) == len(rows) == 6
    for setting in settings:
        default = rows[setting.variables[0]].strip("`")
        assert default in (("none", "无") if setting.default is None else (str(setting.default),))


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_a_readme_fits_on_a_few_screens(readme: Path) -> None:
    assert len(readme.read_text("utf-8").splitlines()) <= MAX_README_LINES


def test_the_index_of_the_manual_lists_every_page() -> None:
    listed = {path for path, _ in links_of(ROOT / "docs/README.md")}

    assert {page.name for page in PAGES} - {"README.md"} <= listed


def test_both_readmes_have_the_same_sections_and_tables() -> None:
    shapes = []
    for readme in READMES:
        text = readme.read_text("utf-8")
        rows = [len(re.findall(r"^\|", block, re.MULTILINE)) for block in text.split("\n\n") if block.startswith("|")]
        shapes.append((len(re.findall(r"^## ", text, re.MULTILINE)), rows))

    assert shapes[0] == shapes[1]


@pytest.mark.parametrize("readme", READMES, ids=name_of)
def test_the_job_to_paste_is_the_one_of_the_examples(readme: Path) -> None:
    pasted = re.search(r"```yaml\n(.*?)```", readme.read_text("utf-8"), re.DOTALL)
    example = (ROOT / "examples/gitlab-ci/merge-request.yml").read_text("utf-8")

    assert pasted
    for line in pasted[1].splitlines():
        words = line.split("#")[0].strip()
        if words and "IQUEST_LANGUAGE" not in words and not words.startswith("image:"):
            assert words in example, words


def literals_of(module: Path) -> Iterator[str]:
    """Every text of a module, with "{}" where an f-string puts a value."""
    for node in ast.walk(ast.parse(module.read_text("utf-8"))):
        if isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@pytest.mark.parametrize("page", ["docs/troubleshooting.md", "docs/quickstart.zh-CN.md"])
def test_the_messages_that_are_explained_are_those_of_the_program(page: str) -> None:
    said = "\n".join(text for module in (ROOT / "src").rglob("*.py") for text in literals_of(module))
    rows = re.findall(r"^\| (`[^|]*`) \|", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    quoted = [words for row in rows for words in re.findall(r"`([^`]+)`", row) if " " in words]
    parts = [part.strip(" :;,()'") for words in quoted for part in words.split("...")]

    assert len(quoted) > 10
    assert [part for part in parts if part not in said] == []
