"""What meets the job itself: a server that comes up late, a push, another job; and the list of all faults."""

import ast
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.faults import test_gitlab_faults, test_model_faults
from tests.faults.rows import ROWS
from tests.support.certificates import Patient, behind_tls, self_signed
from tests.support.fault_stage import LOST, Change, End, answer, ending, stage
from tests.support.gitlab.double import DiffRefs
from tests.support.model.double import ModelDouble
from tests.support.pipeline import IID, PROJECT, threads

TESTS = Path(__file__).parents[1]


# -- F01 to F04: a model server that cannot be reached


@contextmanager
def relay(here: socket.socket, port: int) -> Iterator[None]:
    """Takes connections at a port that was closed, and leads them to another one, until nobody listens there."""
    here.listen()

    def pump(source: socket.socket, target: socket.socket) -> None:
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)

    def lead() -> None:
        while True:
            try:
                client, _ = here.accept()
            except OSError:  # it is closed: the test is over
                return
            server = socket.create_connection(("127.0.0.1", port))
            back = threading.Thread(target=pump, args=(server, client), daemon=True)
            back.start()
            pump(client, server)
            back.join()
            client.close()
            server.close()

    leading = threading.Thread(target=lead)
    leading.start()
    try:
        yield
    finally:
        here.shutdown(socket.SHUT_RDWR)
        here.close()
        leading.join()


def test_f01_a_server_that_still_starts_is_waited_for(change: Change, tmp_path: Path) -> None:
    with ModelDouble(replies=[answer()]) as model, stage(change, tmp_path, model) as here, socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens yet: whoever comes is refused
        port = closed.getsockname()[1]
        with here.started(IQUEST_API_URL=f"http://127.0.0.1:{port}/v1", IQUEST_TIMEOUT="5") as process:
            assert process.stderr
            said = next(line for line in process.stderr if "trying again" in line)
            with relay(closed, int(model.url.rsplit(":", 1)[1].removesuffix("/v1"))):
                process.communicate(timeout=20)

        assert "cannot be reached: Connection refused" in said
        assert process.returncode == 0
        assert len(threads(here.gitlab)) == 1


def test_f02_a_host_without_an_address_is_named_without_its_key(change: Change, tmp_path: Path) -> None:
    with ModelDouble() as model, stage(change, tmp_path, model) as here:
        finished = here.review(IQUEST_API_URL="http://model.invalid:8000/v1", IQUEST_TIMEOUT="0.37")

        here.check(finished, ending(LOST, note="because model.invalid:8000 cannot be reached"))


class _Silent(BaseHTTPRequestHandler):
    """Nobody gets as far as to ask."""


def test_f03_a_certificate_nobody_vouches_for_is_refused_at_once(change: Change, tmp_path: Path) -> None:
    with (
        ModelDouble() as model,
        stage(change, tmp_path, model) as here,
        behind_tls(Patient(("127.0.0.1", 0), _Silent), self_signed(tmp_path)) as port,
    ):
        finished = here.review(IQUEST_API_URL=f"https://localhost:{port}/v1", IQUEST_TIMEOUT="5")

        here.check(finished, ending(LOST, note=f"localhost:{port}: the certificate is not accepted"))
        assert "trying again" not in finished.err


# -- F40, F59: others at the same time


def test_f40_a_push_during_the_review_leaves_what_was_reviewed_named(change: Change, tmp_path: Path) -> None:
    def pushed(_: object) -> str:
        here.gitlab.push(PROJECT, IID, DiffRefs(change.small.base, change.small.base, change.large.head))
        return answer()

    with ModelDouble(replies=[pushed]) as model, stage(change, tmp_path, model) as here:
        finished = here.review()

        here.check(finished, End())
        assert f"head `{change.small.head[:12]}`" in (here.note or "")
        [sent] = [
            one.json["position"] for one in here.gitlab.requests if one.path.endswith("/discussions") and one.body
        ]
        assert (sent["base_sha"], sent["head_sha"]) == (change.small.base, change.small.head)


def test_f59_two_jobs_at_once_leave_one_note_and_each_finding_once(change: Change, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=10)

    def together(_: object) -> str:
        both.wait()
        return answer()

    with ModelDouble(replies=[together]) as model, stage(change, tmp_path, model) as here:
        with here.started(IQUEST_TIMEOUT="15") as one, here.started(IQUEST_TIMEOUT="15") as other:
            ends = [process.communicate(timeout=20)[1] for process in (one, other)]
        assert (one.returncode, other.returncode) == (0, 0), ends

        assert len(threads(here.gitlab)) == 1
        assert here.note


# -- the list


CASES = [*(case.name for case in test_model_faults.CASES), *(case.name for case in test_gitlab_faults.CASES)]


def test_each_fault_of_the_list_is_named_once_and_has_a_test() -> None:
    assert [row.id for row in ROWS] == [f"F{number:02}" for number in range(1, 61)]
    assert not [row.id for row in ROWS if not row.tests and not any(name.startswith(f"{row.id}-") for name in CASES)]


def test_each_case_has_a_name_of_its_own_that_begins_with_its_row() -> None:
    assert len(set(CASES)) == len(CASES)
    assert {name.partition("-")[0] for name in CASES} <= {row.id for row in ROWS}


def test_each_test_that_is_named_exists() -> None:
    named = {tuple(test.split("::")) for row in ROWS for test in row.tests}
    there = {(path, name) for path in {path for path, _ in named} for name in functions(TESTS / path)}

    assert named - there == set()


def functions(path: Path) -> Iterator[str]:
    """The functions of a module."""
    tree = ast.parse(path.read_text())
    return (node.name for node in tree.body if isinstance(node, ast.FunctionDef))
