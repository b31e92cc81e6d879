"""What teams paste keeps what it promises: when it runs, what may fail, what is kept, and that every command exists."""

import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml

from iquest_review import __version__

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples" / "gitlab-ci"
MERGE_REQUEST = EXAMPLES / "merge-request.yml"
MANUAL = EXAMPLES / "manual.yml"
APPROVE = EXAMPLES / "approve-then-publish.yml"
PIPELINE = ROOT / ".gitlab-ci.yml"
COMPOSE = ROOT / "docker" / "compose.yml"
PASTED = sorted(EXAMPLES.glob("*.yml"))
SHIPPED = [*PASTED, PIPELINE, COMPOSE]
TEXTS = [*SHIPPED, ROOT / "docker" / "MODEL_SERVER.md", ROOT / "docker" / "Dockerfile"]

COMMANDS = {"review", "preview", "publish", "stand-in"}
FLAGS_WITH_A_VALUE = {
    *("--diff", "--repo", "--base", "--head", "--project", "--merge-request", "--output", "--model", "--api-url"),
    *("--language", "--max-lines", "--max-tokens", "--max-requests", "--fail-on", "--port"),
}
FLAGS = {*FLAGS_WITH_A_VALUE, "--dry-run", "--json", "-v", "-q", "--version", "--help"}
SETTINGS = {
    *("IQUEST_API_URL", "IQUEST_MODEL", "IQUEST_API_KEY", "IQUEST_MAX_LINES", "IQUEST_MAX_TOKENS"),
    *("IQUEST_MAX_REQUESTS", "IQUEST_CONCURRENCY", "IQUEST_TEMPERATURE", "IQUEST_TOP_P", "IQUEST_MAX_OUTPUT_TOKENS"),
    *("IQUEST_TIMEOUT", "IQUEST_STRUCTURED_OUTPUT", "IQUEST_LANGUAGE", "IQUEST_PROMPTS_DIR", "IQUEST_MAX_FINDINGS"),
    "IQUEST_CONTEXT",
    "IQUEST_FAIL_ON",
}
# Not a setting: the field of the web form, handed to --merge-request.
FORM_FIELDS = {"IQUEST_MERGE_REQUEST"}

# What GitLab takes for a keyword of the file, so that no job can be called so.
KEYWORDS = {
    *("after_script", "before_script", "cache", "default", "image", "include", "services", "spec", "stages"),
    *("types", "variables", "workflow"),
}
MERGE_TRAINS_NEVER = {"if": '$CI_MERGE_REQUEST_EVENT_TYPE == "merge_train"', "when": "never"}
IN_A_MERGE_REQUEST = '$CI_PIPELINE_SOURCE == "merge_request_event"'


class GitLabLoader(yaml.SafeLoader):
    """Safe YAML that refuses a key written twice, and reads GitLab's !reference as the list it is."""


def _mapping(loader: GitLabLoader, node: yaml.MappingNode) -> dict[Any, Any]:
    keys = [key.value for key, _ in node.value]
    assert len(keys) == len(set(keys)), f"a key is written twice: {keys}"
    loader.flatten_mapping(node)
    return dict(loader.construct_pairs(node, deep=True))


def _reference(loader: GitLabLoader, node: yaml.SequenceNode) -> list[Any]:
    return list(loader.construct_sequence(node))


GitLabLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)
GitLabLoader.add_constructor("!reference", _reference)


def read(path: Path) -> dict[str, Any]:
    content = yaml.load(path.read_text("utf-8"), GitLabLoader)
    assert isinstance(content, dict)
    return content


def merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """GitLab's way with `include` and `extends`: mappings are merged, everything else is replaced."""
    both = dict(base)
    for key, value in over.items():
        below = both.get(key)
        both[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return both


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    content = read(path)
    for entry in content.get("include", []):
        content = merged(read(ROOT / entry["local"].removeprefix("/")), content)
    found = {}
    for name, job in content.items():
        if name not in KEYWORDS and not name.startswith("."):
            found[name] = merged(content[job["extends"]], job) if "extends" in job else job
    return found


REVIEW_JOBS = [
    (MERGE_REQUEST, "iquest-review"),
    (MANUAL, "iquest-review:manual"),
    (APPROVE, "iquest-review"),
    (PIPELINE, "iquest-review"),
]
PUBLISH = (APPROVE, "iquest-review:publish")
ALL_JOBS = [pytest.param(path, name, id=f"{path.name}-{name}") for path in [*PASTED, PIPELINE] for name in jobs(path)]


def command_lines(text: str) -> list[list[str]]:
    """Every `iquest-review ...` that is a command: at the start of a script line, or in backticks in a comment."""
    found = re.findall(r"(?m)^\s*- (iquest-review [^#\n]*)$", text) + re.findall(r"`(iquest-review [^`]*)`", text)
    return [shlex.split(line) for line in found]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_the_file_is_yaml_without_a_key_written_twice(path: Path) -> None:
    assert read(path)


def test_every_example_is_tested() -> None:
    assert sorted([MERGE_REQUEST, MANUAL, APPROVE]) == PASTED


@pytest.mark.parametrize(("path", "name"), ALL_JOBS)
def test_a_job_is_one_gitlab_can_run(path: Path, name: str) -> None:
    job = jobs(path)[name]
    stages = read(path).get("stages", ["build", "test", "deploy"])

    assert name not in KEYWORDS
    assert job["stage"] in stages
    assert job["script"]
    assert "only" not in job
    assert "except" not in job
    for need in job.get("needs", []):
        assert (need if isinstance(need, str) else need["job"]) in jobs(path)


@pytest.mark.parametrize(("path", "name"), REVIEW_JOBS)
def test_a_review_job_warns_when_the_model_or_gitlab_fails_and_fails_otherwise(path: Path, name: str) -> None:
    assert jobs(path)[name]["allow_failure"] == {"exit_codes": [3, 4]}


@pytest.mark.parametrize(("path", "name"), [*REVIEW_JOBS, PUBLISH])
def test_what_was_written_is_kept_whatever_happened(path: Path, name: str) -> None:
    artifacts = jobs(path)[name]["artifacts"]

    assert artifacts["when"] == "always"
    assert artifacts["paths"] == ["iquest-review/"]
    assert artifacts["expire_in"]


@pytest.mark.parametrize(("path", "name"), REVIEW_JOBS)
def test_reviews_share_one_queue_and_end_by_themselves(path: Path, name: str) -> None:
    job = jobs(path)[name]

    assert job["resource_group"] == "iquest-review"
    assert job["timeout"]


@pytest.mark.parametrize(("path", "name"), [*REVIEW_JOBS, PUBLISH])
def test_only_a_broken_runner_is_a_reason_to_run_the_job_again(path: Path, name: str) -> None:
    assert jobs(path)[name]["retry"] == {"max": 2, "when": ["runner_system_failure"]}


@pytest.mark.parametrize(("path", "name"), REVIEW_JOBS)
def test_a_review_job_starts_from_a_shallow_clone(path: Path, name: str) -> None:
    variables = jobs(path)[name]["variables"]

    assert variables["GIT_STRATEGY"] == "fetch"
    assert variables["GIT_DEPTH"] == "20"


@pytest.mark.parametrize(("path", "name"), [(MERGE_REQUEST, "iquest-review"), (APPROVE, "iquest-review")])
def test_a_newer_push_may_stop_the_automatic_review(path: Path, name: str) -> None:
    assert jobs(path)[name]["interruptible"] is True


@pytest.mark.parametrize(("path", "name"), [(MANUAL, "iquest-review:manual"), PUBLISH])
def test_nothing_stops_what_a_person_started(path: Path, name: str) -> None:
    assert jobs(path)[name]["interruptible"] is False


@pytest.mark.parametrize("path", [MERGE_REQUEST, APPROVE, PIPELINE], ids=lambda path: path.name)
def test_the_automatic_review_runs_in_merge_request_pipelines_alone_and_never_in_a_train(path: Path) -> None:
    assert jobs(path)["iquest-review"]["rules"] == [MERGE_TRAINS_NEVER, {"if": IN_A_MERGE_REQUEST}]


def test_the_manual_review_never_runs_beside_the_automatic_one() -> None:
    (rule,) = jobs(MANUAL)["iquest-review:manual"]["rules"]

    sources = re.fullmatch(r"\$IQUEST_MERGE_REQUEST && \$CI_PIPELINE_SOURCE =~ /\^\(([a-z|]+)\)\$/", rule["if"])
    assert sources
    assert sources[1].split("|") == ["web", "api", "schedule", "trigger"]


def test_the_web_form_asks_for_the_merge_request() -> None:
    field = read(MANUAL)["variables"]["IQUEST_MERGE_REQUEST"]

    assert field["value"] == ""
    assert "merge request" in field["description"]
    assert jobs(MANUAL)["iquest-review:manual"]["script"] == [
        'iquest-review review --project "$CI_PROJECT_ID" --merge-request "$IQUEST_MERGE_REQUEST"'
    ]


def test_the_pair_replaces_the_automatic_job_so_that_both_cannot_run() -> None:
    assert jobs(MERGE_REQUEST).keys() & jobs(APPROVE).keys() == {"iquest-review"}


def test_the_first_job_of_the_pair_posts_nothing_and_does_not_fail_over_a_finding() -> None:
    (line,) = jobs(APPROVE)["iquest-review"]["script"]

    assert line == "iquest-review review --dry-run --fail-on never"


def test_the_second_job_of_the_pair_waits_for_a_person_and_blocks_nothing() -> None:
    publish = jobs(APPROVE)["iquest-review:publish"]

    assert publish["script"] == ["iquest-review publish iquest-review/review.json"]
    assert publish["needs"] == [{"job": "iquest-review", "artifacts": True}]
    assert publish["rules"] == [
        MERGE_TRAINS_NEVER,
        {"if": IN_A_MERGE_REQUEST, "when": "manual", "allow_failure": True},
    ]
    assert publish["resource_group"] != "iquest-review"


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_command_line_uses_commands_and_flags_that_exist(path: Path) -> None:
    for words in command_lines(path.read_text("utf-8")):
        _, command, *rest = words
        assert command in COMMANDS, words
        assert {word for word in rest if word.startswith("-")} <= FLAGS, words
        for flag, value in pairwise([*rest, "-"]):
            if flag in FLAGS_WITH_A_VALUE:
                assert not value.startswith("-"), words


def test_the_command_lines_are_found() -> None:
    for path in PASTED:
        assert command_lines(path.read_text("utf-8")), path.name


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_every_setting_named_exists(path: Path) -> None:
    named = set(re.findall(r"\bIQUEST_[A-Z_]+", path.read_text("utf-8")))

    assert named <= SETTINGS | FORM_FIELDS


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_secret_is_written_down(path: Path) -> None:
    text = path.read_text("utf-8")

    assert not re.search(r"\b(gl[a-z]{2,5}-|hf_|sk-)[\w-]{8,}", text)
    # A variable that holds a secret gets its value from GitLab or from the shell, never from the file.
    for value in re.findall(r"(?m)^\s*\w*(?:TOKEN|KEY|PASSWORD|SECRET)\w*:[ \t]*(\S.*)$", text):
        assert value.startswith("$"), value


@pytest.mark.parametrize("path", PASTED, ids=lambda path: path.name)
def test_a_pasted_file_calls_gitlab_by_its_own_variable(path: Path) -> None:
    urls = re.findall(r"https?://[^\s\"']+", path.read_text("utf-8"))

    assert set(urls) == {"http://iquest-model:8000/v1"}


def test_the_curl_lines_name_the_instance_by_its_variable() -> None:
    text = MANUAL.read_text("utf-8")

    assert text.count("curl ") == text.count('"$CI_API_V4_URL/projects/$CI_PROJECT_ID/') == 2


@pytest.mark.parametrize("path", PASTED, ids=lambda path: path.name)
def test_the_image_is_the_one_of_this_version(path: Path) -> None:
    for job in jobs(path).values():
        assert job["image"] == "$REVIEW_IMAGE"
        assert job["variables"]["REVIEW_IMAGE"].endswith(f"/iquest-review:{__version__}")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: path.name)
