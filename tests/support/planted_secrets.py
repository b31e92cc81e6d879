"""Secrets made up as a test runs, in lines of code, and ordinary lines: no secret stands in the repository."""

import base64
import random
import string
import uuid
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

ALNUM = string.ascii_letters + string.digits
URLSAFE = ALNUM + "_-"
BASE36 = string.digits + string.ascii_lowercase
ROOT = Path(__file__).parents[2]


class Planted(NamedTuple):
    """Lines of code, and the values in them that nobody may see."""

    kind: str
    lines: list[str]
    values: list[str]


def text(chance: random.Random, alphabet: str, length: int) -> str:
    return "".join(chance.choices(alphabet, k=length))


def digits(number: int, alphabet: str, width: int) -> str:
    out = ""
    while number:
        number, digit = divmod(number, len(alphabet))
        out = alphabet[digit] + out
    return out.rjust(width, alphabet[0])


def checked(prefix: str, chance: random.Random) -> str:
    body = text(chance, ALNUM, 30)
    return (
        prefix
        + body
        + digits(zlib.crc32(body.encode()), string.digits + string.ascii_uppercase + string.ascii_lowercase, 6)
    )


def routable(prefix: str, chance: random.Random, version: str = "") -> str:
    payload = text(chance, URLSAFE, chance.randint(27, 90))
    whole = f"{prefix}{payload}{version}.{digits(len(payload), BASE36, 2)}"
    return whole + digits(zlib.crc32(whole.encode()), BASE36, 7)


def jwt(chance: random.Random) -> str:
    head, payload = (
        base64.urlsafe_b64encode(part.encode()).decode().rstrip("=")
        for part in ('{"alg":"HS256","typ":"JWT"}', f'{{"sub":"{text(chance, ALNUM, 12)}"}}')
    )
    return f"{head}.{payload}.{text(chance, URLSAFE, 43)}"


