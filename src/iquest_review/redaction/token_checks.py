"""Checks of values that have the form of a credential: True for certainly one, False for probably, None for not one."""

import base64
import binascii
import re
import zlib

from iquest_review.redaction.expressions import is_part_of_expression
from iquest_review.redaction.heuristics import is_example, is_placeholder, is_random

_BASE62 = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_BASE36 = b"0123456789abcdefghijklmnopqrstuvwxyz"


def check_prefix(secret: bytes) -> bool | None:
    """Check a token whose prefix is certain: nothing else begins so."""
    return None if is_example(secret) else True


def check_base62(secret: bytes) -> bool | None:
    """Check a token of GitHub or npm: 30 characters and their CRC-32 in six of base 62.

    One with a wrong checksum is probably a token.
    """
    body = secret.partition(b"_")[2]
    if is_example(secret):
        return None
    return len(body) == 36 and body[-6:] == _encode_digits(zlib.crc32(body[:-6]), _BASE62, 6)


def check_gitlab(secret: bytes) -> bool | None:
    """Check a token of GitLab: a routable one ends in its payload's length and a CRC-32, both in base 36."""
    if is_example(secret):
        return None
    if secret[:16].count(b"%"):
        secret = re.sub(rb"%2[Dd]", b"-", secret, count=1)
    body, _, tail = secret.rpartition(b".")
    if len(tail) == 9 and tail[2:] != _encode_digits(zlib.crc32(secret[:-7]), _BASE36, 7):
        return False
    return not (body and len(tail) != 9 and b"eyJ" not in body)


def _encode_digits(number: int, alphabet: bytes, width: int) -> bytes:
    digits = bytearray()
    while number:
        number, digit = divmod(number, len(alphabet))
        digits.append(alphabet[digit])
    return bytes(reversed(digits)).rjust(width, alphabet[:1])


def check_openai(secret: bytes) -> bool | None:
    """Check a key of OpenAI: today's keys contain base64 of "OpenAI"; other texts that begin with sk- may be keys."""
    if is_example(secret):
        return None
    if b"T3BlbkFJ" in secret:
        return True
    plain = secret.removeprefix(b"sk-")
    named = secret.startswith((b"sk-proj-", b"sk-svcacct-", b"sk-admin-", b"sk-or-v1-")) and len(secret) > 40
    return False if named or (len(plain) >= 32 and plain.isalnum() and is_random(plain)) else None


def check_jwt(secret: bytes) -> bool | None:
    """Check a JSON web token: its head names an algorithm; the one of jwt.io, of John Doe, is everybody's example."""
    head, payload = (_decode_base64(part) for part in secret.split(b".")[:2])
    if b"John Doe" in payload:
        return None
    return True if b'"alg"' in head else False if head.startswith(b"{") else None


def check_private_key(secret: bytes) -> bool | None:
    """Check the body of a key on one line."""
    return True if re.search(rb"[A-Za-z0-9+/=]{30}", secret) else None


def check_encoded_key(secret: bytes) -> bool | None:
    """Check a whole key in base64."""
    return True if b"PRIVATE KEY" in _decode_base64(secret[:120]) else None


def check_basic(secret: bytes) -> bool | None:
    """Check `user:password` in base64."""
    user, colon, password = _decode_base64(secret).partition(b":")
    if is_placeholder(secret) or not colon or not (user + password).isascii() or len(password) < 3:
        return None
    return None if is_placeholder(password) or password == user else False


def check_authorization(secret: bytes) -> bool | None:
    """Check the value of an Authorization header."""
    return check_basic(secret) if re.fullmatch(rb"[!-~]+:[!-~]+", _decode_base64(secret)) else check_random(secret)


def check_url_password(secret: bytes) -> bool | None:
    """Check `user:password` of a URL; a placeholder is not a password."""
    user, _, password = secret.rpartition(b",")[2].partition(b":")  # the last of several hosts
    if b"[" in secret or is_part_of_expression(password):
        return None  # user[:password] of a manual, or code
    named = is_placeholder(password) or password == user
    return False if not named or check_random(user) is False else None  # https://TOKEN:x-oauth-basic@host


def check_random(secret: bytes) -> bool | None:
    """Check a value that only its place and its entropy give away."""
    return False if not is_placeholder(secret) and is_random(secret) else None


def _decode_base64(text: bytes) -> bytes:
    """Decode base64 of either alphabet; return nothing if the text is not base64."""
    plain = text.translate(bytes.maketrans(b"-_", b"+/")).rstrip(b"=")
    try:
        return base64.b64decode(
            plain[: len(plain) // 4 * 4] if len(plain) % 4 == 1 else plain + b"=" * (-len(plain) % 4)
        )
    except binascii.Error:  # not base64, so not what the check looks for
        return b""
