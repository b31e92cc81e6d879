"""Only the adapters touch the world. That imports run downwards is a contract of .importlinter."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src/iquest_review"
WORLD = {"requests", "urllib3", "gitlab", "git", "socket", "http", "subprocess", "urllib.request", "tempfile", "os"}
ADAPTERS = {
    "app/signals.py",
    "app/source.py",
    "app/wiring.py",
    "cli/command.py",
    "cli/output.py",
    "cli/start.py",
    "code/child.py",
    "git/command.py",
    "git/repository.py",
    "gitlab/client.py",
    "gitlab/transport.py",
    "llm/client.py",
    "net/session.py",
    "net/time_limit.py",
    "net/tls.py",
    "reports/review_file.py",
    "stand_in/server.py",
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


@pytest.mark.parametrize("module", [module for module in MODULES if module not in ADAPTERS])
def test_only_adapters_touch_the_world(module: str) -> None:
    touched = {name for name in imports(module) for world in WORLD if name == world or name.startswith(world + ".")}

    assert touched == set()


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("cli/")])
def test_nothing_but_the_command_line_reads_the_environment(module: str) -> None:
    attributes = {node.attr for node in nodes(module) if isinstance(node, ast.Attribute)}

    assert attributes.isdisjoint({"environ", "getenv"})


@pytest.mark.parametrize("module", [module for module in MODULES if not module.startswith("cli/")])
def test_no_handler_catches_everything(module: str) -> None:
    caught = [node for node in nodes(module) if isinstance(node, ast.ExceptHandler)]
    broad = [
        node.lineno
        for node in caught
        if node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
    ]

    assert broad == []
