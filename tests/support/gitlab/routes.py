"""What every endpoint of the double shares: its route, its caller, its parameters, its refusals, its pages.

Sources: GitLab's lib/api/api.rb, api_guard.rb, helpers.rb and lib/gitlab/pagination/offset_header_builder.rb.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from tests.support.gitlab.http import Refused, Request, Response
from tests.support.gitlab.state import EXTERNAL_URL, ROLES, Instance, Json, MergeRequest, Project, Token, User

INSUFFICIENT_SCOPE = "The request requires higher privileges than provided by the access token."
MAXIMUM_INTEGER = 2**31 - 1


@dataclass
class Call:
    """One request on its way through an endpoint."""

    instance: Instance
    request: Request
    token: Token
    arguments: dict[str, str]
    params: Json

    @property
    def user(self) -> User:
        return self.token.user

    def project(self) -> Project:
        """By number or by path. No access reads the same as no project: GitLab tells nobody what exists."""
        wanted = self.arguments["id"]
        for project in self.instance.projects.values():
            if self.user.may_read(project):
                if wanted in (str(project.id), project.path):
                    return project
                if wanted in project.old_paths:
                    raise Refused(self._moved(project))
        raise Refused(message("404 Project Not Found", 404))

    def _moved(self, project: Project) -> Response:
        if self.request.method != "GET":
            return message("405 Non GET methods are not allowed for moved projects", 405)
        old = f"/projects/{quote(self.arguments['id'], safe='')}"
        host = self.request.headers.get("host", "")
        path = self.request.path.replace(old, f"/projects/{project.id}")
        return Response(301, b"", {"Location": f"http://{host}{path}"})

    def merge_request(self) -> MergeRequest:
        project = self.project()
        iid = integer(self.arguments["iid"], "merge_request_iid")
        if not self.user.may_read(project, "reporter") or iid not in project.merge_requests:
            raise Refused(message("404 Not found", 404))
        return project.merge_requests[iid]

    def number(self, name: str) -> int:
        return integer(self.arguments[name], name)

    def required_text(self, name: str) -> str:
        value = self.params.get(name)
        if value is None:
            raise Refused(invalid(f"{name} is missing"))
        return str(value)

    def flag(self, name: str) -> bool | None:
        value = self.params.get(name)
        if value is None:
            return None
        if str(value).lower() not in ("true", "false", "1", "0"):
            raise Refused(invalid(f"{name} is invalid"))
        return str(value).lower() in ("true", "1")

    def may(self, role: str, merge_request: MergeRequest) -> bool:
        return self.user.level(merge_request.project) >= ROLES[role]


Endpoint = Callable[[Call], Response]
Register = Callable[[Endpoint], Endpoint]
NO_SCOPES: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Route:
    method: str
    pattern: re.Pattern[str]
    endpoint: Endpoint
    job_token: bool
    scopes: frozenset[str]


ROUTES: list[Route] = []
MERGE_REQUEST = "/projects/:id/merge_requests/:iid"


def route(method: str, path: str, *, job_token: bool = False, scopes: frozenset[str] = NO_SCOPES) -> Register:
    """Registers an endpoint. Job tokens open few of them, and only to read."""
    pattern = re.compile(re.sub(r":(\w+)", r"(?P<\1>[^/]+)", path))

    def register(endpoint: Endpoint) -> Endpoint:
        ROUTES.append(Route(method, pattern, endpoint, job_token, scopes))
        return endpoint

    return register


def dispatch(instance: Instance, request: Request) -> Response:
    """Find the route, let the caller in, read the parameters, run the endpoint."""
    path = request.path.removeprefix("/api/v4")
    found = [(r, match) for r in ROUTES if (match := r.pattern.fullmatch(path)) and r.method == request.method]
    if not found or ("/draft_notes" in path and not instance.draft_notes):
        raise Refused(Response.of({"error": "404 Not Found"}, 404))
    chosen, match = found[0]
    token = authenticate(instance, request, chosen)
    arguments = {name: unquote(value) for name, value in match.groupdict().items()}
    return chosen.endpoint(Call(instance, request, token, arguments, _params(request)))


def authenticate(instance: Instance, request: Request, chosen: Route) -> Token:
    token = _sent_token(instance, request)
    if token is None or (token.kind == "job" and not chosen.job_token):
        raise Refused(message("401 Unauthorized", 401))
    if token.refused_because:
        error = {"error": "invalid_token", "error_description": token.refused_because}
        raise Refused(Response.of(error, 401))
    _limit_requests(instance, token)
    reads = frozenset({"read_api"}) if request.method in ("GET", "HEAD") else frozenset()
    if token.kind != "job" and not token.scopes & ({"api"} | reads | chosen.scopes):
        error = {"error": "insufficient_scope", "error_description": INSUFFICIENT_SCOPE, "scope": "api"}
        raise Refused(Response.of(error, 403))
    return token


def _sent_token(instance: Instance, request: Request) -> Token | None:
    headers = request.headers
    if "job-token" in headers:
        token = instance.tokens.get(headers["job-token"])
        return token if token and token.kind == "job" else None
    secret = headers.get("private-token") or headers.get("authorization", "").removeprefix("Bearer ")
    token = instance.tokens.get(secret)
    return token if token and token.kind == "access" else None


def _limit_requests(instance: Instance, token: Token) -> None:
    """Rack::Attack: a plain-text answer, and the only one with RateLimit headers."""
    limit, user = instance.limits.requests_per_period, token.user.id
    instance.request_counts[user] = instance.request_counts.get(user, 0) + 1
    if limit is None or instance.request_counts[user] <= limit:
        return
    period = str(instance.limits.period_seconds)
    headers = {
        "RateLimit-Limit": str(limit),
        "RateLimit-Name": "throttle_authenticated_api",
        "RateLimit-Remaining": "0",
        "RateLimit-Observed": str(instance.request_counts[user]),
        "RateLimit-Reset": "1893456000",
        "RateLimit-ResetTime": "Tue, 01 Jan 2030 00:00:00 GMT",
        "Retry-After": period,
    }
    raise Refused(Response.text("Retry later\n", 429, headers))


# --- parameters -----------------------------------------------------------------------------------------------------


def _params(request: Request) -> Json:
    try:
        text = request.body.decode()
        if "\0" in text or "\0" in unquote(request.path + request.query_string, errors="strict"):
            raise Refused(Response.text("Bad Request", 400))
    except UnicodeDecodeError as error:
        raise Refused(Response.text("Bad Request", 400)) from error
    params: Json = {}
    for name, value in parse_qsl(request.query_string, keep_blank_values=True):
        _nest(params, name, value)
    if request.headers.get("content-type", "").startswith("application/json"):
        params.update(_json_params(text))
    else:
        for name, value in parse_qsl(text, keep_blank_values=True):
            _nest(params, name, value)
    return params


def _json_params(text: str) -> Json:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refused(invalid("message body does not match declared format")) from error
    # An escaped NUL is as malformed as the byte itself, and a lone surrogate is no UTF-8.
    if not isinstance(value, dict) or any(re.search("[\0\ud800-\udfff]", text) for text in _texts(value)):
        raise Refused(Response.text("Bad Request", 400))
    return value


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for pair in value.items() for part in pair for text in _texts(part)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


def _nest(params: Json, name: str, value: str) -> None:
    """position[line_range][start][type]=new, as Rack reads forms."""
    keys = re.findall(r"[^\[\]]+", name)
    for key in keys[:-1]:
        inner = params.setdefault(key, {})
        params = inner if isinstance(inner, dict) else {}
    if keys:
        params[keys[-1]] = value


def integer(value: Any, name: str) -> int:
    """Grape coerces text to integers, and refuses what is none."""
    if isinstance(value, bool) or not re.fullmatch(r"[+-]?\d+", str(value)) or abs(int(value)) > MAXIMUM_INTEGER:
        raise Refused(invalid(f"{name} is invalid"))
    return int(value)


# --- answers --------------------------------------------------------------------------------------------------------


def message(text: Any, status: int) -> Response:
    return Response.of({"message": text}, status)


def invalid(text: str) -> Response:
    """What Grape says of a parameter: the key is `error`, not `message`."""
    return Response.of({"error": text}, 400)


def bad_request(text: str) -> Response:
    return message(f"400 Bad request - {text}", 400)


def ruby_hash(errors: dict[str, list[str]], ruby: str) -> str:
    """A hash as Ruby inspects it: the style changed with Ruby 3.4."""
    pairs = [(name, "[" + ", ".join(f'"{text}"' for text in texts) + "]") for name, texts in errors.items()]
    old = ruby.startswith(("2.", "3.0", "3.1", "3.2", "3.3"))
    return "{" + ", ".join(f":{name}=>{texts}" if old else f"{name}: {texts}" for name, texts in pairs) + "}"


def paginate(call: Call, rows: Sequence[Json | None], maximum: int = 100) -> Response:
    """Offset pages. None is a row the caller may not read: counted, not shown, so that a page may be short.

    The Link header names the host the administrator configured, not the one that was called.
    """
    page = max(1, integer(call.params.get("page", 1), "page"))
    per_page = min(maximum, max(0, integer(call.params.get("per_page", 20), "per_page")))
    if per_page == 0:
        raise Refused(invalid("per_page has a value not allowed"))
    last = max(1, -(-len(rows) // per_page))
    shown = [row for row in rows[(page - 1) * per_page : page * per_page] if row is not None]
    pages = {
        "prev": page - 1 if page > 1 else None,
        "next": page + 1 if page < last else None,
        "first": 1,
        "last": last,
    }
    headers = {
        "X-Page": str(page),
        "X-Per-Page": str(per_page),
        "X-Next-Page": str(pages["next"] or ""),
        "X-Prev-Page": str(pages["prev"] or ""),
    }
    if len(rows) > call.instance.limits.rows_with_total:
        del pages["last"]
    else:
        headers |= {"X-Total": str(len(rows)), "X-Total-Pages": str(last)}
    links = [f'<{_page_url(call, n, per_page)}>; rel="{rel}"' for rel, n in pages.items() if n]
    return Response.of(shown, headers={**headers, "Link": ", ".join(links)})


def _page_url(call: Call, page: int, per_page: int) -> str:
    kept = {name: value for name, value in call.request.query.items() if name not in ("page", "per_page")}
    query = "&".join(f"{k}={quote(str(v))}" for k, v in {**kept, "page": page, "per_page": per_page}.items())
    return f"{EXTERNAL_URL}{call.request.path}?{query}"
