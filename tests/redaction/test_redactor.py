"""Secrets are replaced before anything leaves the runner, and nothing else is; lines, markers and numbers stay."""

import base64
import random
import re
import time
from collections.abc import Sequence
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.diff.diff import Diff, FileDiff, Hunk, LineKind, Side
from iquest_review.redaction import token_formats
from iquest_review.redaction.redactor import Redactor, SecretFound
from tests.support.planted_secrets import (
    ALNUM,
    ASSIGNED,
    CODE,
    TOKENS,
    URLSAFE,
    Planted,
    any_secret,
    checked,
    jwt,
    key_lines,
    ordinary,
    pem,
    planted,
    routable,
    text,
)
from tests.support.prompts import added, deleted, diffs, hunk, modified

OWN = "p9/Zq+w&k 'x\"Lm"  # of characters that encodings change
REDACTOR = Redactor({"GITLAB_API_TOKEN": OWN})
settings.register_profile("redact", max_examples=100, deadline=None, derandomize=True)
QUICK = settings.get_profile("redact")


def chance(seed: int = 7) -> random.Random:
    return random.Random(seed)


def redacted(line: str) -> str:
    return REDACTOR.redact_text(line).text


def kinds(line: str) -> list[str]:
    return [secret.kind for secret in REDACTOR.redact_text(line).found]


def one(file: FileDiff) -> tuple[FileDiff, Sequence[SecretFound]]:
    (clean,), found = REDACTOR.redact_diff([file])
    return clean, found


def rows(file: FileDiff) -> list[bytes]:
    return [row for hunk in file.hunks for row in hunk.rows]


# -- what is found


def test_of_two_hundred_secrets_of_all_kinds_none_is_left() -> None:
    left = [
        (secret.kind, secret.lines[0][:40])
        for secret in planted(chance(1), 200)
        if any(value in redacted("\n".join(secret.lines)) for value in secret.values)
    ]

    assert left == []


def test_of_two_thousand_ordinary_lines_none_is_changed() -> None:
    lines = ordinary(chance(2), 2_000)

    assert [line for line in lines if redacted(line) != line] == []


@pytest.mark.parametrize("kind", TOKENS)
def test_a_token_is_replaced_by_its_kind(kind: str) -> None:
    for make in TOKENS[kind]:
        shown = make(chance(3))
        line = f'send("https://hooks.slack.com/services/{shown}")' if kind == "slack-webhook" else f'send("{shown}")'

        assert redacted(line) == line.replace(shown, f"[REDACTED:{kind}]")


@pytest.mark.parametrize("secret", planted(chance(4), 80), ids=lambda secret: secret.kind)
def test_the_rest_of_the_line_stays(secret: Planted) -> None:
    clean = redacted("\n".join(secret.lines)).split("\n")

    assert len(clean) == len(secret.lines)
    for before, after in zip(secret.lines, clean, strict=True):
        start, found, end = after.partition("[REDACTED:")
        assert before.startswith(start)
        assert not found or before.endswith(end.partition("]")[2])


@pytest.mark.parametrize(
    ("secret", "certain"),
    [
        (checked("ghp_", chance()), True),
        ("ghp_" + text(chance(), ALNUM, 36), False),
        (routable("glpat-", chance()), True),
        (routable("glrt-t1_", chance(), ".01"), True),
        (routable("glpat-", chance())[:-7] + "1k7qz3x", False),
        ("glpat-" + text(chance(), URLSAFE, 20), True),
        (jwt(chance()), True),
    ],
    ids=str,
)
def test_a_wrong_checksum_makes_a_token_uncertain(secret: str, certain: bool) -> None:
    found = REDACTOR.redact_text(f"x = f({secret!r})").found

    assert [hit.certain for hit in found][:1] == [certain]


@pytest.mark.parametrize("before", ["\\n", "%20", "\x1b[31m", "\\u0026", "=", '"', "(", "\\t"])
def test_an_escape_before_a_token_does_not_hide_it(before: str) -> None:
    token = jwt(chance())

    assert token[:12] not in redacted(f"x{before}{token}")


