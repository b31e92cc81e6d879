"""Which of a job's variables are secrets."""

import time

import pytest

from iquest_review.redaction.environment import collect_secrets


@pytest.mark.parametrize("name", ["IQUEST_API_KEY", "GITLAB_API_TOKEN", "CI_JOB_TOKEN"])
def test_the_tokens_of_this_program_are_always_secrets(name: str) -> None:
    assert collect_secrets({name: "word"}) == {name: "word"}


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
        *("PGPASSWORD", "MYSQL_PWD", "SSHPASS", "DOCKER_AUTH_CONFIG", "DEPLOY_KEY", "SSH_KEY", "SIGNING_KEY"),
        *("ENCRYPTION_KEY", "GPG_KEY", "GITLAB_PAT", "NPM_AUTH", "API_TOKENS", "SECRET_KEY_BASE", "TF_VAR_db_password"),
        *(
            "CI_JOB_JWT_V2",
            "API_TOKEN_PROD",
            "CI_JOB_JWT",
            "SSH_PRIVATE_KEY",
            "SENTRY_APIKEY",
            "sonar_token",
            "GCP_CREDENTIALS",
            "TOKEN2",
        ),
    ],
)
def test_a_variable_named_like_a_secret_is_one(name: str) -> None:
    assert collect_secrets({name: "x7Qp2mZk9"}) == {name: "x7Qp2mZk9"}


@pytest.mark.parametrize(
    "value",
    [
        *(
            "$ecretP4ss!word",
            "GrünerBär-7391-x",
            "aB3#{kd9ZqLw7Pt2",
            "K9‹%vQ2mZx8Lp",
            "pw9&#xZ81kLqT",
            "tok%(9ZqLw7Pt2x",
        ),
        *(
            "/k3JdPq9Zx7LmN2vB8tYwR4sH6fD1gA5cE0uIoPaS",
            "/k3JdPq9Zx7L/N2vB8tYwR4sH6fD1gA5c+0uIoPaS==",
            "4711081547110815",
        ),
        *("correcthorsebatterystaple", "fake-todo-7391-x", '{"type": "service_account", "id": "9f8a7b6c5d4e"}'),
    ],
)
def test_a_secret_may_look_like_anything(value: str) -> None:
    assert collect_secrets({"DB_PASSWORD": value}) == {"DB_PASSWORD": value}


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
        ("DB_PASSWORD", "${OTHER_VARIABLE}"),
        ("DB_PASSWORD", "wordpress"),
        ("SSH_PRIVATE_KEY", "/builds/team/app.tmp/SSH_PRIVATE_KEY.pem"),
        ("SSH_PRIVATE_KEY", "/data/ci/app.tmp/SSH_PRIVATE_KEY"),
        ("SSH_PRIVATE_KEY", "/builds/team/app/id_ed25519"),
        ("SSH_PRIVATE_KEY", "/opt2/id_ed25519.key"),
        ("GPG_KEY", "keys/release.asc"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "config/gcp.json"),
        ("GOOGLE_APPLICATION_CREDENTIALS", "gcp2.json"),
        ("TOKEN_URL", "https://oauth2.googleapis.com/token"),
        ("VAULT_TOKEN", "https://vault.example.org/v1/x7Qp2mZk9"),
        ("SECRET_DETECTION_EXCLUDED_PATHS", "tests,spec2"),
        ("SECRET_DETECTION_EXCLUDED", "x7Qp2mZk9"),
        ("AWS_SECRET_NAME", "prod/orders-db2"),
        ("AWS_ACCESS_KEY_ID", "x7Qp2mZk9"),
        ("API_KEY_HEADER", "X-Api-Key2"),
        ("TOKEN_TTL", "3600 seconds"),
        ("PASSWORD_POLICY", "min:8,upper:1"),
        ("SECRET_PROVIDER", "vault-prod-2"),
        ("OLDPWD", "x7Qp2mZk9"),
        ("PWD", "x7Qp2mZk9"),
        ("HOME", "/root"),
    ],
)
def test_a_harmless_variable_is_left_alone(name: str, value: str) -> None:
    assert collect_secrets({name: value}) == {}


def test_only_the_password_of_a_url_is_a_secret() -> None:
    environ = {
        "CI_REPOSITORY_URL": "https://gitlab-ci-token:x7Qp2mZk9@git.example.org/a.git",
        "DATABASE_URL": "db://me:pw@h/x",
        "TOKEN_URL": "https://me:x7Qp2mZk8@git.example.org/",
    }

    assert collect_secrets(environ) == {
        "CI_REPOSITORY_URL": "x7Qp2mZk9",
        "DATABASE_URL": "pw",
        "TOKEN_URL": "x7Qp2mZk8",
    }


@pytest.mark.timed
def test_collect_secrets_takes_no_time() -> None:
    started = time.process_time()
    collect_secrets(
        {f"TOKEN_{at}": value * 30_000 for at, value in enumerate(("a://", ":", "/a", "a.", "~/", "x7", "-", "{"))}
    )

    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GPG_KEY", "E3FF2839C048B25C084DEBE9B26995E310250568"),
        ("LLM_MAX_TOKENS", "32000000"),
        ("PASSWORD_HASHER", "argon2id.v19"),
    ],
)
def test_public_values_are_not_secrets(name: str, value: str) -> None:
    assert collect_secrets({name: value}) == {}
