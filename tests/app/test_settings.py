"""Settings: flag > variable > file > default, every mistake named with what would be right."""

import pytest

from iquest_review.app import settings
from iquest_review.app.ci import parse_ci_job
from iquest_review.app.settings import SecretValue, resolve_settings
from iquest_review.errors import UsageError


def test_defaults_are_those_of_the_manual() -> None:
    found = resolve_settings({}, {})

    assert (found.max_lines, found.max_tokens, found.max_requests, found.concurrency) == (2000, None, 4, None)
    assert (found.temperature, found.top_p, found.max_output_tokens, found.timeout) == (0.2, 0.95, 2048, 120)
    assert (found.structured_output, found.language, found.max_findings, found.fail_on) == ("auto", "en", 10, "never")
    assert found.api_url is None


def test_a_flag_beats_a_variable_beats_the_file_beats_the_default() -> None:
    environ, file = {"IQUEST_MAX_LINES": "20"}, {"max_lines": 30}

    assert resolve_settings({"max_lines": "10"}, environ, file).max_lines == 10
    assert resolve_settings({"max_lines": None}, environ, file).max_lines == 20
    assert resolve_settings({}, {}, file).max_lines == 30


def test_an_empty_variable_is_no_value() -> None:
    assert resolve_settings({}, {"IQUEST_MAX_LINES": " ", "IQUEST_MODEL": ""}).model is None


def test_the_models_name_has_an_older_variable() -> None:
    assert resolve_settings({}, {"MODEL_NAME": "m"}).model == "m"
    assert resolve_settings({}, {"MODEL_NAME": "m", "IQUEST_MODEL": "n"}).model == "n"


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"IQUEST_MAX_LINES": "0"}, "IQUEST_MAX_LINES is '0'; it must be a whole number from 1"),
        ({"IQUEST_MAX_LINES": "-1"}, "IQUEST_MAX_LINES"),
        ({"IQUEST_MAX_LINES": "1e3"}, "IQUEST_MAX_LINES"),
        ({"IQUEST_MAX_LINES": "٣"}, "IQUEST_MAX_LINES"),
        ({"IQUEST_TEMPERATURE": "nan"}, "IQUEST_TEMPERATURE is 'nan'; it must be a number from 0 to 2"),
        ({"IQUEST_TOP_P": "1.5"}, "a number from 0.01 to 1"),
        ({"IQUEST_FAIL_ON": "critical"}, "one of: never, low, medium, high"),
        ({"IQUEST_PROJECT": "../../etc"}, "group/project"),
        ({"IQUEST_MERGE_REQUEST": "%2f"}, "a whole number"),
        ({"IQUEST_LANGUAGE": "../en"}, "a language"),
    ],
)
def test_a_mistake_is_named_with_what_is_right(environ: dict[str, str], words: str) -> None:
    with pytest.raises(UsageError) as caught:
        resolve_settings({}, environ)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    "key", ["api_url", "api_key", "gitlab_token", "model", "prompts_dir", "project", "merge_request"]
)
def test_the_file_cannot_set_what_could_harm(key: str) -> None:
    with pytest.raises(UsageError, match=f"may not set {key}"):
        resolve_settings({}, {}, {key: "x"})


def test_an_unknown_key_of_the_file_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"unknown setting langauge in \.iquest-review\.yml; did you mean language\?"):
        resolve_settings({}, {}, {"langauge": "zh"})


def test_secrets_show_nowhere() -> None:
    found = resolve_settings({}, {"GITLAB_API_TOKEN": "glpat-secret", "IQUEST_API_KEY": "sk-secret"})

    assert "secret" not in f"{found} {found!r} {found.api_key} {parse_ci_job({'CI_JOB_TOKEN': 'job-secret'})}"
    assert isinstance(found.api_key, SecretValue)
    assert found.api_key.reveal() == "sk-secret"


def test_a_bad_value_does_not_show_a_secret_setting() -> None:
    """Secrets take any text, so that no error ever has a reason to repeat one."""
    secret = [setting for setting in settings.SETTINGS if setting.name in ("api_key", "gitlab_token")]

    assert [setting.convert for setting in secret] == [str, str]


def test_every_flagged_setting_has_a_variable_of_its_name() -> None:
    for setting in settings.SETTINGS:
        if setting.flag:
            assert "IQUEST_" + setting.name.upper() in setting.variables


def test_a_forks_pipeline_is_told_by_its_project() -> None:
    own = {"CI_PROJECT_ID": "7", "CI_MERGE_REQUEST_PROJECT_ID": "7"}

    assert not parse_ci_job(own).is_fork
    assert parse_ci_job({**own, "CI_PROJECT_ID": "70"}).is_fork
    assert not parse_ci_job({"CI_PROJECT_ID": "7"}).is_fork


HERE = {"CI_SERVER_URL": "https://gitlab.example.org", "CI_SERVER_HOST": "gitlab.example.org"}


@pytest.mark.parametrize(
    ("api", "server"),
    [
        ("https://gitlab.example.org/api/v4", HERE),
        ("https://GitLab.example.org:443/api/v4", HERE),
        ("https://gitlab.example.org/git/api/v4", {**HERE, "CI_SERVER_URL": "https://gitlab.example.org/git"}),
        ("http://gitlab.example.org:8080/api/v4", {**HERE, "CI_SERVER_URL": "http://gitlab.example.org:8080"}),
        ("https://anywhere.example.org/api/v4", {}),  # on a laptop only the API is named
    ],
)
def test_the_token_goes_to_the_pipelines_own_server(api: str, server: dict[str, str]) -> None:
    assert not parse_ci_job({"CI_API_V4_URL": api, **server}).is_misled


@pytest.mark.parametrize(
    "api",
    [
        "https://evil.example.org/api/v4",
        "https://gitlab.example.org.evil.example/api/v4",
        "https://gitlab.example.org@evil.example/api/v4",
        "http://gitlab.example.org/api/v4",  # in plain text
        "https://gitlab.example.org:8443/api/v4",
        "https://[/api/v4",
    ],
)
def test_a_variable_of_ones_own_does_not_lead_the_token_elsewhere(api: str) -> None:
    """Whoever starts a pipeline by hand or by a trigger may set CI_API_V4_URL."""
    assert parse_ci_job({"CI_API_V4_URL": api, **HERE}).is_misled


@pytest.mark.parametrize(("host", "elsewhere"), [("gitlab.example.org", False), ("evil.example.org", True)])
def test_the_jobs_token_goes_to_the_pipelines_own_server_too(host: str, elsewhere: bool) -> None:
    """git takes it along to whatever CI_REPOSITORY_URL names."""
    assert parse_ci_job(HERE).is_elsewhere(f"https://{host}") is elsewhere


def test_either_name_of_the_server_is_enough_to_notice() -> None:
    for name, value in HERE.items():
        assert parse_ci_job({"CI_API_V4_URL": "https://evil.example.org/api/v4", name: value}).is_misled
