"""Whether a value looks like a secret or was written to be read: by entropy, character classes and words."""

import re
from collections import Counter
from functools import cache
from itertools import pairwise
from math import log2

compile_pattern = cache(re.compile)  # compiled when first needed: most merge requests need none of the patterns
MIN_VALUE_CHARS = 8  # of an assigned secret
_MAX_EXAMPLE_BYTES = 400  # of a token, where a person may say that it is an example
_MIN_ENTROPY_BITS = 2.75  # per character: "hunter2hunter2" has 2.8
# Written by hand in examples of tokens; too long to be in a random one by chance.
_EXAMPLE = (
    rb"(?i)example|placeholder|redacted|xxxxx|12345678|abcdefgh|changeme|your[_-]|dummy|00000000|\*\*\*|\.\.\."
    rb"|(?:deadbeef){2}"
)
_TEMPLATE = (
    rb"\$[{(]|\{\{|<%|%\(|#\{|\{[A-Za-z_][\w.:!()\[\]]*\}|(?:^|:)\$[A-Za-z_]\w*(?:$|://)|%[sdvq](?![0-9a-z])|%-\d{1,3}[sdx]|%\d{0,3}\.\d{1,2}f|%0\d[dxX]|^%\w+%$|^<.*>?$"
    rb"|^\{.*\}?$|^\[.*\]?$|^\(|\[REDACTED|^\*+$|^__\w+__$|^!\w+$|^@\w*[./:{(]|^\\[wdsb(]|\\[dwsb][+*{]|\\[xuU][0-9A-Fa-f]|\(\?|\[\^?[\w\\]+-|&#|^&\w+;"
    rb"|^#/\w|^(?:\w{1,60}\.){0,9}(?:[A-Z][a-z0-9]+){2,}@(?=[0-9]*[a-f])(?=[a-f]*[0-9])[0-9a-f]{5,8}$"
)
_STANDS_FOR = (
    rb"(?i)example|\.\.\.|\*\*\*|change.?(?:me|it|this)|placeholder|your[_-]|(?<![a-z0-9])my[_-]|dummy"
    rb"|redacted|sample|replace|insert|todo|fake|mock|(?<![a-z0-9])f[o0]{2}b|lorem|not.?(?:a.?)?(?:real|secret|valid)|invalid|undefined|process\.env|environ|getenv|import\.meta|secrets?\.|vault:|^enc\["
)
_WORDS = frozenset(
    b"password passwd passwort pass pwd pw secret token user username test testing tests example admin root postgres"
    b" guest mysql redis rabbitmq foo bar baz qux none null nil true false default string value key abc xyz any empty"
    b" minio minioadmin hunter2 letmein qwerty login credential credentials api_key apikey"
    b" access_token auth_token x-oauth-basic oauth2".split()
)
# Credentials of the examples in RFC 5849, 6749, 6750 and 7617 and their drafts, copied into manuals and comments.
_PUBLISHED = frozenset(
    b"0685bd9184jfhq22 ad180jjd733klru7 h480djs93hd8 2YotnFZFEjr1zCsicMWpAA tGzv3JOkF0XG5Qx2TlKWIA mF_9.B5f-4.1JqM"
    b" czZCaGRSa3F0MzpnWDFmQmF0M2JW gX1fBat3bV 7Fjfp0ZBr1KtDRbnfVdmIw SplxlOBeZQQYbYS6WxSbIA vF9dft4qmT"
    b" QWxhZGRpbjpvcGVuIHNlc2FtZQ== YWxhZGRpbjpvcGVuc2VzYW1l dGVzdDoxMjPCow== kkk9d7dh3k39sjv7 hh5s93j4hdidpola"
    b" hdhd0244k9j7ao03 dpf43f3p2l4k3l03 kd94hf93k423kf44 9djdj82h48djs9d2".split()
)
PLAIN_WORDS = frozenset(word.decode() for word in _WORDS)
_COMMON = (
    rb"(?i)passw(?:or)?d|passphrase|secret|token|bearer|apikey|api|auth|access|refresh|client|user|admin|test"
    rb"|key|abc|123+"
)
_UUID = rb"(?i)[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_ELSEWHERE = (
    rb"(?i)^[a-z][a-z0-9+.-]{1,20}:/|^(?:\.{1,2}|~|/[\w.-]+|[\w-]+)(?:/[\w.-]+)+\.\w{1,5}$|^(?:\.{0,2}|~)/[\w.-]+/|^[a-z]:\\|^[\w.+-]+@[\w-]+(?:\.[\w-]+)+$"
    rb"|^arn:|^sha\d{1,3}[-:]|^(?:text|image|application)/|^data:|^-?0x[0-9a-f]+$|^v?\d+(?:\.\d+)+|^projects/"
    rb"|^[\w.-]+\.(?:ya?ml|json|pem|key|crt|cer|txt|p12|pfx|jks|env|xml|toml|ini|cfg|conf|properties)(?:\.\w{1,4})?$"
)
_PART = rb"[-_./:,|+=@ ]+"
_WORD = rb"(?>[A-Z]?[a-z]++|[A-Z]+(?![a-z]))++\d{0,4}|\d{1,8}|v\d+\w{0,3}|[a-z]\d{1,2}[a-z]|[A-Za-z]\d?"
_SPECIAL = rb"[!@#$%^&*?~+=|;<>(){}\[\]]"
_CONSONANTS = rb"[bcdfghjklmnpqrstvwxz]{6}"
_CLASSES = bytes.maketrans(
    bytes(range(256)),
    bytes(
        ord("a")
        if chr(code).islower()
        else ord("A")
        if chr(code).isupper()
        else ord("0")
        if chr(code).isdigit()
        else ord("-")
        for code in range(128)
    )
    + b"-" * 128,
)


