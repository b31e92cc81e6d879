"""Findings of secrets in added lines. They never contain the secret's value, and need no model."""

from collections.abc import Iterator, Sequence

from iquest_review.code.languages import is_test
from iquest_review.diff.diff import FileDiff, LineKind
from iquest_review.excerpt.numbered_rows import render_line_text
from iquest_review.findings.finding import Finding, Severity
from iquest_review.findings.rules.rule_finding import MAX_FINDINGS_PER_RULE, build_finding_by_rule, is_chinese
from iquest_review.redaction.redactor import SecretFound

_NAMES = {"own-secret": "secret of this CI job", "jwt": "JSON web token", "url-password": "password in a URL"}
_EN = (
    "This line contains a secret ({kind}). Everyone who can read the repository can read it, and it stays in the "
    "history after the line is removed. Revoke it, and read a new one from a CI/CD variable or a secret store. The "
    "model was not shown its value."
)
_EN_MAYBE = (
    "This line seems to contain a secret ({kind}). If it does, everyone who can read the repository can read it, even "
    "after the line is removed. Change it, and read it from a CI/CD variable or a secret store. The model was not "
    "shown its value."
)
_ZH = (
    "这一行含有密钥（{kind}）。能读仓库的人都能得到它，删除这一行之后它仍在历史中："
    "请吊销它，并改为从 CI/CD 变量或密钥库读取新的密钥。它的值没有展示给模型。"
)
_ZH_MAYBE = (
    "这一行似乎含有密钥（{kind}）。如果确实如此，能读仓库的人都能得到它，删除这一行也无济于事："
    "请更换它，并改为从 CI/CD 变量或密钥库读取。它的值没有展示给模型。"
)


def find_leaked_secrets(
    secrets: Sequence[SecretFound], files: Sequence[FileDiff], language: str, *, sure: bool = False
) -> Iterator[Finding]:
    """Yield one finding per file and kind of secret, on the first added line that has it.

    At most MAX_FINDINGS_PER_RULE in all. A text that only looks like a secret is skipped in tests, which are full of
    made-up passwords, and everywhere when `sure` is set.
    """
    places = dict[tuple[str, str, bool], list[int]]()
    counting = [
        secret
        for secret in secrets
        if secret.row is LineKind.ADDED and (secret.certain or not (sure or is_test(secret.path)))
    ]
    rows = _render_lines({(secret.path, secret.line) for secret in counting}, files)
    for secret in counting:
        if (secret.path, secret.line) in rows:
            places.setdefault((secret.path, secret.kind, secret.certain), []).append(secret.line)
    for (path, kind, certain), numbers in list(places.items())[:MAX_FINDINGS_PER_RULE]:
        yield _describe_secret(path, kind, sorted(set(numbers)), rows[path, numbers[0]], language, certain=certain)


def _render_lines(wanted: set[tuple[str, int]], files: Sequence[FileDiff]) -> dict[tuple[str, int], str]:
    """Return the texts of these added lines, by path and number.

    Only they are rendered, and only their files are walked through: a change may have a million other lines.
    """
    paths = {path for path, _ in wanted}
    return {
        (file.path, line.number): render_line_text(line)
        for file in files
        if file.path in paths
        for line in file.iter_lines()
        if line.kind is LineKind.ADDED and (file.path, line.number) in wanted
    }


def _describe_secret(
    path: str, kind: str, lines: Sequence[int], quote: str, language: str, *, certain: bool
) -> Finding:
    name = _NAMES.get(kind, kind.replace("-", " "))
    chinese = is_chinese(language)
    text = (_ZH if certain else _ZH_MAYBE) if chinese else (_EN if certain else _EN_MAYBE)
    title = f"密钥：{name}" if chinese else f"A secret in the code: {name}"
    return build_finding_by_rule(
        path, lines, quote, Severity.HIGH if certain else Severity.MEDIUM, title, text.format(kind=name), language
    )