@pytest.mark.parametrize("before", ["/", "id/", "_", "key_", "+"])
@pytest.mark.parametrize(
    "kind", ["aws-key", "google-key", "stripe-key", "openai-key", "huggingface-token", "npm-token"]
)
def test_a_token_may_stand_behind_a_slash_or_an_underscore(before: str, kind: str) -> None:
    for make in TOKENS[kind]:
        assert redacted(f"x {before}{make(chance(3))} y") == f"x {before}[REDACTED:{kind}] y"


def test_a_json_web_token_may_be_a_part_of_a_path() -> None:
    assert redacted(f"https://example.org/reset/{jwt(chance())}") == "https://example.org/reset/[REDACTED:jwt]"


def test_a_percent_encoded_hyphen_changes_no_checksum() -> None:
    right, wrong = routable("glpat-", chance()), routable("glpat-", chance())[:-7] + "1k7qz3x"
    found = [REDACTOR.redact_text(f"see {token.replace('-', '%2D', 1)}").found[0] for token in (right, wrong)]

    assert [(secret.kind, secret.certain) for secret in found] == [("gitlab-token", True), ("gitlab-token", False)]


def test_a_long_token_is_replaced_to_its_end() -> None:
    token = routable("glpat-", chance(), ".01")

    assert redacted(f"a {token} b") == "a [REDACTED:gitlab-token] b"


@pytest.mark.parametrize("line", ASSIGNED)
def test_a_password_is_known_by_the_name_it_is_assigned_to(line: str) -> None:
    value = "vX4" + text(chance(), ALNUM, 12) + "7qZ"

    assert value not in redacted(line.replace("{}", value))


@pytest.mark.parametrize(
    "name", ["username", "password_hash", "publicKey", "next_page_token", "tokens", "cache_key", "password_url", "key"]
)
def test_a_name_of_something_else_marks_no_secret(name: str) -> None:
    line = f'{name} = "vX4q9ZpL27wKd8sR"'

    assert redacted(line) == line


@pytest.mark.parametrize(
    "url", ["postgres://app:Xq7{}@db/app", "https://x-access:Zw8{}@git.example.org/a.git", "https://k9f{}:@host/v1"]
)
def test_the_password_of_a_url_goes_and_its_host_stays(url: str) -> None:
    value = text(chance(), ALNUM, 20)
    clean = redacted(f"url = '{url.replace('{}', value)}'")

    assert value not in clean
    assert clean.startswith(f"url = '{url.partition('//')[0]}//")


def test_basic_authentication_is_decoded_before_it_is_believed() -> None:
    secret, harmless = (base64.b64encode(pair).decode() for pair in (b"bot:Zw8qLr5tK", b"username:password"))

    assert kinds(f"Authorization: Basic {secret}") == ["authorization"]
    assert kinds(f"Authorization: Basic {harmless}") == []


# -- the job's own secrets


@pytest.mark.parametrize(
    "shown",
    [
        OWN,
        quote(OWN, safe=""),
        re.sub("%..", lambda escape: escape[0].lower(), quote(OWN, safe="")),
        OWN.replace('"', '\\"'),
        OWN.encode().hex(),
        OWN.encode().hex().upper(),
        OWN.replace("&", "&amp;"),
        *(base64.b64encode(b"user"[:at] + OWN.encode() + b"!").decode() for at in range(4)),
        base64.b64encode(b"oauth2:" + OWN.encode()).decode(),
        base64.urlsafe_b64encode(OWN.encode()).decode(),
    ],
)
def test_an_own_secret_is_known_in_every_encoding(shown: str) -> None:
    assert redacted(f"<{shown}>") == "<[REDACTED:own-secret]>"
    assert REDACTOR.redact_text(f"<{shown}>").found == (SecretFound("own-secret", 1, True),)


@pytest.mark.parametrize("value", ["", "short", "password", "production", "Master", "******"])
def test_a_common_word_in_a_variable_is_not_a_secret(value: str) -> None:
    line = f"a {value} b, {value.upper()}"

    assert Redactor({"X": value}).redact_text(line).text == line


def test_an_own_secret_of_several_lines_is_known_by_each_of_them() -> None:
    body = key_lines(chance(), 96)

    assert Redactor({"KEY": "\n".join(pem(body))}).redact_text(f"see {body[1]}").found[0].kind == "own-secret"