TOKENS: dict[str, list[Callable[[random.Random], str]]] = {
    "gitlab-token": [
        *(
            lambda c, p=prefix: p + text(c, ALNUM, 20)
            for prefix in ("glpat-", "gldt-", "glrt-", "glptt-", "glft-", "glsoat-")
        ),
        lambda c: f"glrt-t1_{text(c, ALNUM, 20)}",
        lambda c: f"glcbt-64_{text(c, ALNUM, 20)}",
        lambda c: f"glcbt-{jwt(c)}",
        lambda c: routable("glpat-", c),
        lambda c: routable("glpat-", c, ".01"),
        lambda c: routable("glpat-", c).replace("glpat-", "glpat%2D"),
        lambda c: f"glagent-{text(c, URLSAFE, 50)}",
        lambda c: f"GR1348941{text(c, ALNUM, 20)}",
    ],
    "github-token": [
        lambda c: checked("ghp_", c),
        lambda c: "gho_" + text(c, ALNUM, 36),
        lambda c: f"github_pat_{text(c, ALNUM, 22)}_{text(c, ALNUM, 59)}",
    ],
    "aws-key": [lambda c: c.choice(["AKIA", "ASIA"]) + text(c, string.ascii_uppercase + "234567", 16)],
    "google-key": [lambda c: "AIza" + text(c, URLSAFE, 35), lambda c: "GOCSPX-" + text(c, URLSAFE, 28)],
    "azure-key": [
        lambda c: f"{text(c, ALNUM, 3)}8Q~{text(c, ALNUM, 34)}",
        lambda c: f"{text(c, ALNUM, 52)}JQQJ99{text(c, ALNUM, 26)}",
        lambda c: f"{text(c, ALNUM, 76)}AZDO{text(c, ALNUM, 4)}",
    ],
    "slack-token": [
        lambda c: f"xoxb-{text(c, string.digits, 12)}-{text(c, string.digits, 12)}-{text(c, ALNUM, 24)}",
        lambda c: f"xapp-1-{text(c, ALNUM, 11)}-{text(c, string.digits, 13)}-{text(c, '0123456789abcdef', 64)}",
    ],
    "slack-webhook": [lambda c: f"T{text(c, ALNUM, 10).upper()}/B{text(c, ALNUM, 10).upper()}/{text(c, ALNUM, 24)}"],
    "stripe-key": [lambda c: "sk_live_" + text(c, ALNUM, 24), lambda c: "whsec_" + text(c, ALNUM, 32)],
    "openai-key": [
        lambda c: f"sk-{text(c, ALNUM, 20)}T3BlbkFJ{text(c, ALNUM, 20)}",
        lambda c: f"sk-proj-{text(c, URLSAFE, 74)}T3BlbkFJ{text(c, URLSAFE, 74)}",
    ],
    "anthropic-key": [lambda c: f"sk-ant-api03-{text(c, URLSAFE, 93)}AA"],
    "huggingface-token": [lambda c: "hf_" + text(c, string.ascii_letters, 34)],
    "npm-token": [lambda c: checked("npm_", c)],
    "pypi-token": [lambda c: "pypi-AgEIcHlwaS5vcmc" + text(c, URLSAFE, 140)],
    "digitalocean-token": [
        lambda c: c.choice(["dop_v1_", "doo_v1_", "dor_v1_"]) + text(c, "0123456789abcdef", 64),
    ],
    "jwt": [jwt],
}
CODE = [  # of ten languages
    'client = Client("{}", timeout=30)',
    "const client = new Client('{}');",
    "let client: Client = connect(`{}`, { retries: 3 });",
    'client := New(ctx, "{}")',
    '        return new Client("{}");',
    'let client = Client::new("{}")?;',
    '$client = new Client("{}");',
    "client = Client.new('{}')",
    'std::string given = "{}"; // for now',
    "  - run: ./deploy.sh {} --verbose",
    '  "value": "{}",',
]
ASSIGNED = [
    'password = "{}"',
    "DB_PASSWORD={}",
    "  db_password: {}",
    '  "apiKey": "{}",',
    "const apiKey = '{}';",
    'private static final String SECRET = "{}";',
    "secret_key: str = '{}'",
    "var token string = `{}`",
    "$config['password'] = '{}';",
    "    'client_secret' => '{}',",
    "export API_TOKEN={}",
    "deploy --token {} --verbose",
    "deploy --password={}",
    "Server=db;User Id=sa;Password={};Encrypt=true",
    'let access_key: &str = "{}";',
    "<password>{}</password>",
    '<add key="ApiKey" value="{}"/>',
    'os.environ["SECRET_KEY"] = "{}"',
    "ENV ADMIN_PASSWORD {}",
    'builder.setPassword("{}");',
    "const key = process.env.API_KEY || '{}';",
    '{{\\"password\\": \\"{}\\"}}',
    "curl -H 'PRIVATE-TOKEN: {}' https://gitlab.example.com/api",
    "spring.datasource.password={}",
    "password: SecretStr = SecretStr('{}')",
]
HEADERS = ["Authorization: Bearer {}", '"Authorization": "Bearer {}",', "headers['Authorization'] = 'Token {}'"]
URLS = [
    "postgres://app:{}@db.internal:5432/app",
    'url = "https://bot:{}@git.example.org/a.git"',
    "redis://:{}@cache:6379/0",
]


def planted(chance: random.Random, count: int) -> list[Planted]:
    """So many secrets, all kinds in turn."""
    makers = _makers()
    return [makers[number % len(makers)](chance) for number in range(count)]


def any_secret(chance: random.Random) -> Planted:
    """A secret of any kind."""
    return chance.choice(_makers())(chance)


