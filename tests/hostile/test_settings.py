"""Settings and environments that somebody else wrote: no secret goes where they lead, and one line says what is wrong.

Covered: addresses of the model and of GitLab, proxies and addresses meant for other programs, the settings file, debug
variables, a fork's pipeline. Not covered: certificates (tests/llm/test_client.py), and what a runner's own
administrator sets: that is trusted.
"""

from collections.abc import Iterator

import pytest

from iquest_review.errors import UsageError
from iquest_review.net.address import Address
from tests.support.hostile_scene import Scene, answer, assert_inert, assert_log, lines, row, scene
from tests.support.model.double import ModelDouble
from tests.support.pipeline import JOB_TOKEN, TOKEN

KEY = "sk-" + "k3y0fth3m0d3l" * 2


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """A merge request with nothing wrong in it."""
    folder = tmp_path_factory.mktemp("settings") / "scene"
    with scene(folder, {}, {"app/values.py": lines(3)}, replies=[answer()]) as enemy:
        yield enemy


@row("H55-model-url")
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "http://169.254.9.9/latest/meta-data",
        "http://[fe80::1]/v1",
        f"http://user:{KEY}@127.0.0.1/v1",
        "http://127.0.0.1\n.evil.example/v1",
        "http://good.example\\@evil.example/v1",
        "http://vll\u043c.example/v1",
        f"http://127.0.0.1/v1?key={KEY}",
        "gopher://127.0.0.1/v1",
    ],
)
def test_an_address_that_is_no_models_is_refused(honest: Scene, row: str, url: str) -> None:
    seen = honest.review("--dry-run", IQUEST_API_URL=url, IQUEST_API_KEY=KEY, IQUEST_TIMEOUT="0.2")

    assert seen.finished.code == 2
    assert "IQUEST_API_URL" in seen.finished.err
    assert KEY not in seen.everything
    assert_log(seen)


@row("H55-model-url")
@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:169.254.169.254]"])
def test_no_spelling_of_the_metadata_address_is_an_address(row: str, host: str) -> None:
    with pytest.raises(UsageError):
        Address.parse(f"http://{host}/v1")  # parsed alone: nothing is to be sent there


@row("H58-env-override")
def test_variables_of_other_programs_send_nothing_elsewhere(honest: Scene, row: str) -> None:
    with ModelDouble(replies=[answer()]) as other:
        host = other.url.removesuffix("/v1")
        foreign = dict.fromkeys(("OPENAI_BASE_URL", "OPENAI_API_BASE", "GITLAB_URL"), other.url)
        foreign |= {"OPENAI_API_KEY": KEY, "GITLAB_TOKEN": KEY, "PYTHON_GITLAB_CFG": "/nowhere", "NETRC": "/nowhere"}
        seen = honest.review("--dry-run", "--full", **foreign)
        assert other.requests == []
        assert seen.finished.code == 0, seen.finished.err
        assert len(seen.prompts) == 1
        assert honest.model.url.split("/")[2] in seen.finished.err

        proxy = host.replace("//", f"//user:{KEY}@")
        far = {"IQUEST_API_URL": "http://model.invalid/v1", "IQUEST_TIMEOUT": "0.5", "HTTP_PROXY": proxy}
        proxied = honest.review("--dry-run", "--full", **far)
        assert f"through the proxy {host.removeprefix('http://')}" in proxied.finished.err
    for one in (seen, proxied):
        assert KEY not in one.everything
        assert_log(one)


@row("H61-ci-url-override")
def test_the_token_goes_to_no_other_host(honest: Scene, row: str) -> None:
    with ModelDouble() as thief:
        server = honest.gitlab.url
        elsewhere = f"{thief.url.removesuffix('/v1')}/api/v4"
        for api_url in (
            elsewhere,
            elsewhere.replace("http://", "http://127.0.0.1:80@"),
            "file:///api/v4",
            "//evil/api/v4",
        ):
            seen = honest.review(CI_API_V4_URL=api_url, CI_SERVER_URL=server, CI_SERVER_HOST="127.0.0.1")
            assert seen.finished.code == 2
            assert "CI_API_V4_URL" in seen.finished.err
            assert_log(seen)
        assert thief.requests == []


