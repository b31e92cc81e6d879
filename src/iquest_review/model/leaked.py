"""Secrets found in added lines -> findings, without their values: no model has to see one to say so."""

from collections.abc import Iterable, Iterator, Sequence

from iquest_review.change.diff import FileDiff, Kind, Side
from iquest_review.model.finding import Category, Finding, Severity
from iquest_review.prompt.ranking import is_test
from iquest_review.prompt.redact import Secret
from iquest_review.prompt.rows import shown_text

_NAMES = {"own-secret": "secret of this CI job", "jwt": "JSON web token", "url-password": "password in a URL"}
_EN = (
    "This line holds a secret ({kind}). Whoever can read the repository has it, and it stays in the history when the "
    "line is gone: revoke it, and read a new one from a CI/CD variable or a secret store. Its value was not shown to "
    "the model."
)
_EN_MAYBE = (
    "This line seems to hold a secret ({kind}). If it does, whoever can read the repository has it, also when the line "
    "is gone: change it, and read it from a CI/CD variable or a secret store. Its value was not shown to the model."
)
_ZH = (
    "这一行含有密钥（{kind}）。能读仓库的人都能得到它，删除这一行之后它仍在历史中："
    "请吊销它，并改为从 CI/CD 变量或密钥库读取新的密钥。它的值没有展示给模型。"
)
_ZH_MAYBE = (
    "这一行似乎含有密钥（{kind}）。如果确实如此，能读仓库的人都能得到它，删除这一行也无济于事："
    "请更换它，并改为从 CI/CD 变量或密钥库读取。它的值没有展示给模型。"
)


def findings(
    secrets: Iterable[Secret], files: Sequence[FileDiff], language: str, *, sure: bool = False
) -> Iterator[Finding]:
    """One for each added line of these files that holds a secret, of every kind in it. What only looks like one is no
    finding in a test: tests are full of made-up passwords; nor where only a `sure` one counts."""
    rows = {
        (file.path, line.new_line): shown_text(line)
        for file in files
        for line in file.lines()
        if line.kind is Kind.ADDED
    }
    chinese, told = language.lower().startswith("zh"), set[tuple[str, int, str]]()
    for secret in secrets:
        place = secret.path, secret.line
        if secret.row is not Kind.ADDED or place not in rows or (*place, secret.kind) in told:
            continue
        if not secret.certain and (sure or is_test(secret.path)):
            continue
        told.add((*place, secret.kind))
        kind = _NAMES.get(secret.kind, secret.kind.replace("-", " "))
        text = (_ZH if secret.certain else _ZH_MAYBE) if chinese else (_EN if secret.certain else _EN_MAYBE)
        yield Finding(
            path=secret.path,
            line=secret.line,
            end_line=None,
            side=Side.NEW,
            severity=Severity.HIGH if secret.certain else Severity.MEDIUM,
            category=Category.SECURITY,
            title=f"密钥：{kind}" if chinese else f"A secret in the code: {kind}",
            description=text.format(kind=kind),
            quote=rows[place],
            fix=None,
        )
