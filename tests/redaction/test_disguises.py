"""An own secret is known in whatever spelling a reader can undo, and ordinary words are left alone."""

import base64
import codecs
import html
import json
import quopri
import random
import textwrap
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iquest_review.redaction.redactor import Redactor
from tests.support.planted_secrets import ALNUM, ordinary, text

SECRET = "wJalr7XUtnFEMI-K7MDENG+bPxRf9Cy"
REDACTOR = Redactor({"IQUEST_API_KEY": SECRET})
HIDDEN = "[REDACTED:own-secret]"
HALF = len(SECRET) // 2
BYTES = SECRET.encode()


def redact(shown: str) -> str:
    return REDACTOR.redact_text(shown).text


def wrap(shown: str, before: str = "", width: int = 12) -> str:
    return "\n".join(before + line for line in textwrap.wrap(shown, width, break_on_hyphens=False))


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(f"{SECRET[:HALF]}\n{SECRET[HALF:]}", id="broken over two lines"),
        pytest.param("\n".join(SECRET), id="a character a line"),
        pytest.param(f"+{SECRET[:HALF]}\n+{SECRET[HALF:]}", id="with the markers of a diff"),
        pytest.param(wrap(SECRET, "    "), id="indented"),
        pytest.param(wrap(SECRET, "- "), id="list"),
        pytest.param(wrap(SECRET, "> * "), id="list in a quote"),
        pytest.param(wrap(SECRET, "# "), id="comment"),
        pytest.param(f"1. {SECRET[:HALF]}\n2. {SECRET[HALF:]}", id="numbered list"),
        pytest.param(f" 7 | {SECRET[:HALF]}\n 8 | {SECRET[HALF:]}", id="with line numbers"),
        pytest.param(" ".join(SECRET), id="spaced out"),
        pytest.param("-".join(SECRET), id="hyphens between"),
        pytest.param("\u200b".join(SECRET), id="zero-width spaces between"),
        pytest.param("\u2060\u00ad".join(SECRET), id="word joiners and soft hyphens between"),
        pytest.param("".join(chr(ord(c) + 0xFEE0) for c in SECRET), id="full-width forms"),
        pytest.param("".join(chr(0x1D7F6 + int(c)) if c.isdigit() else c for c in SECRET), id="mathematical digits"),
        pytest.param(f'"{SECRET[:9]}" + "{SECRET[9:]}"', id="strings added"),
        pytest.param(f'"{SECRET[:9]}" .\n  "{SECRET[9:]}"', id="strings added on two lines"),
        pytest.param(f"['{SECRET[:5]}', '{SECRET[5:16]}', '{SECRET[16:]}']", id="list of strings"),
        pytest.param(f"head = \"{SECRET[:9]}\"\ntail = '{SECRET[9:]}'", id="strings of two names"),
        pytest.param(f'concat("{SECRET[:9]}", "{SECRET[9:]}")', id="strings of a call"),
        pytest.param(f"**{SECRET[:9]}**{SECRET[9:]}", id="emphasis"),
        pytest.param(f"{SECRET[:9]}`{SECRET[9:18]}`_{SECRET[18:]}_", id="code and emphasis"),
        pytest.param(f"<b>{SECRET[:9]}</b><i>{SECRET[9:]}</i>", id="tags"),
        pytest.param(f"{SECRET[:9]}<br/>{SECRET[9:]}", id="line break of HTML"),
        pytest.param(f"{SECRET[:9]}\\n{SECRET[9:]}", id="escaped line break"),
        pytest.param(f"{SECRET[:9]}&shy;{SECRET[9:]}", id="soft hyphen of HTML"),
        pytest.param(f"{SECRET[:9]}\x1b[0m{SECRET[9:]}", id="colour between"),
        pytest.param(SECRET[::-1], id="backwards"),
        pytest.param(codecs.encode(SECRET, "rot13"), id="rot13"),
        pytest.param(SECRET.upper(), id="upper case"),
        pytest.param(base64.b32encode(BYTES).decode(), id="base32"),
        pytest.param(
            base64.b32encode(b"ab:" + BYTES).decode().lower().rstrip("="), id="base32 of a pair in lower case"
        ),
        pytest.param(base64.b64encode(b"user:" + BYTES).decode(), id="base64 of a pair"),
        pytest.param(wrap(base64.b64encode(b"xy:" + BYTES).decode(), "  ", 20), id="wrapped base64"),
        pytest.param(wrap(base64.b64encode(BYTES).decode().rstrip("="), "+ ", 8), id="base64 in short lines"),
        pytest.param(" ".join(base64.urlsafe_b64encode(BYTES).decode()), id="spaced base64 of URLs"),
        pytest.param(base64.b64encode(base64.b64encode(b"u:" + BYTES)).decode(), id="base64 twice"),
        pytest.param(BYTES.hex(" "), id="hexadecimal with spaces"),
        pytest.param(BYTES.hex(":").upper(), id="hexadecimal with colons in upper case"),
        pytest.param("0x" + BYTES.hex(), id="hexadecimal number"),
        pytest.param(", ".join(f"0x{byte:02X}" for byte in BYTES), id="hexadecimal bytes of C"),
        pytest.param(wrap(BYTES.hex(" ", 2), "", 20), id="wrapped hexadecimal pairs"),
        pytest.param("".join(f"%{byte:02X}" for byte in BYTES), id="percent-encoding of all"),
        pytest.param("".join(f"%25{byte:02x}" for byte in BYTES), id="percent-encoding twice"),
        pytest.param(quote(quote(SECRET, safe="")), id="percent-encoding of a URL twice"),
        pytest.param("".join(c if n % 3 else f"%{ord(c):02x}" for n, c in enumerate(SECRET)), id="mixed percents"),
        pytest.param("".join(f"\\u{byte:04x}" for byte in BYTES), id="escapes of JSON"),
        pytest.param("".join(f"\\u{{{byte:x}}}" for byte in BYTES), id="escapes of JavaScript"),
        pytest.param("".join(f"\\U{byte:08X}" for byte in BYTES), id="long escapes"),
        pytest.param("".join(f"\\{byte:03o}" for byte in BYTES), id="octal"),
        pytest.param("".join(f"\\x{byte:02x}" for byte in BYTES), id="escapes of C"),
        pytest.param(json.dumps("".join(f"\\u{byte:04x}" for byte in BYTES)), id="escapes of JSON in JSON"),
        pytest.param("".join(f"&#{byte};" for byte in BYTES), id="decimal entities"),
        pytest.param("".join(f"&#x{byte:X};" for byte in BYTES), id="hexadecimal entities"),
        pytest.param(html.escape("".join(f"&#{byte};" for byte in BYTES)), id="escaped entities"),
        pytest.param(SECRET.replace("-", "&hyphen;").replace("+", "&plus;"), id="named entities"),
        pytest.param(quopri.encodestring(b"=" + BYTES.replace(b"-", b"\x2d")).decode()[3:], id="quoted-printable"),
        pytest.param("".join(f"={byte:02X}" for byte in BYTES), id="quoted-printable of all"),
        pytest.param(
            base64.b64encode(BYTES).decode()[:20] + "\\n" + base64.b64encode(BYTES).decode()[20:],
            id="base64, escaped line break",
        ),
        pytest.param(f"{SECRET[:9]}=\n{SECRET[9:]}", id="soft line break"),
        pytest.param(", ".join(map(str, BYTES)), id="decimal codes"),
        pytest.param("+".join(f"chr({byte})" for byte in BYTES), id="calls of chr"),
        pytest.param(" ".join(f"{byte:08b}" for byte in BYTES), id="binary codes"),
    ],
)
def test_an_own_secret_is_known_in_disguise(shown: str) -> None:
    clean = REDACTOR.redact_text(f"The key is <{shown}>, see the log.\nThe end.")

    assert HIDDEN in clean.text
    assert clean.text.startswith("The key is <")
    assert clean.text.endswith(">, see the log.\nThe end.")
    assert clean.text.count("\n") == shown.count("\n") + 1
    assert all(hit.certain for hit in clean.found)
    rest = clean.text.replace(HIDDEN, "").removeprefix("The key is").removesuffix(", see the log.\nThe end.")
    assert sum(map(str.isalnum, rest)) < 12