@pytest.mark.parametrize(
    "value",
    [
        *(
            "GrünerBär-7391-x",
            "aB3#{kd9ZqLw7Pt2",
            "K9‹%vQ2mZx8Lp",
            "pw9&#xZ81kLqT",
            "tok%(9ZqLw7Pt2x",
            "$ecretP4ss!word",
        ),
        *("todoist-9f8a7b6c5d4e", "mock-sample-fake-7", '{"type":"service_account","id":"9f8a7b6c5d4e"}'),
    ],
)
def test_an_own_secret_may_look_like_anything(value: str) -> None:
    clean = Redactor({"IQUEST_API_KEY": value}).redact_text(f"connect({value})")

    assert (clean.text, clean.found) == ("connect([REDACTED:own-secret])", (SecretFound("own-secret", 1, True),))


@pytest.mark.parametrize("name", ["IQUEST_API_KEY", "GITLAB_API_TOKEN", "CI_JOB_TOKEN"])
def test_a_foreign_value_is_certain_when_it_looks_random(name: str) -> None:
    def certain(name: str, value: str) -> list[bool]:
        return [secret.certain for secret in Redactor({name: value}).redact_text(f"f({value})").found]

    assert certain(name, "customer_number") == [True]
    assert certain("PRIMARY_KEY", "customer_number") == [False]
    assert certain("PRIMARY_KEY", "x7Qp2mZk9") == [True]


def test_a_value_of_several_lines_is_known_by_its_random_parts() -> None:
    body, key = key_lines(chance(), 96), text(chance(), "0123456789abcdef", 40)
    lines = [
        '"type": "service_account",',
        '"token_uri": "https://oauth2.googleapis.com/token",',
        '"private_key": "' + "\\n".join(pem(body)) + '",',
        f'"private_key_id": "{key}"',
    ]
    redactor = Redactor({"GOOGLE_CREDENTIALS": "\n".join(["{", *lines, "}"])})

    assert [redactor.redact_text(line).text for line in lines[:2]] == lines[:2]
    assert [redactor.redact_text(f"f({value})").text for value in (key, body[0])] == ["f([REDACTED:own-secret])"] * 2


