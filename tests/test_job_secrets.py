"""Which of a job's variables are secrets."""

import pytest

from iquest_review.job_secrets import secrets


@pytest.mark.parametrize("name", ["IQUEST_API_KEY", "GITLAB_API_TOKEN", "CI_JOB_TOKEN"])
def test_the_tokens_of_this_program_are_secrets_whatever_they_look_like(name: str) -> None:
    assert secrets({name: "word"}) == {name: "word"}


@pytest.mark.parametrize(
    "name",
    [
        *(
            "CI_REGISTRY_PASSWORD",
            "CI_DEPLOY_PASSWORD",
            "AWS_SECRET_ACCESS_KEY",
            "NPM_TOKEN",
            "VAULT_ID_TOKEN",
            "DB_PASS",
        ),
        *("CI_JOB_JWT", "SSH_PRIVATE_KEY", "SENTRY_APIKEY", "sonar_token", "GCP_CREDENTIALS", "TOKEN2"),
    ],
)
def test_what_a_name_calls_a_secret_is_one(name: str) -> None:
    assert secrets({name: "x7Qp2mZk9"}) == {name: "x7Qp2mZk9"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SORT_KEY", "x7Qp2mZk9"),
        ("TOKENIZER", "x7Qp2mZk9"),
        ("PASSAGE", "x7Qp2mZk9"),
        ("TOKEN_TYPE", "customer_id"),
        ("PASSWORD_FILE", "/run/secrets/db-1"),
        ("API_KEY", "short1"),
        ("USE_TOKEN", "true"),
        ("TOKEN_LIFETIME", "86400000"),
        ("DB_PASSWORD", "$OTHER_VARIABLE"),
        ("HOME", "/root"),
    ],
)
def test_what_is_none_is_left_alone(name: str, value: str) -> None:
    assert secrets({name: value}) == {}


def test_the_password_in_a_url_is_a_secret_and_the_url_is_not() -> None:
    environ = {
        "CI_REPOSITORY_URL": "https://gitlab-ci-token:x7Qp2mZk9@git.example.org/a.git",
        "DATABASE_URL": "db://me:pw@h/x",
    }

    assert secrets(environ) == {"CI_REPOSITORY_URL": "x7Qp2mZk9", "DATABASE_URL": "pw"}
