"""What pip installs is whole: the command, and the templates with it."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(ROOT)], check=True, capture_output=True)
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_the_templates(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())

    for language in ("en", "zh"):
        for template in ("system.j2", "user.j2", "again.j2", "fixed.j2"):
            assert f"iquest_review/prompts/{language}/{template}" in names
    assert "iquest_review/py.typed" in names


def test_the_installed_wheel_reviews(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / "installed"
    install = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([*install, str(wheel)], check=True, capture_output=True)
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "PYTHONPATH": str(target)}
    example = ROOT / "examples/diffs/python.diff"

    finished = subprocess.run(
        [str(target / "bin/iquest-review"), "review", "--diff", str(example), "--api-url", "stand-in"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
    )

    assert finished.returncode == 0, finished.stderr
    assert "high" in finished.stdout
    where = [sys.executable, "-c", "import iquest_review; print(iquest_review.__file__)"]
    used = subprocess.run(where, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    assert used.startswith(str(target)), "the checkout itself was tested"
