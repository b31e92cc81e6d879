"""Secrets and logs: no secret leaves the job, and no text of others acts on whoever reads the log.

Covered, on the real command: what the change holds, what the model says and what servers answer, with the job's own
secrets and with forms of others; escapes of terminals. The forms one by one are in tests/redaction/test_redactor.py.
Not covered: secrets that no form tells and that no variable of this job holds.
"""

import base64
import codecs
import re
from collections.abc import Iterator

import pytest

from tests.support.hostile_scene import Scene, Seen, answer, assert_inert, assert_log, issue, lines, row, scene
from tests.support.model.double import Fault, ModelDouble
from tests.support.pipeline import JOB_TOKEN, TOKEN

KEY = "sk-of-the-model-9f3a7c1e5b"
DEPLOY = "Zq8" + "vR2mX7kLw4Tn9Yb6"
FOREIGN = "".join(("glpat", "-", "Ab3dEf6hIj9kLmNoPq2r"))  # of no GitLab there is
OWN = {"IQUEST_API_KEY": KEY, "DEPLOY_TOKEN": DEPLOY}
SECRETS = (TOKEN, JOB_TOKEN, KEY, DEPLOY, FOREIGN, base64.b64encode(KEY.encode()).decode(), KEY.encode().hex())
ORDINARY = (
    "sha = '2fd4e1c67a2d28fced849ee1bb76e7391b93eb12'",
    "id = '123e4567-e89b-12d3-a456-426614174000'",
    "integrity = 'sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC'",
    "password = get_password()",
    "token: str = field(default='')",
    "label = t('settings.password.confirm')",
)
ESCAPES = (
    "\x1b[2J\x1b[31m \x1b]8;;http://evil.example\x07x\x1b]8;;\x07 \x1b]52;c;ZXZpbA==\x07 \x9b31m \b\b\r\nJob succeeded"
)
SECTION = "\x1b[0Ksection_start:1700000000:evil[collapsed=true]\r\x1b[0Kevil\n"


def planted() -> bytes:
    """A file with a secret of each kind, and ordinary lines that look like some."""
    rows = [f"secret_{at} = '{secret}'" for at, secret in enumerate((KEY, DEPLOY, FOREIGN, TOKEN, JOB_TOKEN))]
    return "\n".join([*rows, *ORDINARY, ""]).encode()


@pytest.fixture(scope="module")
def leaky(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Scene, Seen]]:
    """The change holds secrets, and the model says all it can of them."""
    told = "\n".join(f"Here: {secret}" for secret in SECRETS) + f"\n{ESCAPES}\n{SECTION}"
    said = answer(
        issue(1, told, quote=f"'{KEY}'", suggestion=f"x = '{FOREIGN}'"),
        issue(2, "no place", file=f"{KEY}.py", quote=DEPLOY),
        summary=told,
        suggestions=[told],
    )
    before = {"app/values.py": lines(3), "app/conf.py": b"old = 1\n" + b"# keep\n" * 9}
    after = {"app/values.py": lines(5), "app/conf.py": planted() + b"# keep\n" * 9}
    with scene(
        tmp_path_factory.mktemp("secrets") / "scene",
        before,
        after,
        replies=[said],
        message=f"Use {FOREIGN}\n\n{ESCAPES}",
        title=f"Rotate {KEY} {ESCAPES}",
        description=f"From {DEPLOY} to {FOREIGN}",
    ) as enemy:
        yield enemy, enemy.review("-v", "--full", **OWN)


@row("H26-leak-request", "H68-secret-in-output")
def test_no_secret_is_in_anything_that_leaves_the_job(leaky: tuple[Scene, Seen], row: str) -> None:
    _, seen = leaky

    assert seen.finished.code == 0, seen.finished.err
    assert [secret for secret in SECRETS if secret in seen.everything] == []
    assert "[REDACTED:" in seen.prompt
    assert "REDACTED:" in seen.bodies[-1].replace("\\", "")
    assert_inert(seen)


DISGUISES = (
    f"{KEY[:9]}\n- {KEY[9:]}",
    " ".join(KEY),
    "\u200b".join(DEPLOY),
    f'"{DEPLOY[:6]}" + "{DEPLOY[6:]}"',
    DEPLOY[::-1],
    codecs.encode(DEPLOY, "rot13"),
    KEY.encode().hex(" "),
    base64.b32encode(DEPLOY.encode()).decode(),
    "".join(f"&#{ord(letter)};" for letter in KEY),
    "".join(f"%25{ord(letter):02x}" for letter in KEY),
)


