"""Certificates for tests, made by openssl, and a server behind them."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import HTTPServer
from pathlib import Path
from typing import Any

import pytest


def self_signed(folder: Path, name: str = "localhost", *, password: str = "") -> Path:
    """A folder with cert.pem, a certificate for this host that signs itself, and key.pem, its key."""
    lock = ["-passout", f"pass:{password}"] if password else ["-nodes"]
    command = f"openssl req -x509 -newkey rsa:2048 -days 2 -subj /CN={name} -addext subjectAltName=DNS:{name}"
    try:
        subprocess.run(
            [*command.split(), *lock, "-keyout", "key.pem", "-out", "cert.pem"],
            cwd=folder,
            check=True,
            capture_output=True,
        )
    except FileNotFoundError:
        pytest.skip("no openssl to make a certificate with")
    return folder


@contextmanager
def behind_tls(server: HTTPServer, folder: Path, clients: Path | None = None) -> Iterator[int]:
    """The port of a server that runs behind the folder's certificate; with `clients`, only for who shows that one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients / "cert.pem")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class Patient(HTTPServer):
    """A client that does not like its certificate hangs up: no word of that."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Nothing."""