def _makers() -> list[Callable[[random.Random], Planted]]:
    makers = [_token(kind, make) for kind, makes in TOKENS.items() for make in makes]
    makers += [_in_line("assigned-secret", line, _password) for line in ASSIGNED]
    makers += [_in_line("authorization", line, lambda c: text(c, ALNUM, 40)) for line in HEADERS]
    makers += [_in_line("url-password", line, lambda c: text(c, ALNUM, 14)) for line in URLS]
    return [*makers, _basic, _account_key, _pem, _pem_on_one_line]


def _token(kind: str, make: Callable[[random.Random], str]) -> Callable[[random.Random], Planted]:
    def plant(chance: random.Random) -> Planted:
        value = make(chance)
        shown = f"https://hooks.slack.com/services/{value}" if kind == "slack-webhook" else value
        return Planted(kind, [chance.choice(CODE).replace("{}", shown)], [value])

    return plant


def _in_line(kind: str, line: str, make: Callable[[random.Random], str]) -> Callable[[random.Random], Planted]:
    def plant(chance: random.Random) -> Planted:
        value = make(chance)
        return Planted(kind, [line.replace("{}", value).replace("{{", "{").replace("}}", "}")], [value])

    return plant


def _password(chance: random.Random) -> str:
    value = list(text(chance, ALNUM, chance.randint(9, 30)) + chance.choice(string.digits) + "xK4")
    chance.shuffle(value)
    return "".join(value) + chance.choice(["", "!7a", "#9Zq", "_w2"])


def _basic(chance: random.Random) -> Planted:
    value = base64.b64encode(f"bot:{text(chance, ALNUM, 16)}".encode()).decode()
    return Planted("authorization", [f'request.headers["Authorization"] = "Basic {value}"'], [value])


def _account_key(chance: random.Random) -> Planted:
    value = base64.b64encode(chance.randbytes(64)).decode()
    line = f"DefaultEndpointsProtocol=https;AccountName=app;AccountKey={value};EndpointSuffix=core.windows.net"
    return Planted("azure-key", [line], [value])


def key_lines(chance: random.Random, size: int = 600) -> list[str]:
    """The body of a private key."""
    body = base64.b64encode(chance.randbytes(size)).decode()
    return [body[at : at + 64] for at in range(0, len(body), 64)]


def pem(body: list[str], kind: str = "RSA ") -> list[str]:
    """A whole private key; its ends are put together here, since a scanner of the repository looks for them."""
    return [f"-----BEGIN {kind}PRIVATE" + " KEY-----", *body, f"-----END {kind}PRIVATE" + " KEY-----"]


def _pem(chance: random.Random) -> Planted:
    body = key_lines(chance)
    return Planted("private-key", pem(body), body)


def _pem_on_one_line(chance: random.Random) -> Planted:
    body = key_lines(chance)
    return Planted("private-key", ['  "private_key": "' + "\\n".join(pem(body, "")) + '\\n",'], body)


