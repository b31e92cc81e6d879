"""Code is not a password, though it has brackets, capitals and digits; a password with brackets still is one."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iquest_review.redaction.expressions import is_expression
from iquest_review.redaction.redactor import Redactor

REDACTOR = Redactor({})


def redact(line: str) -> str:
    return REDACTOR.redact_text(line).text


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("c := C{Token: apiToken1},", id="composite literal closed behind a variable"),
        pytest.param("    Token: asn1.RawValue{FullBytes: sig1},", id="composite literal of a package"),
        pytest.param("var _ Credential = RawCredentialImpl1{}", id="empty composite literal"),
        pytest.param("    Token:    Token{A1: other2}}", id="two literals closed"),
        pytest.param("token: Tokens.Kind2.Open[0],", id="index of a member"),
        pytest.param('x.SelectToken("A[0].Name1")', id="JSON path"),
        pytest.param("x.SelectToken(\"$.[3]['Name1']\")", id="JSON path of quoted keys"),
        pytest.param('t = o.SelectToken("$..book[?(@.Price1>10)].Title");', id="JSON path with a filter"),
        pytest.param("Assert.IsFalse(((IList<JToken>)o).Contains(p3));", id="cast and call"),
        pytest.param('token = (Token2)obj.GetValue1("K[1]")', id="cast"),
        pytest.param("let token: Option<Token2> = None;", id="generic type"),
        pytest.param("secret: &'a Secret1<T>,", id="lifetime"),
        pytest.param("Token: *t.Token1,", id="pointer"),
        pytest.param("74 flags:# password:flags.0?InputCheckPasswordSRP2 = Bool;", id="optional type"),
        pytest.param("password VARCHAR2(255) NOT NULL", id="type of a column"),
        pytest.param("final class MissingToken : io.server.auth/OAuth2Exception {", id="base class in a package"),
        pytest.param("const p = Buffer.from(password, 'base64').toString('utf8')", id="two short strings of a call"),
        pytest.param("'PHP_URL_PASS':'','PHP_URL_PATH':'',", id="strings of a dictionary"),
        pytest.param('table.PrimaryKey(""PK_ConvertedTestModels1"", x => x.Id);', id="doubled quotes"),
        pytest.param('strbuf_addf(&last_token, "%"PRIu64"", last_update1);', id="format string put together"),
        pytest.param('set("app.password=some-password", "app.driver2.class-name=org.h2.Driver")', id="value as a name"),
        pytest.param("private_key   = $base_dir/ca_key2.pem", id="path below a variable"),
        pytest.param('val token = client.get("$TEST_SERVER/auth/token/second2?delay=500")', id="URL below a variable"),
        pytest.param("--- PASS: TestA/zip#01", id="log of Go"),
        pytest.param("    --- PASS: TestJSON/Token2/[1].x (0.01s)", id="log of a subtest"),
        pytest.param("PASS: tests/Foo2/bar#1.t", id="log of automake"),
        pytest.param("pass:Macro=23", id="macro"),
        pytest.param("SIOCGLIFTOKEN                 = -0x3f879678", id="negative hexadecimal number"),
        pytest.param('initialClusterToken: "etcd-cluster-k8s"', id="numeronym"),
        pytest.param("token == Tok1::Plus2", id="comparison"),
        pytest.param("INFO  auth.Service1 - token: TokenService1@4f3b1c", id="log of an object"),
        pytest.param('pass="pass:$Pass1" x', id="argument of a variable"),
        pytest.param('token = "%-10s|%5.2fAb"', id="format string"),
        pytest.param('secret: "#/definitions/Secret1"', id="JSON pointer"),
        pytest.param('"password": "//input[@Id=\'Pw1\']"', id="XPath"),
        pytest.param('password = user["Pass1"] + token->Value1[Idx2]', id="pointer and index"),
        pytest.param("Token(type=STRING1, value=Ab2)", id="log of a struct"),
        pytest.param('if tok.token == Token::Ident("Abc12345") {', id="enum"),
        pytest.param("git push -u topic_2:other2", id="refspec"),
        pytest.param("  x;Password=passwd;Database=auth_query_db;Keepalive=5", id="placeholder in a connection string"),
        pytest.param("HTTPD_URL_USER_PASS=$HTTPD_PROTO://user%40host:password@$HTTPD_DEST", id="URL of variables"),
        pytest.param('path("config", "credentials", "KnAM4a_development.yml.enc")', id="name of a file"),
        pytest.param('"authenticity_token"=>"XLveDrKzF1SwaiNRPTaMtkrsTzedtebPPkmxEFIU0"', id="token of a form"),
        pytest.param('"access_token":"2YotnFZFEjr1zCsicMWpAA",', id="token of a standard"),
        pytest.param("Authorization: Basic czZCaGRSa3F0MzpnWDFmQmF0M2JW", id="header of a standard"),
        pytest.param("secret := [2]string{Aa1,Bb2}", id="array"),
        pytest.param('r.token(n,"x1")||(e.Token=A(y?1:Bc2),i.Type=Qt(ab))', id="minified"),
        pytest.param("a form is (http|https|ftp)://[user[:Pass1]]@host.domain[:port]/path", id="grammar of a URL"),
        pytest.param("hosts('https://foo.com:123,foo:password@bar.com/path')", id="several hosts"),
        pytest.param('call system(zip." -u ".s:Escape(fnamemodify(zipfile,":p1"),0))', id="option and a call"),
    ],
)
def test_code_stays(line: str) -> None:
    assert redact(line) == line


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ('password = "aB3$x(9)Zq"', "aB3$x(9)Zq"),
        ('password = ")^X#ZX#JRyIY}t9"', ")^X#ZX#JRyIY}t9"),
        ('password = "Summer(2024)"', "Summer(2024)"),
        ('pwd = "Pa$$w0rd[1]x"', "Pa$$w0rd[1]x"),
        ("DB_PASSWORD=aB3$x{9}Zq!", "aB3$x{9}Zq!"),
        ("password: P@ss(w0rd)1", "P@ss(w0rd)1"),
        ("password: Tr0ub4dor&3", "Tr0ub4dor&3"),
        ("Server=db;Password=aB3x9Zq7Lm;Encrypt=true", "aB3x9Zq7Lm"),
        ('secret = "A1b2,C3d4;E5f6"', "A1b2,C3d4;E5f6"),
        ('c := C{Token: "vX4q9ZpL27wKd8sR"},', "vX4q9ZpL27wKd8sR"),
        ('x.SelectToken("vX4q9ZpL27wKd8sR")', "vX4q9ZpL27wKd8sR"),
        ('setPassword("x"); setPassword("vX4q9ZpL27wKd8sR")', "vX4q9ZpL27wKd8sR"),
        ('password = "vX4q9\\"ZpL27wKd8sR"', 'vX4q9\\"ZpL27wKd8sR'),
        ('password = "Dragon=4952"', "Dragon=4952"),
        ('password = "Secret)8589"', "Secret)8589"),
        ('password = "Winter(Dragon5281"', "Winter(Dragon5281"),
        ('secret = "cw0x689RpIjtRR7oE8heQsKImvJapLeSbXpwF4e4="', "cw0x689RpIjtRR7oE8heQsKImvJapLeSbXpwF4e4="),
        ("PASS=xK9!mQ2#vL7$pR4", "xK9!mQ2#vL7$pR4"),
    ],
)
def test_a_password_with_brackets_goes(line: str, value: str) -> None:
    assert redact(line) == line.replace(value, "[REDACTED:assigned-secret]")


@given(st.from_regex(r"[A-Za-z0-9!#%^~]{0,12}[!#%^~][A-Za-z0-9()\[\]{}]{4,20}", fullmatch=True))
def test_a_value_with_signs_of_passwords_is_no_expression(value: str) -> None:
    assert not is_expression(value.encode()) or value.startswith("!")


@pytest.mark.timed
@pytest.mark.parametrize("unit", ["a[", "a.b", "(", "$a/", "a.b(", "::", "?.", "aA1", "/a#1", "a\\"])
def test_nearly_code_takes_no_time(unit: str) -> None:
    started = time.process_time()
    redact("token=" + unit * 20_000 + "! password: '" + unit * 500)
    is_expression((unit * 500)[:500].encode() + b"!")

    assert time.process_time() - started < 0.5