def is_example(secret: bytes) -> bool:
    """Return whether a token of known form is an example: few different characters, a sequence, or only words."""
    return (
        len(set(secret[-30:])) <= 8
        or not compile_pattern(rb"[0-9A-Z]").search(secret, 6)
        or bool(compile_pattern(_EXAMPLE).search(secret, 0, _MAX_EXAMPLE_BYTES))
    )


def is_placeholder(value: bytes) -> bool:
    """Return whether a value stands for another one: a variable, a template, stars, a word such as `password`."""
    if value in _PUBLISHED or value.lower() in _WORDS or len(set(value)) <= 2 or not value.isascii():
        return True
    if re.fullmatch(rb"[A-Z]+(?:_[A-Z0-9]+)*|<?[a-z]*[_-]?(?:password|passwd|pass|secret|token)[_-]?\d{0,3}>?", value):
        return True
    return bool(
        b"xxxx" in value
        or b"XXXX" in value
        or compile_pattern(_TEMPLATE).search(value)
        or compile_pattern(_STANDS_FOR).search(value)
    )


def is_random(value: bytes, least: int = MIN_VALUE_CHARS) -> bool:
    """Return whether a value of `least` or more characters looks random.

    Words followed by a number, names, paths, versions and UUIDs do not.
    """
    if (
        len(value) < least
        or not value.isascii()
        or compile_pattern(_UUID).fullmatch(value)
        or compile_pattern(_ELSEWHERE).search(value)
    ):
        return False
    parts = compile_pattern(_PART).split(value)
    if all(not part or compile_pattern(_WORD).fullmatch(part) for part in parts):
        return any(map(_has_random_letters, parts))
    rest = compile_pattern(_COMMON).sub(b"", value)
    return (
        len(rest) >= 6
        and _count_class_changes(rest) >= max(3, 0.16 * (len(rest) - 1))
        and compute_entropy(rest) >= _MIN_ENTROPY_BITS
    )


def is_password(value: bytes) -> bool:
    """Return whether a value has the four kinds of characters that password rules ask for."""
    classes = (rb"[a-z]", rb"[A-Z]", rb"[0-9]")
    return (
        len(value) >= MIN_VALUE_CHARS
        and bool(compile_pattern(_SPECIAL).search(value))
        and all(re.search(kind, value) for kind in classes)
    )


def compute_entropy(value: bytes) -> float:
    """Return the Shannon entropy of a value, in bits per character."""
    return -sum(count / len(value) * log2(count / len(value)) for count in Counter(value).values())


def _count_class_changes(value: bytes) -> int:
    """Count how often the class of characters changes, except within a capitalised word and around separators."""
    classes = value.translate(_CLASSES)
    pairs = Counter(pairwise(classes))
    return (
        sum(
            count
            for (before, after), count in pairs.items()
            if before != after and (before, after) != (ord("A"), ord("a"))
        )
        - sum(count for (before, after), count in pairs.items() if ord("-") in (before, after) and before != after) // 2
    )


def _has_random_letters(value: bytes) -> bool:
    """Return whether letters, perhaps followed by digits, lack syllables: many short runs of one case, or no vowels."""
    letters = value.rstrip(b"0123456789")
    if len(letters) < 10 or not letters.isalpha():
        return False
    runs = re.findall(rb"[A-Z]*[a-z]*", letters)[:-1]
    return bool(compile_pattern(_CONSONANTS).search(letters)) or (
        len(runs) >= 5 and len(letters) <= (3.2 if len(letters) < 32 else 4) * len(runs)
    )
