"""git over HTTP for the double: the real `git http-backend` behind GitLab's door.

Source: GitLab's app/controllers/repositories/git_http_client_controller.rb.
"""

import base64
import binascii
import os
import re
import subprocess

from tests.support.gitlab.http import Refused, Request, Response
from tests.support.gitlab.repository import SETTINGS
from tests.support.gitlab.state import Instance, Project, Token

SERVICE = re.compile(r"/(?P<path>.+)\.git(?P<service>/info/refs|/git-upload-pack|/git-receive-pack)")
CONFIG = {"uploadpack.allowAnySHA1InWant": "true", "safe.directory": "*"}
SCOPES = frozenset({"api", "read_repository", "write_repository"})
DENIED = "HTTP Basic: Access denied. If a password was provided for Git authentication, the password was incorrect.\n"


def serves(request: Request) -> bool:
    return SERVICE.fullmatch(request.path) is not None


def serve(instance: Instance, request: Request) -> Response:
    """Fetches with a known token; refuses pushes, which no reviewer has any business with."""
    token = _authenticated(instance, request)
    match = SERVICE.fullmatch(request.path)
    project = _project(instance, token, match["path"] if match else "")
    if match is None or project is None or project.repository is None:
        return Response.text("The project you were looking for could not be found or you don't have permission.\n", 404)
    if "git-receive-pack" in request.path + request.query_string:
        return Response.text("You are not allowed to push code to this project.\n", 403)
    return _backend(project.repository.directory().as_posix() + match["service"], request)


def _authenticated(instance: Instance, request: Request) -> Token:
    scheme, _, encoded = request.headers.get("authorization", "").partition(" ")
    try:
        secret = base64.b64decode(encoded, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        secret = ""
    token = instance.tokens.get(secret) if scheme.lower() == "basic" else None
    if token is None or token.refused_because or not (token.kind == "job" or token.scopes & SCOPES):
        raise Refused(Response.text(DENIED, 401, {"WWW-Authenticate": 'Basic realm="GitLab"'}))
    return token


def _project(instance: Instance, token: Token, path: str) -> Project | None:
    for project in instance.projects.values():
        if project.path == path and token.user.may_read(project, "reporter"):
            return project
    return None


def _backend(target: str, request: Request) -> Response:
    environment = {
        "PATH": os.environ["PATH"],
        **SETTINGS,
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_TRANSLATED": target,
        "REQUEST_METHOD": request.method,
        "QUERY_STRING": request.query_string,
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "HTTP_CONTENT_ENCODING": request.headers.get("content-encoding", ""),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "GIT_CONFIG_COUNT": str(len(CONFIG)),
    }
    for number, (name, value) in enumerate(CONFIG.items()):
        environment |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    ran = subprocess.run(["git", "http-backend"], env=environment, input=request.body, capture_output=True, check=False)
    if b"\r\n\r\n" not in ran.stdout:
        return Response.text(ran.stderr, 500)
    head, _, body = ran.stdout.partition(b"\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
    status = headers.pop("Status", "200 OK")
    return Response(int(status.split(" ")[0]), body, headers)
