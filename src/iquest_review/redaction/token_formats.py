"""The table of credentials that are known by their form: a public prefix, a length, an alphabet, perhaps a checksum.

Each format is tried only where one of its markers stands, and the pattern is matched at that position, never searched
for: the time is bounded by the length of the text. Values that were written by hand as examples are not secrets.
Formats that only their place gives away (a header, a URL) are looked for in the first 64 KiB of a line.
"""

import base64
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

KEY_END = b"-----"  # of the first and last line of a key: no token extends over it, though its alphabet has hyphens
MAX_SCANNED_BYTES = 65_536  # of a line; longer ones are data, or made to keep the job busy


class Span(NamedTuple):
    """A secret in a line: bytes from `start` to `end`, its kind, and whether it certainly is a secret."""

    start: int
    end: int
    kind: str
    certain: bool


Check = Callable[[bytes], bool | None]  # True: certainly a secret; False: probably; None: not a secret
_BY_PLACE: frozenset[Check] = frozenset((check_random, check_authorization, check_basic, check_url_password))


class TokenFormat(NamedTuple):
    """One row of the table: the form of a credential, where the rule comes from, and an example of each answer."""

    name: str  # the kind of a span, and of a placeholder
    markers: tuple[bytes, ...]  # in lower case, as they are looked for
    pattern: bytes  # the group `secret`, or the whole match, is the secret
    check: Check
    source: str  # the public documentation of the form
    true_example: str  # a made-up text in which the format finds a secret
    false_example: str  # a text with the marker in which it finds none
    bytes_before_marker: int = 0  # of the secret

    def find_matches(self, marker: bytes, text: bytes, low: bytes) -> Iterator[Span]:
        """Yield the secrets of this format at the places of a marker; `low` is the text in lower case."""
        match_at = compile_pattern(self.pattern).match
        limit = MAX_SCANNED_BYTES if self.check in _BY_PLACE else len(low)
        position = low.find(marker, 0, limit)
        while position >= 0:
            after = after_marker = position + len(marker)
            if match := match_at(text, position):
                start, after = match.span("secret") if "secret" in match.re.groupindex else match.span()
                key_end = text.find(KEY_END, max(start, after_marker), after)
                start, after = start - self.bytes_before_marker, after if key_end < 0 else key_end
                if (certain := self.check(text[start:after])) is not None:
                    yield Span(start, after, self.name, certain)
            position = low.find(marker, after, limit)


def find_token_spans(text: bytes, low: bytes, markers: Iterable[bytes]) -> Iterator[Span]:
    """Yield the secrets of known form in a line.

    `low` is the line in lower case, and `markers` are those that it contains.
    """
    for marker in markers:
        for token_format in _FORMATS_BY_MARKER.get(marker, ()):
            yield from token_format.find_matches(marker, text, low)


# -- parts of the examples: put together here, so that no scanner of the repository takes them for secrets


def _fake(length: int, body: str = "N0tAR3alTok3n") -> str:
    return (body * length)[:length]


def _fake_hex(length: int) -> str:
    return _fake(length, "c0ffee15bad7ea49")


def _fake_upper(length: int) -> str:
    return _fake(length, "N0TAR3ALK3YF0RY0U")