def ordinary(chance: random.Random, count: int) -> list[str]:
    """So many lines without a secret: half of them this repository's own, the others those that look most like one."""
    own = [
        line
        for folder in ("src", "docs", "examples", "prompts")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in (".py", ".md", ".yml", ".txt", ".jinja")
        for line in path.read_text(encoding="utf-8").split("\n")
    ]
    return chance.sample(own, count // 2) + [chance.choice(_LOOKALIKES)(chance) for _ in range(count - count // 2)]


def _hex(chance: random.Random, length: int) -> str:
    return text(chance, "0123456789abcdef", length)


def _base64(chance: random.Random, size: int) -> str:
    return base64.b64encode(chance.randbytes(size)).decode()


_LOOKALIKES: list[Callable[[random.Random], str]] = [
    lambda c: f'commit = "{_hex(c, 40)}"',
    lambda c: f"sha256: {_hex(c, 64)}",
    lambda c: f'"integrity": "sha512-{_base64(c, 64)}",',
    lambda c: f"    --hash=sha256:{_hex(c, 64)} \\",
    lambda c: f"github.com/a/b v1.{c.randint(0, 9)}.0 h1:{_base64(c, 32)}",
    lambda c: f'id = "{uuid.UUID(int=c.getrandbits(128))}"',
    lambda c: f'"token": "{uuid.UUID(int=c.getrandbits(128))}"',
    lambda c: f'<img src="data:image/png;base64,{_base64(c, 200)}">',
    lambda c: _base64(c, 48),
    lambda c: f"index {_hex(c, 7)}..{_hex(c, 7)} 100644",
    lambda c: c.choice(
        [
            '"password": "Passwort",',
            'password_label = "Mot de passe oublié ?"',
            '"secret.hint": "Das Geheimnis muss 8 Zeichen haben",',
            '"token": "令牌",',
            "password: Enter your new password",
            'PASSWORD_RESET_URL = "/accounts/password/reset/2/"',
            "def test_a_wrong_password_is_refused(password: str) -> None:",
            "password = get_password()",
            "password = os.environ['DB_PASSWORD']",
            "password: ${DB_PASSWORD}",
            "password: '{{ vault_db_password_v2 }}'",
            "API_KEY=your-api-key-here-123",
            'api_key = "xxxxxxxxxxxxxxxxxxxx"',
            'api_key="<YOUR_API_KEY_1>"',
            "const token = process.env.GITHUB_TOKEN2;",
            "token = self._tokenizer2.next_token(True)",
            'const secret = "changeme123";',
            "password=password123",
            "if token == Token.LEFT_BRACKET2:",
            'token_type = "Bearer"',
            'secretName: "my-app-tls-v2"',
            "secretKeyRef: {name: db-credentials-v1, key: password}",
            'next_page_token: "CAEQAA1b2C3d4"',
            '"max_tokens": 4096,',
            'pad_token = "<|endoftext|>"',
            "Authorization: Bearer $TOKEN",
            "Authorization: Bearer <token>",
            'headers = {"Authorization": f"Bearer {token}"}',
            "headers: { Authorization: `Bearer ${accessToken2}` },",
            "https://example.com:8080/path?token=1#a@b",
            "https://user:password@example.com/",
            "postgres://postgres:postgres@localhost/test",
            'url = f"https://{user}:{password}@{host}"',
            "git clone git@gitlab.example.com:group/project.git",
            "see https://gitlab.com/gitlab-org/gitlab/-/issues/35935",
            "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQ" + "C7" * 20 + " me@host",
            "glpat-xxxxxxxxxxxxxxxxxxxx",
            "AKIAIOSFODNN7EXAMPLE",
            "sk-your-key-goes-here-please",
            ".task-list-item-checkbox{margin:0}.risk-assessment-table{top:1px}",
            "npm_config_registry_fetch_retries_and_timeouts=3",
            'r"(?i)(password|secret|token)\\s*[=:]\\s*[A-Za-z0-9]{8,}"',
            'PASSWORD_RE = re.compile(r"^(?=.*[0-9])[A-Za-z0-9]{8,}$")',
            "!function(e,t){var n=e.token,r=t.key2;return n&&r.password===e.a1b2c3}(a,b);",
            "private_key = rsa.generate_private_key(65537, 2048)",
            '"-----BEGIN CERTIFICATE-----",',
            'if line.startswith("-----BEGIN RSA ' + 'PRIVATE KEY-----"):',
            "basic authentication: https://docs.example.com/basic-auth2",
            "const tokens2 = tokenize(source1);",
            'apiKey: "TheLocalServerIgnoresAllApiKeys",',
            'ApiKey = Env.Var("AzureService__ApiKey")',
            "Authorization: 'Basic i-am-an-auth-header'",
            "csrf_token: 1a2B3c4D5e6F7g8H",
            "public_key = '4f3Ac9Bd81kQz7Lm'",
            "password_hash = '$2b$12$KIXQz7Lm4f3Ac9Bd81kQz.'",
        ]
    ),
]