@row("H61-ci-url-override")
def test_the_jobs_token_is_fetched_with_nowhere_else(honest: Scene, row: str) -> None:
    with ModelDouble() as thief:
        elsewhere = thief.url.replace("http://", f"http://gitlab-ci-token:{JOB_TOKEN}@") + "/group/app.git"
        names = {"CI_SERVER_URL": honest.gitlab.url, "CI_SERVER_HOST": "127.0.0.1", "CI_REPOSITORY_URL": elsewhere}
        seen = honest.review("--dry-run", "--full", **names)
        assert seen.finished.code == 0, seen.finished.err
        assert "nothing is fetched from" in seen.finished.err
        assert thief.requests == []
        assert_log(seen)


@row("H59-yaml-hostile")
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"language: !!python/object/apply:os.system ['touch canary']\n", "language"),
        (b"a: &a [x]\n" + b"".join(b"b%d: &b%d [%s]\n" % (n, n, b"*a, " * 9) for n in range(9)), ".iquest-review.yml"),
        (b"# " + b"x" * 70_000 + b"\nlanguage: zh\n", "larger than 64 KiB"),
        (b"[" * 10_000, "not YAML"),
        (b"language: zh\nlanguage: en\n", "twice"),
        (b"<<: {api_url: http://evil.example}\n", ".iquest-review.yml"),
        (b"api_url: http://evil.example\n", "may not set api_url"),
        (b"language: 'en\\n/close'\n", "language"),
    ],
    ids=["tag", "aliases", "large", "deep", "twice", "merge", "url", "lines"],
)
def test_a_settings_file_is_read_within_bounds(honest: Scene, row: str, content: bytes, words: str) -> None:
    honest.gitlab.fail("GET", "iquest-review.yml", status=200, body=content, headers={"Content-Type": "text/plain"})

    seen = honest.review("--dry-run")

    assert seen.finished.code == 2
    assert words in seen.finished.err.splitlines()[-1]
    assert list(honest.folder.rglob("canary")) == []
    assert_log(seen)


@row("H72-debug-trace")
def test_debug_variables_show_no_header_and_no_prompt(honest: Scene, row: str) -> None:
    debug = {
        **dict.fromkeys(("CI_DEBUG_TRACE", "CI_DEBUG_SERVICES", "DEBUG", "PYTHONDEVMODE"), "true"),
        **dict.fromkeys(("GIT_TRACE", "GIT_CURL_VERBOSE", "GIT_TRACE_CURL", "GIT_TRACE_PACKET"), "1"),
        "GIT_PYTHON_TRACE": "full",
        "LOGLEVEL": "DEBUG",
        "IQUEST_API_KEY": KEY,
    }
    seen = honest.review("-v", "--full", **debug)

    assert seen.finished.code == 0, seen.finished.err
    assert_log(seen)
    assert_inert(seen)
    for secret in (KEY, TOKEN, "PRIVATE-TOKEN", "Authorization", "You are a senior", "value_001"):
        assert secret not in seen.finished.err + seen.finished.out


@row("H78-fork-no-token")
def test_a_forks_pipeline_without_variables_is_no_failure(honest: Scene, row: str) -> None:
    bare = {**honest.job, "GITLAB_API_TOKEN": "", "IQUEST_API_URL": "", "CI_PROJECT_ID": "70"}
    seen = honest.run("review", environ=bare)

    assert seen.finished.code == 0
    assert "a member of the project can run it there" in seen.finished.err
    assert {"review.json", "note.md"} <= set(seen.kept)
    assert_log(seen)