def _encode(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


# -- parts of the patterns

# A word starts here: no letter or digit before it, or the end of an escape (\n, %20, \u0026, ESC[1m) that looks so.
_START = (
    rb"(?:(?<![0-9A-Za-z])|(?<=\\[nrtbf])|(?<=%[0-9A-Fa-f]{2})|(?<=\\u00[0-9a-f]{2})|(?<=\x1b\[[0-9]m)"
    rb"|(?<=\x1b\[[0-9]{2}m))"
)
_END = rb"(?![0-9A-Za-z])"
_GITLAB_PREFIXES = tuple(
    word + hyphen
    for word in b"glpat gloas gldt glrt glrtr glcbt glptt glft glimt glagent glwt glsoat glffct".split()
    for hyphen in (b"-", b"%2d")
)
_GITLAB_TAIL = rb"[\w-]{20,300}(?:(?:\.[0-9a-z]{2})?\.[0-9a-z]{9}" + _END + rb"|(?:\.[\w-]{20,4000}){1,2})?"
_AZURE = "Microsoft Purview, sensitive information types: https://learn.microsoft.com/purview/sit-defn-all-creds"
_JWT_HEAD, _JWT_BODY, _JWT_EXAMPLE = map(_encode, ('{"alg":"HS256"}', '{"sub":"nobody"}', '{"name":"John Doe"}'))

FORMATS = (
    TokenFormat(
        "gitlab-token",
        _GITLAB_PREFIXES,
        b"(?i:" + b"|".join(_GITLAB_PREFIXES) + b")" + _GITLAB_TAIL,
        check_gitlab,
        source="GitLab docs, token prefixes: https://docs.gitlab.com/security/tokens/#token-prefixes;"
        " GitLab's lib/authn/token_field/generator/routable_token.rb",
        true_example="glpat-" + _fake(20),
        false_example="glpat-" + "x" * 20,
    ),
    TokenFormat(
        "gitlab-token",
        (b"gr1348941",),
        rb"GR1348941[\w-]{20,}",
        check_prefix,
        source="GitLab docs, runner registration tokens",
        true_example="GR1348941" + _fake(20),
        false_example="GR1348941" + "short",
    ),
    TokenFormat(
        "gitlab-token",
        (b"_gitlab_session=",),
        rb"(?i:_gitlab_session=)(?P<secret>[0-9a-f]{32})" + _END,
        check_prefix,
        source="GitLab docs, token prefixes: the session cookie",
        true_example="Cookie: _gitlab_session=" + _fake_hex(32),
        false_example="Cookie: _gitlab_session=#{session_id}",
    ),
    TokenFormat(
        "github-token",
        (b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_"),
        rb"gh[pousr]_[0-9A-Za-z]{36,255}(?:_[\w-]{10,2000}(?:\.[\w-]{10,2000}){0,2})?",
        check_base62,
        source="GitHub's blog: https://github.blog/2021-04-05-behind-githubs-new-authentication-token-formats/",
        true_example="ghp_" + _fake(36),
        false_example="ghp_" + "x" * 36,
    ),
    TokenFormat(
        "github-token",
        (b"github_pat_",),
        rb"github_pat_[0-9A-Za-z_]{50,255}",
        check_prefix,
        source="GitHub docs, token formats",
        true_example="github_pat_" + _fake(22) + "_" + _fake(59),
        false_example="github_pat_" + "your_token_" * 6,
    ),
    TokenFormat(
        "aws-key",
        (b"akia", b"asia", b"abia", b"acca"),
        _START + rb"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}" + _END,
        check_prefix,
        source="AWS IAM: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html",
        true_example="AKIA" + _fake_upper(16),
        false_example="AKIA" + "IOSFODNN7EXAMPLE",  # the one in the manuals of AWS
    ),
    TokenFormat(
        "google-key",
        (b"aiza",),
        _START + rb"AIza[\w-]{35}(?![\w-])",
        check_prefix,
        source="Google Cloud docs, API keys",
        true_example="AIza" + _fake(35),
        false_example="AIza" + _fake(36),
    ),
    TokenFormat(
        "google-key",
        (b"gocspx-",),
        rb"GOCSPX-[\w-]{28,}",
        check_prefix,
        source="Google Identity docs, OAuth client secrets",
        true_example="GOCSPX-" + _fake(28),
        false_example="GOCSPX-" + "your-client-id-and-what-it-opens",
    ),
    TokenFormat(
        "google-key",
        (b"ya29.",),
        _START + rb"ya29\.[\w-]{20,2000}",
        check_prefix,
        source="Google Identity docs, OAuth access tokens",
        true_example="ya29." + _fake(40),
        false_example="ya29." + "...",
    ),
    TokenFormat(
        "azure-key",
        (b"accountkey=", b"sharedaccesskey=", b"sharedsecretvalue="),
        rb"(?i:accountkey|sharedaccesskey|sharedsecretvalue)=(?P<secret>[A-Za-z0-9+/%]{30,200}={0,2})",
        check_prefix,
        source="Azure Storage: https://learn.microsoft.com/azure/storage/common/storage-configure-connection-string",
        true_example="AccountName=app;AccountKey=" + _fake(86) + "==",
        false_example="AccountName=app;AccountKey=<account-key>",
    ),
    TokenFormat(
        "azure-key",
        (b"sig=",),
        rb"(?<=[?&;])sig=(?P<secret>[A-Za-z0-9+/%]{40,100}={0,2})",
        check_prefix,
        source=_AZURE,
        true_example="https://app.example/c?sp=r&sig=" + _fake(43) + "%3D",
        false_example="https://app.example/c/sig=" + _fake(43),
    ),
    TokenFormat(
        "azure-key",
        (b"q~",),
        rb"(?<=[\w~.-]{3}[0-9])Q~[\w~.-]{31,34}(?![\w~-])",
        check_prefix,
        source=_AZURE,
        true_example="abc8" + "Q~" + _fake(34),
        false_example="abc8" + "Q~" + _fake(12),
        bytes_before_marker=4,
    ),
    TokenFormat(
        "azure-key",
        (b"jqqj9",),
        rb"(?<=[A-Za-z0-9]{52})JQQJ9[A-Za-z0-9]{20,30}(?:==)?",
        check_prefix,
        source=_AZURE,
        true_example=_fake(52) + "JQQJ99" + _fake(26),
        false_example="JQQJ99" + _fake(26),
        bytes_before_marker=52,
    ),
    TokenFormat(
        "azure-key",
        (b"azdo",),
        rb"(?<=[A-Za-z0-9]{76})AZDO[A-Za-z0-9]{4}" + _END,
        check_prefix,
        source=_AZURE,
        true_example=_fake(76) + "AZDO" + _fake(4),
        false_example="AZDO" + _fake(4),
        bytes_before_marker=76,
    ),
    TokenFormat(
        "azure-key",
        (b"+ast",),
        rb"(?<=[A-Za-z0-9+/]{76})\+ASt[A-Za-z0-9+/]{6}==",
        check_prefix,
        source=_AZURE,
        true_example=_fake(76) + "+ASt" + _fake(6) + "==",
        false_example="c++ast" + _fake(6) + "==",
        bytes_before_marker=76,
    ),
    TokenFormat(
        "slack-token",
        (b"xox",),
        rb"xox[a-z](?:\.xox[a-z])?-[0-9A-Za-z-]{10,300}",
        check_prefix,
        source="Slack docs, token types: api.slack.com",
        true_example="xoxb-" + _fake(24),
        false_example="xoxb-" + "your-bot-comes-here",
    ),
    TokenFormat(
        "slack-token",
        (b"xapp-",),
        rb"xapp-[0-9]-[0-9A-Za-z-]{20,300}",
        check_prefix,
        source="Slack docs, token types: api.slack.com",
        true_example="xapp-1-" + _fake(40),
        false_example="xapp-" + _fake(40),
    ),
    TokenFormat(
        "slack-webhook",
        (b"hooks.slack.com/",),
        rb"hooks\.slack\.com/(?:services|workflows|triggers)/(?P<secret>[A-Za-z0-9+/]{30,100})",
        check_prefix,
        source="Slack docs, incoming webhooks: https://api.slack.com/messaging/webhooks",
        true_example="https://hooks.slack.com/services/" + "T0FAKE/B0FAKE/" + _fake(24),
        false_example="https://hooks.slack.com/services/" + "T/B/abc",
    ),
    TokenFormat(
        "stripe-key",
        (b"sk_live_", b"rk_live_", b"sk_test_", b"rk_test_", b"sk_prod_", b"rk_prod_"),
        _START + rb"[rs]k_(?:live|test|prod)_[0-9A-Za-z]{16,250}",
        check_prefix,
        source="Stripe docs, API keys: https://docs.stripe.com/keys",
        true_example="sk_live_" + _fake(24),
        false_example="task_live_" + _fake(24),
    ),
    TokenFormat(
        "stripe-key",
        (b"whsec_",),
        _START + rb"whsec_[A-Za-z0-9+/]{24,100}={0,2}",
        check_prefix,
        source="Stripe docs, webhook signing secrets: docs.stripe.com",
        true_example="whsec_" + _fake(32),
        false_example="whsec_" + "...",
    ),
    TokenFormat(
        "anthropic-key",
        (b"sk-ant-",),
        rb"sk-ant-[\w-]{20,300}",
        check_prefix,
        source="Anthropic docs, API keys: https://docs.anthropic.com",
        true_example="sk-ant-" + _fake(93),
        false_example="sk-ant-" + "your-key-goes-here-please",
    ),
    TokenFormat(
        "openai-key",
        (b"sk-",),
        _START + rb"sk-(?!ant-)[\w-]{20,400}",
        check_openai,
        source="OpenAI docs, API keys: https://platform.openai.com/docs",
        true_example="sk-" + _fake(20) + "T3BlbkFJ" + _fake(20),
        false_example="sk-" + "learn-pipeline-of-two-steps",
    ),
    TokenFormat(
        "huggingface-token",
        (b"hf_",),
        _START + rb"hf_[0-9A-Za-z]{30,60}" + _END,
        check_prefix,
        source="Hugging Face docs, user access tokens: huggingface.co/docs",
        true_example="hf_" + _fake(34),
        false_example="hf_" + "hub_download_of_a_whole_repository",
    ),
    TokenFormat(
        "npm-token",
        (b"npm_",),
        _START + rb"npm_[0-9A-Za-z]{36}" + _END,
        check_base62,
        source="GitHub's blog: https://github.blog/changelog/2021-09-23-npm-has-a-new-access-token-format/",
        true_example="npm_" + _fake(36),
        false_example="npm_" + "config_registry_fetch_retries_and_timeouts",
    ),
    TokenFormat(
        "pypi-token",
        (b"pypi-ag",),
        rb"pypi-Ag[\w-]{40,2000}",
        check_prefix,
        source="PyPI's manual: API, secret reporting",
        true_example="pypi-Ag" + _fake(60),
        false_example="pypi-ag" + "ent-that-uploads-every-wheel-of-the-project",
    ),
    TokenFormat(
        "jwt",
        (b"eyj",),
        rb"(?<![_-])" + _START + rb"eyJ[\w-]{8,4000}+\.eyJ[\w-]{8,20000}+\.[\w-]{10,4000}",
        check_jwt,
        source="RFC 7519",
        true_example=f"{_JWT_HEAD}.{_JWT_BODY}.{_fake(43)}",
        false_example=f"{_JWT_HEAD}.{_JWT_EXAMPLE}.{_fake(43)}",  # the one of jwt.io
    ),
    TokenFormat(
        "private-key",
        (b"private key",),
        rb"(?<= )PRIVATE KEY(?: BLOCK)?-----(?P<secret>[A-Za-z0-9+/=\\ \t\r,:%]{32,20000})",
        check_private_key,
        source="RFC 7468: a key on one line",
        true_example="-----BEGIN PRIVATE" + " KEY-----\\n" + _fake(64),
        false_example="-----BEGIN PRIVATE" + " KEY-----\\n" + "...",
    ),
    TokenFormat(
        "private-key",
        (b"ls0tls1crudjti",),
        rb"LS0tLS1CRUdJTi[A-Za-z0-9+/]{40,}={0,2}",
        check_encoded_key,
        source="RFC 7468: a whole key in base64",
        true_example=_encode("-----BEGIN PRIVATE" + " KEY-----" + _fake(64)),
        false_example=_encode("-----BEGIN CERTIFICATE-----" + _fake(64)),
    ),
    TokenFormat(
        "url-password",
        (b"://",),
        rb"://(?P<secret>[^\s:@/?#\"'`<>\\(){}]{0,100}:[^\s@/\"'`<>\\]{4,300})@(?=[\w\[$%{])",
        check_url_password,
        source="RFC 3986, 3.2.1",
        true_example="https://robot:" + _fake(14) + "@host.example/a.git",
        false_example="https://user:password@host.example/a.git",
    ),
    TokenFormat(
        "url-password",
        (b"://",),
        rb"://(?P<secret>[\w-]{20,200}):?@(?=[\w\[])",
        check_random,
        source="RFC 3986, 3.2.1: a token as the user",
        true_example="https://" + _fake(24) + "@host.example/a.git",
        false_example="https://the-user-of-the-deploy-job@host.example/a.git",
    ),
    TokenFormat(
        "authorization",
        (b"bearer",),
        rb"(?i:bearer)[ +]{1,4}(?P<secret>[\w.~+/-]{12,4000}={0,2})",
        check_random,
        source="RFC 6750",
        true_example="Bearer " + _fake(40),
        false_example="Bearer authentication",
    ),
    TokenFormat(
        "authorization",
        (b"basic",),
        rb"(?i:basic)\ {1,4}(?P<secret>[A-Za-z0-9+/]{8,400}={0,2})",
        check_basic,
        source="RFC 7617",
        true_example="Basic " + _encode("robot:" + _fake(14)),
        false_example="Basic " + _encode("username:password"),
    ),
    TokenFormat(
        "authorization",
        (b"authorization",),
        rb"(?<![A-Za-z])(?i:authorization)\\?[\"'`]?\]?\s{0,4}(?:=>|[:=,])\s{0,4}\\?[\"'`]?(?:[A-Za-z]{3,10}\s)?(?P<secret>[\w.~+/-]{16,4000}={0,2})(?![\w.~+/=(\[-])",
        check_authorization,
        source="RFC 9110, 11.6.2",
        true_example="Authorization: Token " + _fake(40),
        false_example="Authorization: the-header-of-a-request",
    ),
    TokenFormat(
        "url-password",
        (b"-u ", b"-u=", b"--user"),
        rb"(?<=\s)(?<!push )(?:-u|--user)[ =]?[\"']?(?P<secret>[\w.@-]{1,60}:(?!//)[^\s\"'`<>:]{4,200})",
        check_url_password,
        source="curl(1)",
        true_example="curl -u robot:" + _fake(14) + " https://host.example",
        false_example="curl -u user:password https://host.example",
    ),
    TokenFormat(
        "digitalocean-token",
        (b"dop_v1_", b"doo_v1_", b"dor_v1_"),
        rb"do[opr]_v1_[0-9a-f]{64}",
        check_prefix,
        source="DigitalOcean docs, personal access tokens: docs.digitalocean.com",
        true_example="dop_v1_" + _fake_hex(64),
        false_example="dop_v1_" + _fake_hex(40),
    ),
    TokenFormat(
        "docker-token",
        (b"dckr_",),
        rb"dckr_(?:pat|oat)_[\w-]{20,60}",
        check_prefix,
        source="Docker docs, access tokens: docs.docker.com",
        true_example="dckr_pat_" + _fake(27),
        false_example="dckr_" + _fake(27),
    ),
    TokenFormat(
        "grafana-token",
        (b"glsa_",),
        rb"glsa_[0-9A-Za-z]{32}_[0-9a-f]{8}",
        check_prefix,
        source="Grafana docs, service account tokens: grafana.com/docs",
        true_example="glsa_" + _fake(32) + "_" + _fake_hex(8),
        false_example="glsa_" + _fake(32),
    ),
    TokenFormat(
        "vault-token",
        (b"hvs.", b"hvb."),
        _START + rb"hv[sb]\.[\w-]{24,300}",
        check_prefix,
        source="Vault docs, tokens: developer.hashicorp.com",
        true_example="hvs." + _fake(24),
        false_example="hvs." + "get_token()",
    ),
    TokenFormat(
        "sendgrid-key",
        (b"sg.",),
        _START + rb"SG\.[\w-]{16,32}\.[\w-]{30,64}",
        check_prefix,
        source="SendGrid docs, API keys: docs.sendgrid.com",
        true_example="SG." + _fake(22) + "." + _fake(43),
        false_example="msg." + _fake(22) + "." + _fake(43),
    ),
    TokenFormat(
        "shopify-token",
        (b"shp",),
        _START + rb"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
        check_prefix,
        source="Shopify docs, access tokens: shopify.dev",
        true_example="shpat_" + _fake_hex(32),
        false_example="shp" + "_to_geojson",
    ),
    TokenFormat(
        "databricks-token",
        (b"dapi",),
        _START + rb"dapi[0-9a-f]{32}" + _END,
        check_prefix,
        source="Databricks docs, personal access tokens: docs.databricks.com",
        true_example="dapi" + _fake_hex(32),
        false_example="dapi" + _fake_hex(40),
    ),
    TokenFormat(
        "authorization",
        (b'auth"',),
        rb"auth\"\s?:\s?\"(?P<secret>[A-Za-z0-9+/]{8,400}={0,2})\"",
        check_basic,
        source="docker-login(1)",
        true_example='{"auth": "' + _encode("robot:" + _fake(14)) + '"}',
        false_example='{"auth": "' + _encode("username:password") + '"}',
    ),
    TokenFormat(
        "age-key",
        (b"age-secret-key-1",),
        rb"AGE-SECRET-KEY-1[0-9A-Z]{58}",
        check_prefix,
        source="The age file encryption format: age-encryption.org/v1",
        true_example="AGE-SECRET-KEY-1" + _fake_upper(58),
        false_example="AGE-SECRET-KEY-1" + "...",
    ),
    TokenFormat(
        "telegram-token",
        (b":aa",),
        rb"(?<=[0-9]{8}):AA[\w-]{33}(?![\w-])",
        check_prefix,
        source="Telegram Bot API: core.telegram.org/bots/api",
        true_example="bot10203040" + ":AA" + _fake(33),
        false_example="ether 00" + ":AA:BB:CC",
        bytes_before_marker=8,
    ),
)
MARKERS = tuple(dict.fromkeys(marker for row in FORMATS for marker in row.markers))
_FORMATS_BY_MARKER = {marker: tuple(row for row in FORMATS if marker in row.markers) for marker in MARKERS}
