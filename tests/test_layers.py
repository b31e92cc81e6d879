"""The house stands: imports run downwards, and only the adapters touch the world."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src/iquest_review"
PACKAGE = "iquest_review"
# From the ground up. What stands on one floor may import from its own and from every lower one.
FLOORS = (
    *("errors", "patience", "change", "tls", "prompt", "model", "merge_request", "reports"),
    *("progress", "settings", "steering", "pipeline", "inquiry", "task", "conclusion", "later_push", "review"),
    *("job", "job_secrets", "background", "source", "wiring", "interruption", "cli"),
)
WORLD = {"requests", "urllib3", "gitlab", "git", "socket", "http", "subprocess", "urllib.request", "tempfile", "os"}
ADAPTERS = {
    "git/command.py",
    "code/outline_worker.py",
    "git/repository.py",
    "llm/client.py",
    "net/time_limit.py",
    "net/session.py",
    "stand_in/server.py",
    "gitlab/transport.py",
    "gitlab/client.py",
    "reports/review_file.py",
    "app/signals.py",
    "app/source.py",
    "net/tls.py",
    "app/wiring.py",
    "cli.py",
}
MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if path.name != "__init__.py")


def imports(module: str) -> Iterator[str]:
    for node in nodes(module):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def nodes(module: str) -> Iterator[ast.AST]:
    return ast.walk(ast.parse((SOURCE / module).read_text()))


def floor(module: str) -> int:
    return FLOORS.index(module.removesuffix(".py").split("/")[0])


@pytest.mark.parametrize("module", MODULES)
def test_imports_run_downwards(module: str) -> None:
    own = [name.split(".")[1] for name in imports(module) if name.startswith(PACKAGE + ".")]
    upstairs = [name for name in own if name in FLOORS and FLOORS.index(name) > floor(module)]

    assert upstairs == []


@pytest.mark.parametrize("module", [module for module in MODULES if module not in ADAPTERS])
def test_only_adapters_touch_the_world(module: str) -> None:
    touched = {name for name in imports(module) for world in WORLD if name == world or name.startswith(world + ".")}

    assert touched == set()


@pytest.mark.parametrize("module", [module for module in MODULES if module != "cli.py"])
def test_nothing_but_the_command_line_reads_the_environment(module: str) -> None:
    attributes = {node.attr for node in nodes(module) if isinstance(node, ast.Attribute)}

    assert attributes.isdisjoint({"environ", "getenv"})


@pytest.mark.parametrize("module", [module for module in MODULES if module != "cli.py"])
def test_no_handler_catches_everything(module: str) -> None:
    caught = [node for node in nodes(module) if isinstance(node, ast.ExceptHandler)]
    broad = [
        node.lineno
        for node in caught
        if node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
    ]

    assert broad == []


def test_every_module_has_a_place() -> None:
    assert {module.removesuffix(".py").split("/")[0] for module in MODULES} <= set(FLOORS)
