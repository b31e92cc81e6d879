"""What the package may load and call at all, and that SECURITY.md names tests that are there."""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.test_layers import ADAPTERS, SOURCE

ROOT = Path(__file__).parents[1]
# What speaks to a network, with the modules of the standard library that do; every other client is refused.
CLIENTS = frozenset({"requests", "urllib3", "gitlab", "git", "ssl", "http"})
LIBRARIES = CLIENTS | set(
    "chardetng_py comrak jinja2 json_repair pydantic pydantic_core rich tenacity tree_sitter yaml".split()
)
OTHER_CLIENTS = frozenset(
    "ftplib imaplib nntplib poplib smtplib socket socketserver telnetlib webbrowser urllib.request xmlrpc".split()
)
RUNS_DATA = frozenset({"code", "ctypes", "dbm", "marshal", "pickle", "runpy", "shelve", "subprocess"})
RUNS_TEXT = frozenset({"__import__", "compile", "eval", "exec"})  # as plain names: re.compile is another one
SHELLS = frozenset("execv execve execvp popen posix_spawn spawnl spawnv system".split())
UNVERIFIED = frozenset({"CERT_NONE", "_create_unverified_context", "disable_warnings"})
YAML = frozenset({"BaseLoader", "MappingNode", "MarkedYAMLError", "ScalarNode", "YAMLError"})
LOADS = frozenset({"compose", "load", "parse"})  # with that loader
LOADED_BY_NAME = {"code/grammars.py", "llm/repair.py"}  # of names that stand in the module itself
MODULES = sorted(path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py"))


@cache
def tree(module: str) -> ast.Module:
    return ast.parse((SOURCE / module).read_text("utf-8"))


def imported(code: ast.AST) -> set[str]:
    """The modules that are imported, each with those it is in and the names taken out of it."""
    names: set[str] = set()
    for node in ast.walk(code):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 2)}


def offences(code: ast.AST) -> Iterator[str]:
    """What no code of ours does, where some does it."""
    yield from sorted(imported(code) & (RUNS_DATA | OTHER_CLIENTS | {"yaml.load", "http.client"}))
    for node in ast.walk(code):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in RUNS_TEXT:
                yield name
            case ast.Attribute(value=ast.Name(id="os"), attr=name) if name in SHELLS:
                yield name
            case ast.Attribute(attr=name) if name in UNVERIFIED:
                yield name
            case ast.Attribute(value=ast.Name(id="yaml"), attr=name) if name not in YAML | LOADS:
                yield f"yaml.{name}"
            case ast.Call(func=ast.Attribute(value=ast.Name(id="yaml"), attr=name), keywords=keywords) if name in LOADS:
                if [ast.unparse(keyword) for keyword in keywords] != ["Loader=yaml.BaseLoader"]:
                    yield f"yaml.{name}"
            case ast.keyword(arg="shell"):
                yield "shell"
            case ast.keyword(arg="verify" | "ssl_verify" | "check_hostname" as name, value=ast.Constant(value=False)):
                yield name
            case ast.Assign(targets=[ast.Attribute(attr=name)], value=ast.Constant(value=False)):
                if name in ("verify", "ssl_verify", "check_hostname"):
                    yield name


def test_nothing_runs_text_or_data_as_code_starts_a_shell_or_trusts_any_server() -> None:
    assert [(module, found) for module in MODULES for found in offences(tree(module))] == []


@pytest.mark.parametrize(
    ("code", "found"),
    [
        *(("eval(a)", "eval"), ("exec(a)", "exec"), ("__import__(a)", "__import__"), ("import pickle", "pickle")),
        *(("from pickle import loads", "pickle"), ("import os\nos.system(a)", "system"), ("run(a, shell=b)", "shell")),
        *(("yaml.load(a)", "yaml.load"), ("yaml.load(a, Loader=yaml.Loader)", "yaml.load")),
        *(("yaml.load(a, yaml.BaseLoader)", "yaml.load"), ("yaml.unsafe_load(a)", "yaml.unsafe_load")),
        *(
            ("yaml.compose(a)", "yaml.compose"),
            ("from yaml import load", "yaml.load"),
            ("get(a, verify=False)", "verify"),
            ("a.verify = False", "verify"),
        ),
        *(("a.ssl_verify = False", "ssl_verify"), ("ssl.CERT_NONE", "CERT_NONE"), ("import socket", "socket")),
        *(("from urllib import request", "urllib.request"), ("from http import client", "http.client")),
        *(("import subprocess as s", "subprocess"), ("import xmlrpc.client", "xmlrpc")),
    ],
)
def test_each_of_these_would_be_found(code: str, found: str) -> None:
    assert found in list(offences(ast.parse(code)))


def test_what_is_allowed_is_no_offence() -> None:
    code = "import urllib.parse\nre.compile(a)\nyaml.load(a, Loader=yaml.BaseLoader)\nget(verify=True)\na.system()"

    assert list(offences(ast.parse(code))) == []


def test_no_library_is_loaded_but_those_that_are_known() -> None:
    loaded = {name for module in MODULES for name in imported(tree(module)) if "." not in name}

    assert loaded - set(sys.stdlib_module_names) - {"iquest_review"} <= LIBRARIES


def test_only_adapters_load_what_speaks_to_a_network() -> None:
    speaking = {module for module in MODULES if imported(tree(module)) & CLIENTS}

    assert speaking
    assert speaking <= ADAPTERS


def test_no_module_is_loaded_by_a_name_from_elsewhere() -> None:
    by_name = {module for module in MODULES if "import_module" in {name[10:] for name in imported(tree(module))}}

    assert by_name <= LOADED_BY_NAME


def test_the_tests_that_security_md_names_are_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", (ROOT / "SECURITY.md").read_text("utf-8"))
    missing = [
        f"{path}::{name}"
        for path, name in named
        if not (ROOT / path).is_file() or f"def {name}(" not in (ROOT / path).read_text("utf-8")
    ]

    assert len(named) > 10
    assert missing == []
    assert [name for _, name in named if not name] == []


def test_every_promise_of_security_md_names_the_tests_that_hold_it() -> None:
    promises = re.findall(r"(?ms)^(\d)\. (.*?)(?=^\d\. |^## |\Z)", (ROOT / "SECURITY.md").read_text("utf-8"))

    assert [number for number, _ in promises] == list("123456")
    assert [number for number, text in promises if "`tests/" not in text] == []
