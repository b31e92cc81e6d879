"""Credentials that are known by their form: a public prefix, a length, an alphabet and, where there is one, a checksum.

Each format is looked for where one of its markers stands; a pattern is matched at the marker alone, never searched for,
so that the time is bounded by the text's length. What is written by hand as an example is no secret. What only its
place tells (a header, a URL) is looked for in the first 64 KiB of a line.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from iquest_review.redaction.heuristics import compile_pattern
from iquest_review.redaction.token_checks import (
    check_authorization,
    check_base62,
    check_basic,
    check_encoded_key,
    check_gitlab,
    check_jwt,
    check_openai,
    check_prefix,
    check_private_key,
    check_random,
    check_url_password,
)

# A word starts here: no letter or digit before it, or the end of an escape (\n, %20, \u0026, ESC[1m) that looks so.
_START = (
    rb"(?:(?<![0-9A-Za-z])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9a-f]{2})|(?<=\x1b\[[0-9]m)"
    rb"|(?<=\x1b\[[0-9]{2}m))"
)
_END = rb"(?![0-9A-Za-z])"
KEY_END = b"-----"  # of the first and last line of a key; no token goes over it, though a hyphen is in its alphabet
MAX_SCANNED_BYTES = 65_536  # bytes of a line; longer ones are data or made to keep the job busy


class Span(NamedTuple):
    """A secret in a line: bytes from `start` to `end`, what it is, and whether it certainly is one."""

    start: int
    end: int
    kind: str
    certain: bool


Check = Callable[[bytes], bool | None]  # whether it certainly is a secret; None: it is none
_BY_PLACE: frozenset[Check] = frozenset((check_random, check_authorization, check_basic, check_url_password))


class TokenFormat(NamedTuple):
    """One form of credential. The group `secret` of the pattern, or all of it, is what is secret."""

    kind: str
    markers: tuple[bytes, ...]  # in lower case, as they are looked for
    pattern: bytes
    check: Check
    source: str
    before: int = 0  # how much of the secret stands before the marker


def find_token_spans(text: bytes, low: bytes, markers: Iterable[bytes]) -> Iterator[Span]:
    """The secrets of known form in a line; `low` is the line in lower case, and `markers` are those it holds."""
    for marker in markers:
        for form in _FORMATS_BY_MARKER.get(marker, ()):
            yield from _match_at_marker(form, marker, text, low)


def _match_at_marker(form: TokenFormat, marker: bytes, text: bytes, low: bytes) -> Iterator[Span]:
    match_at, limit = compile_pattern(form.pattern).match, MAX_SCANNED_BYTES if form.check in _BY_PLACE else len(low)
    position = low.find(marker, 0, limit)
    while position >= 0:
        after = after_marker = position + len(marker)
        if match := match_at(text, position):
            start, after = match.span("secret") if "secret" in match.re.groupindex else match.span()
            key_end = text.find(KEY_END, max(start, after_marker), after)
            start, after = start - form.before, after if key_end < 0 else key_end
            if (certain := form.check(text[start:after])) is not None:
                yield Span(start, after, form.kind, certain)
        position = low.find(marker, after, limit)


_AZURE = "https://learn.microsoft.com/purview/sit-defn-all-creds"
_GITLAB_TAIL = rb"[\w-]{20,300}(?:(?:\.[0-9a-z]{2})?\.[0-9a-z]{9}" + _END + rb"|(?:\.[\w-]{20,4000}){1,2})?"


def _build_gitlab_format(*words: bytes) -> TokenFormat:
    prefixes = tuple(word + hyphen for word in words for hyphen in (b"-", b"%2d"))
    return TokenFormat(
        *("gitlab-token", prefixes, b"(?i:" + b"|".join(prefixes) + b")" + _GITLAB_TAIL, check_gitlab),
        "https://docs.gitlab.com/security/tokens/#token-prefixes; lib/authn/token_field/generator/routable_token.rb",
    )


FORMATS = (
    _build_gitlab_format(b"glpat", b"gloas", b"gldt", b"glrt", b"glrtr", b"glcbt", b"glptt", b"glft", b"glimt"),
    _build_gitlab_format(b"glagent", b"glwt", b"glsoat", b"glffct"),
    TokenFormat("gitlab-token", (b"gr1348941",), rb"GR1348941[\w-]{20,}", check_prefix, "runner registration tokens"),
    TokenFormat(
        *(
            "gitlab-token",
            (b"_gitlab_session=",),
            rb"(?i:_gitlab_session=)(?P<secret>[0-9a-f]{32})" + _END,
            check_prefix,
        ),
        "GitLab's session cookie",
    ),
    TokenFormat(
        "github-token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        rb"gh[pousr]_[0-9A-Za-z]{36,255}(?:_[\w-]{10,2000}(?:\.[\w-]{10,2000}){0,2})?",
        check_base62,
        "https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/",
    ),
    TokenFormat("github-token", (b"github_pat_",), rb"github_pat_[0-9A-Za-z_]{50,255}", check_prefix, "the same"),
    TokenFormat(
        "aws-key",
        (b"akia", b"asia", b"abia", b"acca"),
        _START + rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}" + _END,
        check_prefix,
        "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
    ),
    TokenFormat(
        "google-key", (b"aiza",), _START + rb"AIza[\w-]{35}(?![\w-])", check_prefix, "API keys of Google Cloud"
    ),
    TokenFormat("google-key", (b"gocspx-",), rb"GOCSPX-[\w-]{28,}", check_prefix, "OAuth client secrets of Google"),
    TokenFormat(
        "google-key", (b"ya29.",), _START + rb"ya29\.[\w-]{20,2000}", check_prefix, "access tokens of Google OAuth"
    ),
    TokenFormat(
        "azure-key",
        (b"accountkey=", b"sharedaccesskey=", b"sharedsecretvalue="),
        rb"(?i:accountkey|sharedaccesskey|sharedsecretvalue)=(?P<secret>[A-Za-z0-9+/%]{30,200}={0,2})",
        check_prefix,
        "https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string",
    ),
    TokenFormat(
        "azure-key", (b"sig=",), rb"(?<=[?&;])sig=(?P<secret>[A-Za-z0-9+/%]{40,100}={0,2})", check_prefix, _AZURE
    ),
    TokenFormat("azure-key", (b"q~",), rb"(?<=[\w~.-]{3}[0-9])Q~[\w~.-]{31,34}(?![\w~-])", check_prefix, _AZURE, 4),
    TokenFormat(
        "azure-key", (b"jqqj9",), rb"(?<=[A-Za-z0-9]{52})JQQJ9[A-Za-z0-9]{20,30}(?:==)?", check_prefix, _AZURE, 52
    ),
    TokenFormat("azure-key", (b"azdo",), rb"(?<=[A-Za-z0-9]{76})AZDO[A-Za-z0-9]{4}" + _END, check_prefix, _AZURE, 76),
    TokenFormat("azure-key", (b"+ast",), rb"(?<=[A-Za-z0-9+/]{76})\+ASt[A-Za-z0-9+/]{6}==", check_prefix, _AZURE, 76),
    TokenFormat(
        "slack-token", (b"xox",), rb"xox[a-z](?:\.xox[a-z])?-[0-9A-Za-z-]{10,300}", check_prefix, "api.slack.com"
    ),
    TokenFormat("slack-token", (b"xapp-",), rb"xapp-[0-9]-[0-9A-Za-z-]{20,300}", check_prefix, "api.slack.com"),
    TokenFormat(
        "slack-webhook",
        (b"hooks.slack.com/",),
        rb"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/]{30,100})",
        check_prefix,
        "https://api.slack.com/messaging/webhooks",
    ),
    TokenFormat(
        "stripe-key",
        (b"sk_live_", b"rk_live_", b"sk_test_", b"rk_test_", b"sk_prod_", b"rk_prod_"),
        _START + rb"[rs]k_(?:live|test|prod)_[0-9A-Za-z]{16,250}",
        check_prefix,
        "https://docs.stripe.com/keys",
    ),
    TokenFormat(
        "stripe-key", (b"whsec_",), _START + rb"whsec_[A-Za-z0-9+/]{24,100}={0,2}", check_prefix, "docs.stripe.com"
    ),
    TokenFormat("anthropic-key", (b"sk-ant-",), rb"sk-ant-[\w-]{20,300}", check_prefix, "https://docs.anthropic.com"),
    TokenFormat(
        "openai-key", (b"sk-",), _START + rb"sk-(?!ant-)[\w-]{20,400}", check_openai, "https://platform.openai.com/docs"
    ),
    TokenFormat(
        "huggingface-token", (b"hf_",), _START + rb"hf_[0-9A-Za-z]{30,60}" + _END, check_prefix, "huggingface.co/docs"
    ),
    TokenFormat(
        *("npm-token", (b"npm_",), _START + rb"npm_[0-9A-Za-z]{36}" + _END, check_base62),
        "https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/",
    ),
    TokenFormat("pypi-token", (b"pypi-ag",), rb"pypi-Ag[\w-]{40,2000}", check_prefix, "PyPI's manual: API, secrets"),
    TokenFormat(
        "jwt",
        (b"eyj",),
        rb"(?<![_-])" + _START + rb"eyJ[\w-]{8,4000}+\.eyJ[\w-]{8,20000}+\.[\w-]{10,4000}",
        check_jwt,
        "RFC 7519",
    ),
    TokenFormat(
        "private-key",
        (b"private key",),
        rb"(?<= )PRIVATE KEY(?: BLOCK)?-----(?P<secret>[A-Za-z0-9+/=\\ \t\r,:%]{32,20000})",
        check_private_key,
        "RFC 7468, on one line",
    ),
    TokenFormat(
        "private-key", (b"ls0tls1crudjti",), rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}={0,2}", check_encoded_key, "base64"
    ),
    TokenFormat(
        "url-password",
        (b"://",),
        rb"://(?P<secret>[^\s:@/?#\"'`<>\\(){}]{0,100}:[^\s@/\"'`<>\\]{4,300})@(?=[\w\[$%{])",
        check_url_password,
        "RFC 3986, 3.2.1",
    ),
    TokenFormat(
        "url-password", (b"://",), rb"://(?P<secret>[\w-]{20,200}):?@(?=[\w\[])", check_random, "RFC 3986, 3.2.1"
    ),
    TokenFormat(
        "authorization",
        (b"bearer",),
        rb"(?i:bearer)[ +]{1,4}(?P<secret>[\w.~+/-]{12,4000}={0,2})",
        check_random,
        "RFC 6750",
    ),
    TokenFormat(
        "authorization",
        (b"basic",),
        rb"(?i:basic)\ {1,4}(?P<secret>[A-Za-z0-9+/]{8,400}={0,2})",
        check_basic,
        "RFC 7617",
    ),
    TokenFormat(
        "authorization",
        (b"authorization",),
        rb"(?<![A-Za-z])(?i:authorization)\\?[\"'`]?\]?\s{0,4}(?:=>|[:=,])\s{0,4}\\?[\"'`]?(?:[A-Za-z]{3,10}\s)?(?P<secret>[\w.~+/-]{16,4000}={0,2})(?![\w.~+/=(\[-])",
        check_authorization,
        "RFC 9110, 11.6.2",
    ),
    TokenFormat(
        "url-password",
        (b"-u ", b"-u=", b"--user"),
        rb"(?<=\s)(?:-u|--user)[ =]?[\"']?(?P<secret>[\w.@-]{1,60}:(?!//)[^\s\"'`<>:]{4,200})",
        check_url_password,
        "curl(1)",
    ),
    TokenFormat(
        "digitalocean-token",
        (b"dop_v1_", b"doo_v1_", b"dor_v1_"),
        rb"do[opr]_v1_[0-9a-f]{64}",
        check_prefix,
        "docs.digitalocean.com",
    ),
    TokenFormat("docker-token", (b"dckr_",), rb"dckr_(?:pat|oat)_[\w-]{20,60}", check_prefix, "docs.docker.com"),
    TokenFormat("grafana-token", (b"glsa_",), rb"glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}", check_prefix, "grafana.com/docs"),
    TokenFormat(
        "vault-token", (b"hvs.", b"hvb."), _START + rb"hv[sb]\.[\w-]{24,300}", check_prefix, "developer.hashicorp.com"
    ),
    TokenFormat(
        "sendgrid-key", (b"sg.",), _START + rb"SG\.[\w-]{16,32}\.[\w-]{30,64}", check_prefix, "docs.sendgrid.com"
    ),
    TokenFormat(
        "shopify-token", (b"shp",), _START + rb"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", check_prefix, "shopify.dev"
    ),
    TokenFormat(
        "databricks-token", (b"dapi",), _START + rb"dapi[0-9a-f]{32}" + _END, check_prefix, "docs.databricks.com"
    ),
    TokenFormat(
        "authorization",
        (b'auth"',),
        rb"auth\"\s?:\s?\"(?P<secret>[A-Za-z0-9+/]{8,400}={0,2})\"",
        check_basic,
        "docker-login(1)",
    ),
    TokenFormat(
        "age-key", (b"age-secret-key-1",), rb"AGE-SECRET-KEY-1[0-9A-Z]{58}", check_prefix, "age-encryption.org/v1"
    ),
    TokenFormat(
        "telegram-token",
        (b":aa",),
        rb"(?<=[0-9]{8}):AA[\w-]{33}(?![\w-])",
        check_prefix,
        "core.telegram.org/bots/api",
        8,
    ),
)
MARKERS = tuple(dict.fromkeys(marker for form in FORMATS for marker in form.markers))
_FORMATS_BY_MARKER = {marker: tuple(form for form in FORMATS if marker in form.markers) for marker in MARKERS}