@pytest.mark.parametrize("width", [60, 64, 70, 76])
@pytest.mark.parametrize("before", range(0, 90, 7))
def test_an_own_secret_in_wrapped_base64_goes_completely(width: int, before: int) -> None:
    value = "Zq7Xw2Lk9Vb4Nc8Rt1YsPd6Mf3Hj0Gu5"
    encoded = base64.b64encode(b"x" * before + b"user:" + value.encode() + b" and more").decode()
    lines = [encoded[at : at + width] for at in range(0, len(encoded), width)]
    clean = Redactor({"A_TOKEN": value}).redact_text("\n".join(["key: |", *lines, "end"])).text
    core = encoded[(before + 5) * 4 // 3 : (before + 37) * 4 // 3]

    assert not any(core[at : at + 6] in clean for at in range(len(core) - 6))
    assert (clean.split("\n")[0], clean.split("\n")[-1]) == ("key: |", "end")


@pytest.mark.parametrize("offset", range(9))
def test_an_own_secret_is_known_in_base64_of_base64(offset: int) -> None:
    inner = base64.b64encode(b"u" * (offset % 3) + b":" + OWN.encode() + b"!")
    twice = base64.b64encode(b"{" * (offset // 3) + inner + b"}").decode()

    assert redacted(f"<{twice}>") == "<[REDACTED:own-secret]>"


@pytest.mark.parametrize("form", ["%%%02x", "%%%02X", "\\x%02x", "\\x%02X"])
def test_an_own_secret_is_known_with_every_byte_escaped(form: str) -> None:
    assert redacted("<" + "".join(form % byte for byte in OWN.encode()) + ">") == "<[REDACTED:own-secret]>"


# -- private keys across lines


@pytest.mark.parametrize("before", ["", "    ", "# ", ' "', "// ", "+ '"])
def test_each_line_of_a_private_key_becomes_a_placeholder(before: str) -> None:
    body = key_lines(chance(), 400)
    after = {' "': '\\n" +', "+ '": "\\n'"}.get(before, "")
    clean, found = one(added("key.txt", "a", *(f"{before}{line}{after}" for line in pem(body)), "b"))

    assert [row.count(b"[REDACTED:private-key]") for row in rows(clean)] == [0, 0, *(1 for _ in body), 0, 0]
    assert found == (SecretFound("private-key", 3, True, "key.txt", LineKind.ADDED),)


def test_a_key_of_removed_added_and_unchanged_lines_goes_whole() -> None:
    (begin, *old, end), new = pem(key_lines(chance(1), 200)), key_lines(chance(2), 200)
    mixed = [
        line
        for pair in zip([f"-{line}" for line in old[1:]], [f"+{line}" for line in new[1:]], strict=True)
        for line in pair
    ]
    clean, found = one(modified("key.pem", hunk(f" {begin}", f" {old[0]}", *mixed, f" {end}", " after")))

    assert not any(line.encode() in row for row in rows(clean) for line in (*old, *new))
    assert [row[:1] for row in rows(clean)] == [b" ", b" ", *(row[:1].encode() for row in mixed), b" ", b" "]
    assert {secret.row for secret in found} == {LineKind.REMOVED, LineKind.ADDED, LineKind.CONTEXT}
    assert {secret.side for secret in found} == {Side.OLD, Side.NEW}


@pytest.mark.parametrize(
    "shown", [slice(0, 4), slice(-4, None), slice(3, 8)], ids=["its beginning", "its end", "its middle"]
)
def test_a_part_of_a_key_in_a_hunk_is_replaced(shown: slice) -> None:
    lines = pem(key_lines(chance(), 600))[shown]
    clean, found = one(modified("key.pem", hunk(*(f" {line}" for line in lines[:-1]), f"+{lines[-1]}")))

    assert not any(line.encode() in row for row in rows(clean) for line in lines if "-----" not in line)
    assert found


@pytest.mark.parametrize("shown", [0, 1], ids=["with its beginning", "without"])
def test_one_line_may_end_a_key_and_begin_another(shown: int) -> None:
    (begin, *first, end), second = pem(key_lines(chance(1), 200)), key_lines(chance(2), 200)
    clean = redacted("\n".join([begin, *first, end + begin, *second, "after it"][shown:])).split("\n")
    hidden = "[REDACTED:private-key]"

    assert clean == [begin, *[hidden] * len(first), end + begin, *[hidden] * len(second), "after it"][shown:]


def test_a_secret_beside_the_ends_of_a_key_leaves_them_whole() -> None:
    encoded = base64.b64encode(OWN.encode()).decode()
    begin, end = pem([])

    assert redacted(f"{end}{encoded}{begin}") == f"{end}[REDACTED:own-secret]{begin}"
    assert redacted(f"glpat-{text(chance(), ALNUM, 20)}{begin}") == f"[REDACTED:gitlab-token]{begin}"


def test_code_that_looks_for_keys_and_certificates_stay() -> None:
    body = key_lines(chance(), 300)
    certificate = [line.replace("RSA PRIVATE" + " KEY", "CERTIFICATE") for line in pem(body)]
    code = [f'if "{pem([])[0]}" in text:', "    return True", "else:", "    return False"]
    file = added("a.py", *code, *certificate)

    assert one(file) == (file, ())


def test_a_heading_may_be_a_key_line_or_a_cut_token() -> None:
    body, token = key_lines(chance(), 96)[0], "ghp_" + text(chance(), ALNUM, 36)
    heading = f"const settings = {{ region: 'eu-central-1', endpoint: 'a.example', token: '{token}"[:80]
    clean, found = one(modified("a.js", hunk(" a", "+b", heading=heading), hunk(" a", "+b", heading=body)))

    assert token[:8] not in clean.hunks[0].heading
    assert clean.hunks[1].heading == "[REDACTED:private-key]"
    assert found == ()


def test_a_long_heading_without_a_secret_stays() -> None:
    heading = "def connect(self, host: str, port: int, password: str, token: str = DEFAULT_TOKEN, secret: st"[:80]
    link = "To get started, run the installer and visit the [docs](https://kit.example.org:80"
    file = modified("a.py", hunk(" a", "+b", heading=heading), hunk(" a", "+b", heading=link))

    assert one(file)[0] is file


# -- diffs and files


def test_a_file_and_a_hunk_without_a_secret_are_the_very_same_objects() -> None:
    clean_hunk, token = hunk("-a", "+b"), checked("ghp_", chance())
    files = [
        modified("a.py", clean_hunk),
        modified("b.py", clean_hunk, hunk(" x", f"+y = '{token}'", " z", old=9, new=9)),
    ]
    (first, second), found = REDACTOR.redact_diff(files)

    assert first is files[0]
    assert second.hunks[0] is clean_hunk
    assert second.hunks[1].rows[0] is files[1].hunks[1].rows[0]
    assert second.hunks[1].rows[1] == b"+y = '[REDACTED:github-token]'"
    assert found == (SecretFound("github-token", 10, True, "b.py", LineKind.ADDED),)


def test_a_removed_secret_is_told_on_the_old_side() -> None:
    _, found = one(deleted("a.env", "A=1", f"X={checked('npm_', chance())}"))

    assert [(secret.line, secret.side, secret.row) for secret in found] == [(2, Side.OLD, LineKind.REMOVED)]


def test_a_file_reads_the_same_as_its_diff() -> None:
    lines = [line for secret in planted(chance(5), 80) for line in (*secret.lines, "between")]
    clean, _ = one(added("a.txt", *lines))

    assert [row[1:] for row in rows(clean)] == REDACTOR.redact_bytes("\n".join(lines).encode()).split(b"\n")


def test_bytes_that_are_not_utf8_stay_around_a_secret() -> None:
    token = checked("ghp_", chance()).encode()

    assert REDACTOR.redact_bytes(b"\xff\xfe '" + token + b"'\r\n\xe9") == b"\xff\xfe '[REDACTED:github-token]'\r\n\xe9"
    assert REDACTOR.redact_bytes(clean := b"\xff\xfe\r\n") is clean


# -- anything at all


_PLANTED = st.integers(0, 10_000).map(lambda seed: any_secret(chance(seed)).values[0])
_ANY_LINE = st.one_of(
    st.text(st.characters(blacklist_characters="\n"), max_size=60),
    st.builds(lambda line, value: line.replace("{}", value), st.sampled_from([*CODE, *ASSIGNED]), _PLANTED),
    st.integers(0, 200).map(lambda seed: ordinary(chance(seed), 2)[1]),
    st.builds(lambda value, other: value + other, _PLANTED, _PLANTED),
)


@QUICK
@given(st.lists(_ANY_LINE, max_size=8))
def test_lines_stay_lines_and_a_second_look_finds_nothing(lines: list[str]) -> None:
    once = REDACTOR.redact_text("\n".join(lines))

    assert len(once.text.split("\n")) == len("\n".join(lines).split("\n"))
    assert REDACTOR.redact_text(once.text).text == once.text
    assert (once.text == "\n".join(lines)) is (once.found == ())


@QUICK
@given(st.integers(0, 10**6), st.sampled_from(sorted(TOKENS)), st.sampled_from(CODE))
def test_a_token_leaves_no_five_characters(seed: int, kind: str, line: str) -> None:
    value = chance(seed).choice(TOKENS[kind])(chance(seed))
    around = "https://hooks.slack.com/services/{}" if kind == "slack-webhook" else "{}"
    clean = redacted(line.replace("{}", around.replace("{}", value))).replace(f"[REDACTED:{kind}]", "")

    assert not any(value[at : at + 5] in clean for at in range(len(value) - 4))


@QUICK
@given(diffs(), st.integers(0, 10_000))
def test_a_diff_keeps_its_rows_markers_and_numbers(diff: Diff, seed: int) -> None:
    secret = any_secret(chance(seed)).lines[0]
    files = [*diff.files, modified("z.py", hunk(" a", f"-{secret}", f"+{secret}", "\\ No newline at end of file"))]
    clean, found = REDACTOR.redact_diff(files)

    assert [_shape(file.hunks) for file in clean] == [_shape(file.hunks) for file in files]
    assert secret.startswith("-----") or {(hit.path, hit.line) for hit in found} >= {("z.py", 2)}


def _shape(hunks: tuple[Hunk, ...]) -> list[tuple[object, ...]]:
    return [(line.kind, line.old_line, line.new_line, line.newline) for hunk in hunks for line in hunk.iter_lines()]


# -- time


@pytest.mark.timed
@pytest.mark.parametrize(
    "unit",
    [
        *("token", "key=", "glpat-", "eyJ", "eyJa.", "://", "://a:", "sk-", "sk-a_", "password = ", "xoxb-", "bearer "),
        *('password="', "authorization: ", "A", "a1", "PRIVATE KEY-----", "basic aa", "token token=a1B2c3", "Q~", "-"),
    ],
)
def test_a_long_line_takes_time_by_its_length_alone(unit: str) -> None:
    assert seconds(unit * (100_000 // len(unit))) < 1


@pytest.mark.timed
@pytest.mark.parametrize(
    "line",
    [
        "password: thisisaverylongpassphraseindeed!",
        "DB_PASSWORD=correcthorsebatterystaplexyzabc%",
        'password = "' + "AbcDef" * 80 + '%"',
        "Bearer " + "abcdefghijklmnopqrstuvwxyz" * 3 + "~1",
        "https://app:" + "abcdefghijklmnopqrstuvwxyz" * 3 + "%@host",
    ],
)
def test_words_followed_by_a_sign_take_no_time(line: str) -> None:
    assert seconds(line) < 0.1


@pytest.mark.timed
@pytest.mark.parametrize(
    "line",
    [
        "A" + "\\\\n" * 28 + "!",
        "A" + "\\" * 5_000 + "!",
        *(f"{sign * 5_000}!" for sign in "+/# =-\\"),
        "+/" * 2_500 + "!",
    ],
)
def test_a_line_that_is_nearly_one_of_a_key_takes_no_time(line: str) -> None:
    begin, end = pem([], "")

    assert seconds(f"{begin}\n{line}") + seconds(f"{line}\n{end}") < 0.2


_CLASSES = [
    "a",
    "A",
    "1",
    "aB3",
    "x7Qp2mZk9 ",
    " ",
    "\t",
    "_",
    "-",
    "+",
    "/",
    "=",
    "%",
    "\\",
    "\\n",
    '"',
    "'",
    "`",
    ":",
    ".",
]
_STARTS = sorted({marker.decode() for marker in token_formats.MARKERS} | {"password=", "token: ", 'secret = "', "key-"})


@pytest.mark.timed
@pytest.mark.parametrize("start", _STARTS)
def test_a_hostile_line_takes_no_time(start: str) -> None:
    lines = [
        start * 500,
        f"{start}x7Qp2mZk9 " * 300,
        *(start + unit * 500 + "!" for unit in (*_CLASSES, start.upper())),
    ]

    assert seconds("\n".join(lines)) < 0.5


@pytest.mark.timed
@QUICK
@given(st.lists(st.tuples(st.sampled_from(_CLASSES + _STARTS), st.sampled_from([1, 2, 40, 900])), max_size=6))
def test_no_line_of_such_parts_takes_time(parts: list[tuple[str, int]]) -> None:
    assert seconds("".join(unit * count for unit, count in parts)) < 0.5


@pytest.mark.timed
@pytest.mark.parametrize("unit", ['password="', "pwd=x7Qp2mZk9 ", "AKIAQ2W3E4R5T6Y7U8I9 "])
def test_a_long_line_takes_time_in_proportion_to_its_length(unit: str) -> None:
    tenth = seconds(unit * (500_000 // len(unit)))

    assert seconds(unit * (5_000_000 // len(unit))) < 25 * tenth + 1  # a hundred times as long, were it the square


def test_exact_values_and_forms_are_known_after_64_kib() -> None:
    token = checked("ghp_", chance())
    clean = redacted(f"{'a ' * 40_000} {OWN} {token} password=x7Qp2mZk9")

    assert clean.endswith(" [REDACTED:own-secret] [REDACTED:github-token] password=x7Qp2mZk9")


def test_a_key_may_stand_on_one_line_between_its_ends() -> None:
    begin, end = pem([])
    body = "".join(key_lines(chance(), 1_200))

    assert redacted(f"{begin}\n{body}\n{end}") == f"{begin}\n[REDACTED:private-key]\n{end}"


def seconds(text: str) -> float:
    started = time.process_time()
    REDACTOR.redact_text(text)
    return time.process_time() - started


@pytest.mark.parametrize("value", ["ollama", "lm-studio", "not-needed", "sk-no-key-required", "token-abc123", "vllm"])
def test_a_placeholder_for_a_missing_key_is_not_a_secret(value: str) -> None:
    """Local model servers take any key, and their manuals name these."""
    assert Redactor({"IQUEST_API_KEY": value}).redact_text(f"import {value}").found == ()
