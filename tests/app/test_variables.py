"""Unknown variables: a loud warning with the nearest name and without the value, and no error."""

import pytest

from iquest_review.app.settings import SETTINGS, resolve_settings
from iquest_review.app.variables import MAX_NAMED, describe_unknown_variables, find_unknown_variables

KEY = "sk-" + "k3y0fth3m0d3l" * 2


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("IQUEST_FAILON", "IQUEST_FAIL_ON"),
        ("IQUEST_FAIL", "IQUEST_FAIL_ON"),
        ("IQUEST_FAIL_ON_SEVERITY", "IQUEST_FAIL_ON"),
        ("IQUEST_LANG", "IQUEST_LANGUAGE"),
        ("IQUEST_URL", "IQUEST_API_URL"),
        ("IQUEST_BASE_URL", "IQUEST_API_URL"),
        ("IQUEST_APIKEY", "IQUEST_API_KEY"),
        ("IQUEST_API_KEYS", "IQUEST_API_KEY"),
        ("IQUEST_MODEL_NAME", "IQUEST_MODEL"),
        ("IQUEST_MAX_LINE", "IQUEST_MAX_LINES"),
        ("IQUEST_TEMP", "IQUEST_TEMPERATURE"),
        ("IQUEST_GITLAB_TOKEN", "GITLAB_API_TOKEN"),
        ("iquest_model", "IQUEST_MODEL"),
        ("Iquest_Fail_On", "IQUEST_FAIL_ON"),
    ],
)
def test_a_misspelled_setting_is_told_with_its_nearest_name(name: str, nearest: str) -> None:
    (warning,) = describe_unknown_variables({name: KEY})

    assert warning == f"WARNING: unknown setting {name} is ignored; did you mean {nearest}?"
    assert resolve_settings({}, {name: KEY}) == resolve_settings({}, {})


@pytest.mark.parametrize(
    "name", ["IQUEST_LOOKS", "IQUEST_VERIFY", "IQUEST_CACHE_DIR", "IQUEST_", "IQUEST_\n" + "X" * 999]
)
def test_a_setting_of_another_version_is_told_without_a_guess(name: str) -> None:
    (warning,) = describe_unknown_variables({name: KEY})

    assert name[:60] in warning
    assert "did you mean" not in warning
    assert len(warning) < 200
    assert KEY not in warning


@pytest.mark.parametrize(
    "environ",
    [
        {"IQUEST_FAILON": ""},
        {"IQUEST_FAILON": " \n"},
        {"IQUEST_REVIEW_STAGE": "test"},
        {"IQUEST_TEST_SERVER_URL": "http://127.0.0.1"},
        {"IQUESTION": "x"},
        {"MY_IQUEST_MODEL": "x"},
        {variable: "x" for setting in SETTINGS for variable in setting.variables},
    ],
    ids=["empty", "blank", "job", "test", "other word", "other prefix", "known"],
)
def test_what_is_no_mistake_is_not_told(environ: dict[str, str]) -> None:
    assert find_unknown_variables(environ) == ()


def test_many_unknown_variables_are_counted() -> None:
    warnings = list(describe_unknown_variables({f"IQUEST_X{index}": "x" for index in range(MAX_NAMED + 5)}))

    assert len(warnings) == MAX_NAMED + 1
    assert warnings[-1] == "WARNING: 5 more unknown settings are ignored"