@pytest.mark.parametrize("value", ["password", "production", "customer_number", "my-project", "20240115120000"])
def test_an_ordinary_value_is_not_put_together(value: str) -> None:
    shown = (
        "The pass word of pro-duction: customer number 7, my project, on 2024-01-15 12:00:00.\n"
        f"- {' '.join(value)}\n{value[::-1]} {value.encode().hex()} {codecs.encode(value, 'rot13')}"
    )
    clean = Redactor({"IQUEST_API_KEY": value, "DB_PASSWORD": value}).redact_text(shown).text

    assert clean.startswith("The pass word of pro-duction: customer number 7, my project, on 2024-01-15 12:00:00.\n")


def test_ordinary_lines_hold_no_disguise() -> None:
    chance = random.Random(5)
    redactor = Redactor({f"TOKEN_{n}": text(chance, ALNUM, 12 + n) for n in range(20)})
    shown = "\n".join(ordinary(chance, 2_000))

    assert redactor.redact_text(shown).text == shown


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.integers(0, 10**6), st.lists(st.integers(1, 6), min_size=2, max_size=30), st.sampled_from(["\n+ ", " ", "*\n"])
)
def test_a_value_broken_anywhere_is_known(seed: int, sizes: list[int], between: str) -> None:
    value = "x7" + text(random.Random(seed), ALNUM, 22)
    parts, rest = list[str](), value
    for size in sizes:
        parts, rest = [*parts, rest[:size]], rest[size:]
    clean = Redactor({"CI_JOB_TOKEN": value}).redact_text(f"({between.join(filter(None, [*parts, rest]))})").text

    assert not any(value[at : at + 4] in clean.replace(HIDDEN, "") for at in range(len(value) - 3))


@pytest.mark.timed
@pytest.mark.parametrize(
    "unit", ["a1", "'", '"`', "%25", "\\", "&#x", "<a", "=\n", "1 ", "\n   ", "\uff21", "\n1|", "&a", "[0", "01"]
)
def test_a_long_text_takes_time_by_its_length_alone(unit: str) -> None:
    redactor = Redactor({f"TOKEN_{n}": text(random.Random(n), ALNUM, 30) for n in range(20)})
    started = time.process_time()
    redactor.redact_text(unit * (200_000 // len(unit)))

    assert time.process_time() - started < 2