@row("H68-secret-in-output")
def test_a_secret_in_disguise_is_in_nothing_that_leaves_the_job(leaky: tuple[Scene, Seen], row: str) -> None:
    told = "\n".join(f"Here ({shown})." for shown in DISGUISES)
    said = answer(issue(1, told, suggestion=told), issue(2, "no place", file="x.py", quote=told), summary=told)
    with ModelDouble(replies=[said], window=262_144) as model:
        seen = leaky[0].review("-v", "--full", **OWN, IQUEST_API_URL=model.url)

    assert seen.finished.code == 0, seen.finished.err
    assert "REDACTED:own" in seen.public.replace("\\", "")
    assert [shown for shown in DISGUISES if re.sub(r"\W", "", shown) in re.sub(r"\W", "", seen.public)] == []


@row("H66-redaction-fp", "H67-redaction-shape")
def test_what_is_no_secret_stays_and_each_line_is_where_it_was(leaky: tuple[Scene, Seen], row: str) -> None:
    _, seen = leaky
    shown = [text for text in seen.prompt.split("\n") if text.startswith("+") and ("secret_" in text or "'" in text)]

    for at, text in enumerate(ORDINARY, 6):
        assert f"+{at}| {text}" in seen.prompt
    assert [text.split("|")[0] for text in shown if "REDACTED" in text] == [f"+{at}" for at in range(1, 6)]


@row("H69-ansi", "H71-log-forge")
def test_nothing_acts_on_the_log(leaky: tuple[Scene, Seen], row: str) -> None:
    enemy, seen = leaky
    enemy.gitlab.fail("GET", "merge_requests/4$", status=403, body={"message": ESCAPES + SECTION})
    refused = enemy.review(**OWN)

    assert refused.finished.code == 4
    for one in (seen, refused):
        assert_log(one)
        assert not any(text.startswith(("section_start", "Job succeeded")) for text in one.finished.err.split("\n"))


@row("H63-secret-in-error")
@pytest.mark.parametrize("who", ["model", "gitlab"])
def test_a_server_that_echoes_the_headers_is_not_repeated(leaky: tuple[Scene, Seen], row: str, who: str) -> None:
    seen = echoing(leaky[0], who, f"Bearer {KEY}" if who == "model" else f"PRIVATE-TOKEN: {TOKEN}")

    assert seen.finished.code == (4 if who == "gitlab" else 3)
    assert [secret for secret in SECRETS if secret in seen.public] == []
    assert_log(seen)
    assert_inert(seen)


@row("H63-secret-in-error")
@pytest.mark.parametrize("who", ["model", "gitlab"])
def test_a_server_that_knows_other_secrets_of_the_job_is_not_repeated(
    leaky: tuple[Scene, Seen], row: str, who: str
) -> None:
    seen = echoing(leaky[0], who, f"fatal: {DEPLOY} {FOREIGN} {base64.b64encode(KEY.encode()).decode()}")

    assert [secret for secret in SECRETS if secret in seen.public] == []


@row("H63-secret-in-error")
@pytest.mark.parametrize("who", ["model", "gitlab"])
@pytest.mark.parametrize("before", [170, 185, 199, 275, 285, 299])
def test_a_secret_is_taken_out_before_words_are_cut(leaky: tuple[Scene, Seen], row: str, who: str, before: int) -> None:
    """The beginning of one would be no secret that is known."""
    escaped = "".join(f"\\u{ord(letter):04x}" for letter in KEY)
    seen = echoing(leaky[0], who, "x" * before + " " + (escaped if before % 2 else KEY))

    assert not any(KEY[:length] in seen.public for length in range(len(KEY), 7, -1))


def echoing(enemy: Scene, who: str, words: str) -> Seen:
    """A run in which one of the servers refuses, and says this."""
    if who == "gitlab":
        for method in ("POST", "PUT"):
            enemy.gitlab.fail(method, "notes|discussions", status=403, body={"message": words + ESCAPES}, times=20)
        seen = enemy.review("-v", "--full", **OWN)
        enemy.gitlab.server.troubles.faults.clear()
        return seen
    fault = Fault(status=400, body={"error": {"message": words + ESCAPES}})
    with ModelDouble(replies=[fault]) as model:
        return enemy.review("-v", "--full", **OWN, IQUEST_API_URL=model.url)
