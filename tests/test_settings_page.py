"""The pages of settings say what the settings are."""

import pytest

from docs.settings_page import CHINESE, ENGLISH, Page, render
from iquest_review.app.settings import SETTINGS

PAGES = pytest.mark.parametrize("page", [ENGLISH, CHINESE], ids=["en", "zh"])


@PAGES
def test_the_page_is_as_new_as_the_settings(page: Page) -> None:
    assert page.file.read_text("utf-8") == render(page), "run: .venv/bin/python -m docs.settings_page"


@PAGES
def test_the_page_has_a_row_for_each_setting_and_no_other(page: Page) -> None:
    rows = [row for row in render(page).split("\n") if row.startswith("| `")]

    assert [row.split("`")[1] for row in rows] == [setting.variables[0] for setting in SETTINGS]
    assert set(page.texts) == {setting.name for setting in SETTINGS}


@PAGES
def test_a_row_names_every_default(page: Page) -> None:
    for setting in SETTINGS:
        row = next(row for row in render(page).split("\n") if row.startswith(f"| `{setting.variables[0]}`"))
        if isinstance(setting.default, int | float | str):
            assert f"{setting.default:g}" in row if isinstance(setting.default, float) else str(setting.default) in row


@PAGES
def test_a_row_marks_what_the_settings_file_may_set(page: Page) -> None:
    rows = [row.split(" | ") for row in render(page).split("\n") if row.startswith("| `")]

    assert [row[2].strip() == page.yes for row in rows] == [setting.in_file for setting in SETTINGS]