def test_no_image_tag_moves(path: Path) -> None:
    text = path.read_text("utf-8")

    assert not re.search(r":latest\b|[-:]nightly\b", text)
    for line in re.findall(r"(?m)^\s*(?:image|name): (\S+)$", text):
        if "/" in line or line.startswith("python"):
            assert re.search(r":[\w.${}-]+", line), line


def test_a_push_starts_one_pipeline() -> None:
    assert read(PIPELINE)["workflow"]["rules"] == [
        {"if": IN_A_MERGE_REQUEST},
        {"if": '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH && $CI_OPEN_MERGE_REQUESTS', "when": "never"},
        {"if": "$CI_COMMIT_BRANCH"},
        {"if": "$CI_COMMIT_TAG"},
    ]


@pytest.mark.parametrize(
    ("job", "target"), [("ruff", "lint"), ("mypy", "types"), ("pytest", "pytest"), ("package", "package")]
)
def test_the_pipeline_runs_what_make_runs(job: str, target: str) -> None:
    assert jobs(PIPELINE)[job]["script"] == [f"make {target}"]
    assert re.search(rf"(?m)^{target}:", (ROOT / "Makefile").read_text("utf-8"))


def test_downloads_are_cached_for_as_long_as_pyproject_is_the_same() -> None:
    for name in ("ruff", "mypy", "pytest", "package", "iquest-review"):
        job = jobs(PIPELINE)[name]
        assert job["cache"]["key"]["files"] == ["pyproject.toml"]
        assert job["cache"]["paths"] == [".cache/pip"]
        assert job["variables"]["PIP_CACHE_DIR"] == "$CI_PROJECT_DIR/.cache/pip"


def test_the_tests_leave_a_junit_report() -> None:
    job = jobs(PIPELINE)["pytest"]

    assert job["artifacts"] == {"when": "always", "reports": {"junit": "junit.xml"}}
    assert job["variables"]["PYTEST_ADDOPTS"] == "--junitxml=junit.xml"


