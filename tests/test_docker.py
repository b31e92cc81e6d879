"""The image runs what pyproject.toml asks for, pinned, and is built from everything the wheel needs."""

import re
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
DOCKER = ROOT / "docker"
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
DOCKERFILE = (DOCKER / "Dockerfile").read_text("utf-8")
# A line continued with a backslash is one instruction; a comment is none.
INSTRUCTIONS = [
    line
    for line in re.sub(r"\\\n", " ", re.sub(r"(?m)^\s*#.*\n", "", DOCKERFILE)).splitlines()
    if line and not line.isspace()
]
FINAL_STAGE = INSTRUCTIONS[[n for n, line in enumerate(INSTRUCTIONS) if line.startswith("FROM ")][-1] :]
LOCKS = ["requirements.lock", "build.lock"]


def locked(name: str) -> dict[str, tuple[Version, list[str]]]:
    """Package -> its version and hashes. Any line that is not a comment must be a pin or one of its hashes."""
    pins: dict[str, tuple[Version, list[str]]] = {}
    hashes: list[str] = []
    for raw in (DOCKER / name).read_text("utf-8").splitlines():
        line = raw.strip().removesuffix("\\").strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("--hash="):
            hashes.append(line.removeprefix("--hash="))
            continue
        requirement = Requirement(line)
        (pin,) = requirement.specifier
        assert pin.operator == "==", line
        assert requirement.marker is None, line
        hashes = []
        pins[canonicalize_name(requirement.name)] = (Version(pin.version), hashes)
    return pins


def copied_from_the_context() -> list[str]:
    sources: list[str] = []
    for line in INSTRUCTIONS:
        words = line.split()
        if words[0] == "COPY" and not words[1].startswith("--"):
            sources += words[1:-1]
    return sources


def what_the_wheel_needs() -> list[str]:
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    return [
        "pyproject.toml",
        PROJECT["project"]["readme"],
        *PROJECT["project"]["license-files"],
        PROJECT["tool"]["hatch"]["version"]["path"],
        *wheel["packages"],
        *wheel.get("force-include", {}),
    ]


@pytest.mark.parametrize(
    ("lock", "requirement"),
    [("requirements.lock", text) for text in PROJECT["project"]["dependencies"]]
    + [("build.lock", text) for text in PROJECT["build-system"]["requires"]],
)
def test_what_pyproject_asks_for_is_locked_at_a_version_it_allows(lock: str, requirement: str) -> None:
    wanted = Requirement(requirement)

    version, _ = locked(lock)[canonicalize_name(wanted.name)]

    assert wanted.specifier.contains(version), f"{lock} has {version}: refresh it, its first lines say how"


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_carries_hashes(lock: str) -> None:
    pins = locked(lock)

    assert pins
    for name, (_, hashes) in pins.items():
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", value) for value in hashes), name


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_names_no_host_and_no_folder(lock: str) -> None:
    text = (DOCKER / lock).read_text("utf-8")

    assert "://" not in text
    assert "index-url" not in text.replace("--no-emit-index-url", "")
    assert not re.search(r"(?<![\w.])/\w+/", text)


@pytest.mark.parametrize("needed", what_the_wheel_needs())
def test_the_dockerfile_copies_what_the_wheel_is_made_of(needed: str) -> None:
    assert any(needed == source or needed.startswith(f"{source}/") for source in copied_from_the_context())


@pytest.mark.parametrize("source", copied_from_the_context())
def test_what_the_dockerfile_copies_exists_and_is_not_ignored(source: str) -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"]

    ignored = False
    for rule in rules:  # the last rule that fits decides
        if fnmatch(source, rule.removeprefix("!")):
            ignored = not rule.startswith("!")

    assert (ROOT / source).exists()
    assert not ignored


def test_everything_that_is_not_copied_stays_out_of_the_build() -> None:
    rules = [line for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line and line[0] != "#"]

    assert rules[0] == "*"
    assert {rule[1:] for rule in rules if rule.startswith("!")} == set(copied_from_the_context())


def test_both_stages_start_from_one_pinned_python_the_package_supports() -> None:
    bases = {line.split()[1] for line in INSTRUCTIONS if line.startswith("FROM ")}

    (base,) = bases
    tag = re.fullmatch(r"python:(3\.\d+)-slim-bookworm\$\{PYTHON_DIGEST:\+@\$\{PYTHON_DIGEST\}\}", base)
    assert tag
    assert Requirement(f"python{PROJECT['project']['requires-python']}").specifier.contains(tag[1])
    assert f"/usr/local/lib/python{tag[1]}" in DOCKERFILE
    assert f"--python-version {tag[1]}" in (DOCKER / "requirements.lock").read_text("utf-8")


def test_every_installation_is_checked_by_hash_or_takes_no_index() -> None:
    installations = [
        part
        for line in INSTRUCTIONS
        for part in line.split("&&")
        if re.search(r"\bpip\b.* (install|wheel) ", part) and line.startswith("RUN ")
    ]

    assert len(installations) == 4
    for part in installations:
        assert "--no-deps" in part
        assert "--require-hashes" in part or "--no-index" in part


def test_the_image_runs_without_root_and_without_an_entrypoint() -> None:
    users = [line for line in FINAL_STAGE if line.startswith("USER ")]

    assert users == ["USER 10001:10001"]
    assert not any(line.startswith("ENTRYPOINT") for line in INSTRUCTIONS)
    assert not any("pip" in line for line in FINAL_STAGE[1:] if line.startswith("RUN "))


def test_the_command_of_the_image_is_the_one_the_wheel_installs() -> None:
    assert INSTRUCTIONS[-1] == 'CMD ["iquest-review", "--help"]'
    assert "iquest-review" in PROJECT["project"]["scripts"]