def test_the_image_is_built_without_a_privileged_runner_and_only_from_what_is_merged() -> None:
    job = jobs(PIPELINE)["docker-image"]

    assert job["image"]["name"].endswith("-rootless")
    assert job["image"]["entrypoint"] == [""]
    assert job["rules"] == [
        {"if": "$CI_REGISTRY_IMAGE && $CI_COMMIT_TAG"},
        {"if": '$CI_REGISTRY_IMAGE && $CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'},
    ]


def test_our_own_merge_requests_are_reviewed_by_the_package_just_built() -> None:
    job = jobs(PIPELINE)["iquest-review"]

    assert job["needs"] == ["package"]
    [command] = job["script"]
    assert "then iquest-review review; else iquest-review review --dry-run; fi" in command
    assert "dist/*.whl" in " ".join(job["before_script"])
    assert jobs(PIPELINE)["package"]["artifacts"]["paths"] == ["dist/"]


SERVERS = {
    "7b": "7B-Instruct",
    "14b": "14B-Instruct",
    "40b": "40B-Instruct",
    "40b-loop": "40B-Loop-Instruct",
    "40b-thinking": "40B-Thinking",
}


def server(name: str) -> dict[str, Any]:
    service = read(COMPOSE)["services"][name]
    assert isinstance(service, dict)
    return service


@pytest.mark.parametrize(("name", "variant"), SERVERS.items())
def test_a_profile_serves_its_variant_under_a_name_that_says_iquest_coder(name: str, variant: str) -> None:
    model, *flags = server(name)["command"]

    assert server(name)["profiles"] == [name]
    assert model == f"IQuestLab/IQuest-Coder-V1-{variant}"
    assert f"--served-model-name=IQuest-Coder-V1-{variant}" in flags


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_gets_the_flags_that_reviews_need(name: str) -> None:
    flags = dict(flag.removeprefix("--").partition("=")[::2] for flag in server(name)["command"][1:])

    assert flags["structured-outputs-config"] == '{"backend":"xgrammar","disable_any_whitespace":true}'
    assert flags["tensor-parallel-size"] == ("1" if name in {"7b", "14b"} else "${GPUS:-4}")
    assert flags["max-model-len"].startswith("${MAX_MODEL_LEN:-")
    assert flags["max-num-seqs"].startswith("${MAX_NUM_SEQS:-")
    assert "enable-prefix-caching" in flags
    assert flags.get("reasoning-parser") == ("qwen3" if name == "40b-thinking" else None)
    assert "trust-remote-code" not in flags


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_has_the_gpus_it_splits_the_model_over(name: str) -> None:
    (device,) = server(name)["deploy"]["resources"]["reservations"]["devices"]

    assert device["driver"] == "nvidia"
    assert device["capabilities"] == ["gpu"]
    assert f"--tensor-parallel-size={device['count']}" in server(name)["command"]


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_cannot_be_reached_from_outside_nor_call_out(name: str) -> None:
    service = server(name)

    assert service["networks"] == {"model": {"aliases": ["iquest-model"]}}
    assert read(COMPOSE)["networks"]["model"]["internal"] is True
    assert "ports" not in service
    assert service["environment"]["HF_HUB_OFFLINE"] == "1"
    assert service["environment"]["VLLM_API_KEY"].startswith("${MODEL_API_KEY:?")


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_says_when_it_is_ready_and_keeps_its_weights(name: str) -> None:
    service = server(name)

    assert "/health" in service["healthcheck"]["test"][-1]
    assert service["volumes"] == ["hf-cache:/root/.cache/huggingface"]
    assert service["shm_size"]


def test_the_way_in_listens_on_this_machine_unless_told_otherwise() -> None:
    assert server("way-in")["ports"] == ["${MODEL_ADDRESS:-127.0.0.1}:8000:8000"]


def test_vllm_is_new_enough_to_know_the_architecture() -> None:
    for name in [*SERVERS, "download"]:
        tag = re.fullmatch(r"vllm/vllm-openai:\$\{VLLM_TAG:-v(\d+)\.(\d+)\.\d+\}", server(name)["image"])
        assert tag
        assert (int(tag[1]), int(tag[2])) >= (0, 14)


def test_the_page_beside_compose_lists_every_profile_and_variable() -> None:
    page = (ROOT / "docker" / "MODEL_SERVER.md").read_text("utf-8")

    for name, variant in SERVERS.items():
        assert f"| `{name}` | `{variant}` |" in page
    for variable in set(re.findall(r"\$\{([A-Z_]+)[:}]", COMPOSE.read_text("utf-8"))) - {"HF_TOKEN"}:
        assert f"| `{variable}` |" in page
