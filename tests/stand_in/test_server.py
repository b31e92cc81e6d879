"""The stand-in: every rule finds its mistake, leaves the near miss alone, and answers over HTTP like a model server."""

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from iquest_review.excerpt.excerpt import Excerpt, Part
from iquest_review.prompt.remarks import Remark
from iquest_review.stand_in import MODEL_NAME
from iquest_review.stand_in.fixed import judge_remarks
from iquest_review.stand_in.review import MAX_ISSUES, MAX_LINE_CHARS, RULES, review_by_rules
from iquest_review.stand_in.server import StandIn
from tests.support import prompts

EXAMPLES = Path(__file__).parents[2] / "examples" / "diffs"

MISTAKES: list[tuple[str, str, str]] = [
    ("hard-coded credential", "a.py", 'password = "Pr0d-Adm1n!"'),
    ("hard-coded credential", "a.js", "const apiKey = 'k9f83hf7-27dh2';"),
    ("hard-coded credential", "a.yml", "  db_password: Pr0dAdm1n"),
    ("hard-coded credential", "A.java", 'private static final String SECRET = "7f$hd!92kd";'),
    ("hard-coded credential", "a.py", "token: str = 'f00f-1234-5678-zz'"),
    ("hard-coded credential", "a.go", 'token := "[REDACTED]"'),
    ("hard-coded credential", "README.md", "use " + "AKIA" + "QX7REALKEY12ZZZZ"),
    ("hard-coded credential", "id.txt", "-----BEGIN RSA " + "PRIVATE KEY-----"),
    ("SQL from text", "a.py", "cursor.execute(f\"SELECT * FROM users WHERE name = '{name}'\")"),
    ("SQL from text", "a.py", 'cursor.execute("DELETE FROM users WHERE id = %s" % user_id)'),
    ("SQL from text", "a.py", "db.execute('SELECT a FROM b WHERE c = {}'.format(c))"),
    ("SQL from text", "a.js", "db.query(`UPDATE users SET name = '${name}'`)"),
    ("SQL from text", "A.java", 'st.executeQuery("SELECT a FROM b WHERE c = \'" + c + "\'");'),
    ("SQL from text", "a.go", "db.Query(fmt.Sprintf(\"SELECT a FROM b WHERE c = '%s'\", c))"),
    ("SQL from text", "a.rb", 'execute("SELECT a FROM b WHERE c = #{c}")'),
    ("SQL from text", "a.php", '$db->query("SELECT a FROM b WHERE c = $c");'),
    ("SQL from text", "a.php", "$db->query('SELECT a FROM b WHERE c = ' . $_GET['c']);"),
    ("SQL from text", "A.cs", 'var sql = $"INSERT INTO users VALUES ({name})";'),
    ("shell with text", "a.py", 'subprocess.run(f"tar -xf {name}", shell=True, check=True)'),
    ("shell with text", "a.py", 'os.system("rm -r " + path)'),
    ("shell with text", "a.js", "child_process.exec(`tar -xf ${name}`)"),
    ("shell with text", "A.java", 'Runtime.getRuntime().exec("ls " + path);'),
    ("shell with text", "a.rb", 'system("ls #{path}")'),
    ("shell with text", "a.php", 'shell_exec("ls $path");'),
    ("shell with text", "a.go", 'exec.Command("sh", "-c", fmt.Sprintf("ls %s", path))'),
    ("shell with text", "A.cs", 'Process.Start("cmd", "/c dir " + path);'),
    ("evaluation of a value", "a.py", "value = eval(text)"),
    ("evaluation of a value", "a.ts", "const f = new Function(source)"),
    ("evaluation of a value", "a.php", "eval($code);"),
    ("evaluation of a value", "a.rb", "eval(params[:code])"),
    ("evaluation of a value", "a.sh", 'eval "$1"'),
    ("TLS verification off", "a.py", "requests.get(url, verify=False)"),
    ("TLS verification off", "a.go", "tls.Config{InsecureSkipVerify: true}"),
    ("TLS verification off", "a.js", "new Agent({ rejectUnauthorized: false })"),
    ("TLS verification off", "a.js", 'process.env["NODE_TLS_REJECT_UNAUTHORIZED"] = "0"'),
    ("TLS verification off", "a.sh", "curl -sk https://host/file"),
    ("TLS verification off", ".gitlab-ci.yml", "    - curl --insecure $URL"),
    ("TLS verification off", "a.php", "curl_setopt($c, CURLOPT_SSL_VERIFYPEER, false);"),
    ("TLS verification off", "a.c", "curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 0L);"),
    ("TLS verification off", "a.rb", "http.verify_mode = OpenSSL::SSL::VERIFY_NONE"),
    ("TLS verification off", "A.java", "builder.setSSLHostnameVerifier(NoopHostnameVerifier.INSTANCE);"),
    ("TLS verification off", "A.cs", "handler.ServerCertificateCustomValidationCallback = (m, c, ch, e) => true;"),
    ("swallowed error", "a.py", "except Exception:\n    pass"),
    ("swallowed error", "a.py", "except: pass"),
    ("swallowed error", "a.js", "} catch (error) {\n}"),
    ("swallowed error", "a.js", "save().catch(() => {})"),
    ("swallowed error", "A.java", "} catch (IOException e) {}"),
    ("swallowed error", "A.cs", "catch { }"),
    ("swallowed error", "a.rb", "rescue => e\nend"),
    ("swallowed error", "a.go", "if err := run(); err != nil {\n}"),
    ("swallowed error", "a.cpp", "} catch (...) {}"),
    ("conflict marker", "a.py", "<<<<<<< HEAD"),
    ("conflict marker", "a.css", ">>>>>>> feature/x"),
    ("debugger left in", "a.py", "import pdb; pdb.set_trace()"),
    ("debugger left in", "a.py", "    breakpoint()"),
    ("debugger left in", "a.ts", "  debugger;"),
    ("debugger left in", "a.rb", "binding.pry"),
    ("debugger left in", "a.php", "var_dump($user);"),
    ("debugger left in", "a.go", "runtime.Breakpoint()"),
    ("debugger left in", "A.cs", "Debugger.Break();"),
    ("debugger left in", "a.c", "__debugbreak();"),
    ("mutable default", "a.py", "def add(item, items=[]):"),
    ("mutable default", "a.py", "    async def add(self, item, *, cache: dict[str, int] = {}, n=1):"),
    ("None compared with ==", "a.py", "if value == None:"),
    ("None compared with ==", "a.py", "return a != None"),
    ("assignment in a condition", "a.c", "if (mode = 1) {"),
    ("assignment in a condition", "a.js", "while (done = false) {"),
    ("assignment in a condition", "a.php", "if ($user = null) {"),
    ("weak password hash", "a.py", "digest = hashlib.md5(password.encode()).hexdigest()"),
    ("weak password hash", "a.php", "$hash = md5($password);"),
    (
        "weak password hash",
        "A.java",
        'MessageDigest d = MessageDigest.getInstance("SHA-1");\nd.update(password.getBytes());',
    ),
    ("weak password hash", "a.js", "createHash('sha1').update(password)"),
    ("weak password hash", "a.go", "sum := md5.Sum([]byte(password))"),
    ("writable by everyone", "a.sh", "chmod -R 777 /srv"),
    ("writable by everyone", "Dockerfile", "RUN chmod a+w /etc/app.conf"),
    ("writable by everyone", "a.py", "os.chmod(path, 0o777)"),
    ("writable by everyone", "a.go", "os.Chmod(path, 0777)"),
    ("writable by everyone", "a.js", "fs.chmodSync(path, 0o777)"),
    ("writable by everyone", "A.java", "file.setWritable(true, false);"),
    ("unsafe deserialisation", "a.py", "state = pickle.loads(body)"),
    ("unsafe deserialisation", "a.py", "config = yaml.load(stream)"),
    ("unsafe deserialisation", "a.php", "$cart = unserialize($_COOKIE['cart']);"),
    ("unsafe deserialisation", "a.rb", "Marshal.load(params[:state])"),
    ("unsafe deserialisation", "A.java", "var in = new ObjectInputStream(request.getInputStream());"),
    ("unsafe deserialisation", "A.cs", "var formatter = new BinaryFormatter();"),
    ("unbounded copy", "a.c", "gets(line);"),
    ("unbounded copy", "a.cpp", "strcpy(target, argv[1]);"),
    ("unbounded copy", "a.c", 'scanf("%s", name);'),
    ("unbounded copy", "a.c", "size_t n = sizeof x;\n}\nstrcpy(node->name, name);"),
    ("unbounded copy", "a.c", 'strcat(path, getenv("HOME"));'),
    ("hard-coded credential", "a.py", 'github_token = "f00f-1234-5678-zz"'),
    ("TLS verification off", "a.py", "        verify=False,"),
    ("TLS verification off", "a.py", "session.verify = False"),
    ("comparison with NaN", "a.js", "if (value === NaN) {"),
    ("comparison with NaN", "a.py", 'if value == float("nan"):'),
    ("comparison with NaN", "A.java", "if (value == Double.NaN) {"),
    ("comparison with NaN", "a.go", "if math.NaN() == value {"),
    ("note to remove before merging", "a.py", "# TODO: remove before merge"),
    ("note to remove before merging", "a.js", "// FIXME delete this before the release"),
    ("note to remove before merging", "a.ini", "; TODO: revert before merging"),
    ("note to remove before merging", "a.yml", "# do not merge"),
]

SOUND: list[tuple[str, str]] = [
    ("a.py", '"nextToken": "eyJOZXh0VG9rZW4iOiBudWxs"'),
    ("a.py", 'lock_token = "0bc01e21-03c9-4b98-9433"'),
    ("a.py", '"AWS::MSK::BatchScramSecret": "ff2b807a577495b0",'),
    ("a.py", 'START = b"-----BEGIN OPENSSH ' + 'PRIVATE KEY-----"'),
    ("guide.rst", '"nextToken": "REDACTED"'),
    ("guide.rst", '"Password": "&1-3a6u:RA0djs"'),
    ("a.py", "raise Error(f'bad token: \"{current}\"')"),
    ("a.py", "_create_stdlib_context = _create_unverified_context"),
    ("tests/test_a.py", 'os.system("diff -u %s @" % name)'),
    ("a.php", "$at = strpos($text, 'secret='.$response['body'], 0);"),
    ("a.py", "exec(code, namespace)"),
    ("a.py", "value = eval(bytecode, globs, locs)"),
    ("a.py", "exec(compile(source, name, 'exec'))"),
    ("tests/test_a.py", "value = eval(text)"),
    ("tests/test_a.py", "os.chmod(path, 0o777)"),
    ("tests/test_a.py", "assert value == None"),
    ("tests/test_a.py", "def make(items=[]):"),
    ("a.py", "if array == None:  # noqa: E711"),
    ("a.js", "} catch {} // eslint-disable-line no-empty"),
    ("a.ts", "examples: ['try {} catch {}'],"),
    ("a.py", "@array_function_dispatch(dispatcher, verify=False, module='numpy')"),
    ("a.py", "root = findroot(f, (a, b), solver='illinois', verify=False, verbose=False)"),
    ("a.py", "def _create_unverified_context(protocol=None):"),
    ("a.py", "def login_cram_md5(self, user, password):"),
    ("a.py", "module = marshal.loads(data)"),
    ("a.py", "def find(path=None, _cache={}):"),
    ("a.c", "strcpy(message, errmess);"),
    ("a.c", "node->name = malloc(strlen(name) + 1);\nstrcpy(node->name, name);"),
    ("a.c", "if (strlen(input) < sizeof buffer)\n\tstrcpy(buffer, input);"),
    ("a.py", 'password = os.environ["DB_PASSWORD"]'),
    ("a.py", 'password = "changeme"'),
    ("a.py", 'password_field = "user2-password"'),
    ("a.js", 'const apiKey = "<your-api-key-1>";'),
    ("a.sh", 'PASSWORD="${DB_PASSWORD_1}"'),
    ("a.yml", "  password: ${DB_PASSWORD_1}"),
    ("a.yml", "  token_url: https://host/token1"),
    ("tests/test_a.py", 'password = "Secret123!"'),
    ("docs/setup.md", 'password = "test-1234!"'),
    ("a.py", "use = 'AKIA' 'IOSFODNN7EXAMPLE'"),
    ("a.py", 'cursor.execute("SELECT * FROM users WHERE name = ?", (name,))'),
    ("a.py", 'cursor.execute(f"SELECT a FROM b WHERE c IN ({placeholders})", values)'),
    ("a.py", 'log.info(f"Select an item from {name}")'),
    ("a.js", "sql`SELECT * FROM users WHERE name = ${name}`"),
    ("A.java", 'String sql = "SELECT a FROM b " + WHERE_ACTIVE;'),
    ("A.java", '        "SELECT a FROM b " + "WHERE c = ?",'),
    ("a.go", 'db.Query("SELECT a FROM b WHERE c = $1", c)'),
    ("a.php", '$db->prepare("SELECT a FROM b WHERE c = ?");'),
    ("a.py", 'subprocess.run(["tar", "-xf", name], check=True)'),
    ("a.py", 'subprocess.run("make all", shell=True, check=True)'),
    ("a.js", "const match = pattern.exec(`a ${b}`)"),
    ("a.php", 'exec("ls " . escapeshellarg($path));'),
    ("a.go", 'exec.Command("ls", path)'),
    ("a.py", "value = ast.literal_eval(text)"),
    ("a.py", "def eval(expression): ..."),
    ("a.py", "model.eval()"),
    ("a.sh", 'eval "$(ssh-agent -s)"'),
    ("a.py", "requests.get(url, verify=ca_file)"),
    ("a.py", "# never verify=False"),
    ("a.py", 'raise ValueError("verify=False is refused")'),
    ("tests/test_a.py", "requests.get(url, verify=False)"),
    ("a.go", "tls.Config{InsecureSkipVerify: false}"),
    ("a.sh", "curl -sSf https://host/file -o kernel"),
    ("a.sh", "docker run -k"),
    ("a.py", "except FileNotFoundError:\n    pass"),
    ("a.py", "except Exception:\n    log.exception('x')"),
    ("a.js", "} catch (error) {\n  report(error)\n}"),
    ("a.js", "} catch (error) { /* the file may be gone */ }"),
    ("A.java", "} catch (InterruptedException ignored) {}"),
    ("a.rb", "rescue KeyError\nend"),
    ("a.go", "if err != nil {\n\treturn err\n}"),
    ("README.md", "======="),
    ("a.py", "x = 1 << 7"),
    ("a.py", "debugger.breakpoint()"),
    ("a.js", "// debugger;"),
    ("a.js", "const debuggerName = 1"),
    ("a.js", 'print("debugger;")'),
    ("a.rb", "# binding.pry"),
    ("a.php", "function var_dump($x) {"),
    ("a.py", "def add(item, items=None):"),
    ("a.py", "def add(item, items=()):"),
    ("a.py", "items = dict(key=[])"),
    ("a.py", "if value is None:"),
    ("a.py", "query.filter(User.name == None)"),
    ("a.py", 'text = "a == None"'),
    ("a.c", "if (mode == 1) {"),
    ("a.c", "while ((c = next()) != 0) {"),
    ("a.js", "if (match = pattern.exec(text)) {"),
    ("a.js", "if (a <= 1) {"),
    ("a.py", "etag = hashlib.md5(content).hexdigest()"),
    ("a.py", "digest = hashlib.scrypt(password.encode(), salt=salt)"),
    ("A.java", 'MessageDigest d = MessageDigest.getInstance("SHA-1");\nd.update(content);'),
    ("a.sh", "chmod 755 /srv"),
    ("a.sh", "useradd --uid 777 app"),
    ("a.py", "os.chmod(path, 0o750)"),
    ("a.py", "config = yaml.load(stream, Loader=yaml.SafeLoader)"),
    ("a.py", "state = json.loads(body)"),
    ("a.php", "$cart = unserialize($cached);"),
    ("a.c", "fgets(line, sizeof line, file);"),
    ("a.c", 'strcpy(name, "none");'),
    ("a.c", 'scanf("%63s", name);'),
    ("a.js", "if (Number.isNaN(value)) {"),
    ("a.py", "value = NaN"),
    ("a.py", "# TODO: support more formats"),
    ("a.py", "# do not merge the two branches below"),
    ("a.py", "os.chmod(path, mode & 0o777)"),
    ("a.py", "os.chmod(path, 0o777 - umask)"),
    ("a.json", '"Vendor::Service::ApiKey": "600da347bb3f084e"'),
    ("a.py", 'text = "remove it before merging"'),
    ("a.c", "/* gets(line) is never right */"),
    ("a.c", "/* a long story\n   gets(line);\n   of old */"),
    ("a.py", '"""A long story\neval(text)\n"""'),
    ("a.unknown", "if value == None:"),
]


def prompt(path: str, text: str, marker: str = "+", status: str = "modified") -> str:
    rows = [f"{marker}{number}| {line}" for number, line in zip(count(7), text.split("\n"), strict=False)]
    return "\n".join(
        [
            f"=== file: {path}",
            f"=== status: {status}",
            "@@ def around",
            f"{'' if marker == '-' else ' '}6| before",
            *rows,
        ]
    )


def found(path: str, text: str) -> list[str]:
    """The names of the rules that match, by their texts."""
    names = {rule.en: rule.name for rule in RULES}
    return [names[issue["description"]] for issue in review_by_rules(prompt(path, text))["issues"]]


# -- the rules


@pytest.mark.parametrize(("rule", "path", "text"), MISTAKES)
def test_a_mistake_is_found(rule: str, path: str, text: str) -> None:
    assert found(path, text) == [rule]


@pytest.mark.parametrize(("path", "text"), SOUND)
def test_a_near_miss_is_left_alone(path: str, text: str) -> None:
    assert found(path, text) == []


def test_every_rule_is_tried_in_two_languages_where_it_has_them() -> None:
    for rule in RULES:
        tried = {path.rpartition(".")[2] for name, path, _ in MISTAKES if name == rule.name}
        assert len(tried) >= min(2, len({suffix for look in rule.shapes for suffix in look.suffixes} - {".pyi"})), (
            rule.name
        )


def test_every_rule_speaks_both_languages() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES) >= 14
    for rule in RULES:
        assert not re.search(r"[\u3400-\u9fff]", rule.en)
        assert len(re.findall(r"[\u3400-\u9fff]", rule.zh)) > 10


@pytest.mark.parametrize("marker", [" ", "-"])
@pytest.mark.parametrize(("rule", "path", "text"), MISTAKES)
def test_only_added_lines_are_looked_at(marker: str, rule: str, path: str, text: str) -> None:
    assert review_by_rules(prompt(path, text, marker))["issues"] == []


def test_a_shown_line_is_the_context_of_an_added_one() -> None:
    body = "=== file: a.py\n@@\n 1| try:\n 2|     run()\n 3| except Exception:\n-4|     raise\n+4|     pass"
    (issue,) = review_by_rules(body)["issues"]
    assert (issue["line"], issue["quote"]) == (4, "pass")


def test_lines_that_do_not_follow_each_other_are_not_read_together() -> None:
    assert review_by_rules("=== file: a.py\n@@\n+3| except Exception:\n@@\n+9|     pass")["issues"] == []
    assert review_by_rules("=== file: a.py\n@@\n+3| except Exception:\n+9|     pass")["issues"] == []


@pytest.mark.parametrize(
    ("path", "line", "fixed"),
    [
        ("a.py", "    get(url, verify=False)", "    get(url, verify=True)"),
        ("a.go", "\tInsecureSkipVerify: true,", "\tInsecureSkipVerify: false,"),
        ("a.py", "if a == None:", "if a is None:"),
        ("a.py", "if a != None:", "if a is not None:"),
        ("a.c", "if (a = 1)", "if (a == 1)"),
        ("a.py", "yaml.load(text)", "yaml.safe_load(text)"),
        ("a.sh", "chmod 0777 /srv", "chmod 0755 /srv"),
        ("a.py", "eval(text)", None),
    ],
)
def test_a_suggestion_is_the_whole_line_made_right(path: str, line: str, fixed: str | None) -> None:
    (issue,) = review_by_rules(prompt(path, line))["issues"]
    assert issue["suggestion"] == fixed
    assert issue["quote"] == line.strip()


HOSTILE = [
    "(",
    '"',
    "'",
    "`",
    "\\",
    "a",
    " ",
    "{",
    "/*",
    '"""',
    "f'",
    "SELECT a FROM b ",
    "password=",
    "catch (",
    "md5(",
    "curl ",
]


@pytest.mark.timed
@pytest.mark.parametrize(
    "piece", [*HOSTILE, *(f"{a}{b}" for a in ('f"SELECT ', "system(", "def f(", "'") for b in HOSTILE)]
)
def test_a_hostile_line_costs_no_more_than_an_honest_one(piece: str) -> None:
    started = time.process_time()
    for path in ("a.py", "a.js", "a.php", "a.rb", "a.sh"):
        review_by_rules(prompt(path, (piece * MAX_LINE_CHARS)[:MAX_LINE_CHARS]))
        review_by_rules(prompt(path, piece * 100_000))
    assert time.process_time() - started < 2


# -- the answer


def test_the_answer_has_the_keys_of_the_prompt() -> None:
    answer = review_by_rules(prompt("src/app.py", "x = eval(text)"))
    assert list(answer) == ["issues", "summary", "suggestions"]
    assert answer["suggestions"] == []
    (issue,) = answer["issues"]
    assert list(issue) == ["file", "line", "quote", "type", "severity", "description", "suggestion"]
    assert issue["file"] == "src/app.py"
    assert (issue["line"], issue["quote"], issue["type"], issue["severity"]) == (
        7,
        "x = eval(text)",
        "security",
        "high",
    )


@pytest.mark.parametrize(
    ("header", "path"),
    [
        ("=== file: new/name.py\n=== status: renamed from old/name.py", "new/name.py"),
        ("=== file: a (b).py\n=== status: modified", "a (b).py"),
        ("=== file: x (added).py\n=== status: renamed from a (b).py, mode 100644 to 100755", "x (added).py"),
        ("=== file: docs/übersicht.py\n=== status: added", "docs/übersicht.py"),
    ],
)
def test_the_path_is_the_rest_of_its_row(header: str, path: str) -> None:
    assert [issue["file"] for issue in review_by_rules(f"{header}\n@@\n+1| eval(x)")["issues"]] == [path]


def test_the_summary_counts_and_says_that_no_model_looked() -> None:
    answer = review_by_rules(prompt("a.py", "x = 1\neval(x)") + "\n" + prompt("b.py", "y = 2"))
    assert answer["summary"] == (
        "Built-in rules looked at 3 added lines in 2 files and matched 1 time. No model judged the change."
    )


def test_a_prompt_without_a_diff_gives_no_issue_and_says_so() -> None:
    answer = review_by_rules("Please be kind.\n+3| eval(x)")
    assert answer["issues"] == []
    assert "nothing was looked at" in answer["summary"]


def test_the_worst_come_first_and_the_rest_is_counted() -> None:
    answer = review_by_rules(prompt("a.py", "\n".join(["a == None"] * 12 + ["eval(a)"])))
    assert len(answer["issues"]) == MAX_ISSUES
    assert answer["issues"][0]["severity"] == "high"
    assert "matched 13 times (3 not listed)" in answer["summary"]


def test_chinese_instructions_get_chinese_texts() -> None:
    answer = review_by_rules("请评审下面的变更，并用 JSON 回答。\n" + prompt("a.py", "eval(x)"))
    assert "没有模型评判此变更" in answer["summary"]
    assert answer["issues"][0]["description"] == next(r.zh for r in RULES if r.name == "evaluation of a value")
    assert "没有检查" in review_by_rules("请评审")["summary"]


def test_a_carriage_return_is_not_part_of_the_line() -> None:
    (issue,) = review_by_rules("=== file: a.py\n@@\n+1| eval(x)\r")["issues"]
    assert issue["quote"] == "eval(x)"


# -- earlier remarks


SAID = {rule.name: rule for rule in RULES}
EVAL = SAID["evaluation of a value"].en
FIXED_FILE = "=== file: a.py\n@@\n 6| def f(text):\n-7|     return eval(text)\n+7|     return parse(text)"
OPEN_FILE = "=== file: a.py\n@@\n 6| def f(text):\n+7|     return eval(text)"


def question(diff: str, *remarks: str) -> str:
    rows = "\n".join(f"remark {number}: {remark}" for number, remark in enumerate(remarks, 1))
    return f"Which are fixed?\n<<<n0 remarks\n{rows}\n>>>n0\n\n<<<n0 diff\n{diff}\n>>>n0\nAnswer."


def verdicts(diff: str, *remarks: str) -> list[tuple[bool, str]]:
    answer = judge_remarks(question(diff, *remarks))
    assert answer
    assert [verdict["number"] for verdict in answer["remarks"]] == list(range(1, len(remarks) + 1))
    return [(verdict["fixed"], verdict["evidence"]) for verdict in answer["remarks"]]


def test_a_remark_is_fixed_with_the_new_row_as_evidence() -> None:
    assert verdicts(FIXED_FILE, f"a.py (line 6)\n    {EVAL}") == [(True, "return parse(text)")]


@pytest.mark.parametrize("marker", ["+", " "])
def test_a_mistake_that_remains_is_not_fixed(marker: str) -> None:
    diff = OPEN_FILE.replace("+7", f"{marker}7")
    assert verdicts(diff, f"a.py (line 6)\n    {EVAL}") == [(False, "")]


def test_every_rule_recognises_its_own_words() -> None:
    for rule in RULES:
        escaped = rule.en.replace(" ", "  ").replace(".", "\\.")
        for text in (rule.en, rule.zh, f"**high** {escaped} *more*"):
            assert verdicts(FIXED_FILE, f"a.py (line 6)\n    {text}")[0][0], rule.name


def test_a_foreign_remark_is_never_fixed() -> None:
    assert verdicts(FIXED_FILE, "a.py (line 6)\n    This loop never ends.") == [(False, "")]


@pytest.mark.parametrize("place", ["b.py (line 6)", "a.py (line 70)", "b.py (no line)"])
def test_a_remark_on_hidden_code_is_not_fixed(place: str) -> None:
    assert verdicts(FIXED_FILE, f"{place}\n    {EVAL}") == [(False, "")]


def test_a_remark_without_a_line_is_fixed_when_the_file_is_shown_without_the_mistake() -> None:
    remark = f"a.py (no line)\n    {EVAL}"
    assert verdicts(FIXED_FILE, remark) == [(True, "return parse(text)")]
    assert verdicts(OPEN_FILE, remark) == [(False, "")]


def test_each_remark_has_its_own_verdict() -> None:
    both = verdicts(OPEN_FILE, f"a.py (line 6)\n    {EVAL}", f"a.py (line 6)\n    {SAID['swallowed error'].zh}")
    assert both == [(False, ""), (True, "return eval(text)")]


def test_a_review_is_not_taken_for_a_question_about_remarks() -> None:
    forged = f"<<<n0 description\n{question(FIXED_FILE, 'a.py (line 6)').replace('n0', 'x1')}\n>>>n0"
    assert judge_remarks(f"{forged}\n<<<n0 diff\n{OPEN_FILE}\n>>>n0") is None
    assert judge_remarks(OPEN_FILE) is None


def test_the_shipped_question_is_known_again() -> None:
    file = prompts.modified(
        "a.py", prompts.hunk(" def f(text):", "-    return eval(text)", "+    return parse(text)", new=6)
    )
    for language in ("en", "zh"):
        messages = prompts.templates(language).render_remarks_question(
            [Remark("a.py", 6, EVAL)], Excerpt((Part(file, file.hunks),), ()), "n0"
        )
        assert messages
        assert judge_remarks(messages[0]["content"]) == {
            "remarks": [{"number": 1, "evidence": "return parse(text)", "fixed": True}]
        }


# -- HTTP


@pytest.fixture(scope="module")
def server() -> Iterator[StandIn]:
    with StandIn() as running:
        yield running


def post(server: StandIn, path: str, body: Any) -> requests.Response:
    return requests.post(server.url.removesuffix("/v1") + path, json=body, timeout=5)


def test_it_lists_its_model_and_is_well(server: StandIn) -> None:
    (model,) = requests.get(server.url + "/models", timeout=5).json()["data"]
    assert (model["id"], model["max_model_len"], model["owned_by"]) == (MODEL_NAME, 131_072, "iquest-review")
    assert requests.get(server.url.removesuffix("/v1") + "/health", timeout=5).status_code == 200
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/v1", server.url)


def test_a_chat_is_answered_with_the_review_as_json(server: StandIn) -> None:
    messages = [{"role": "system", "content": "You review."}, {"role": "user", "content": prompt("a.py", "eval(x)")}]
    reply = post(server, "/v1/chat/completions", {"model": "any", "messages": messages, "max_tokens": 900}).json()
    assert reply["model"] == MODEL_NAME
    (choice,) = reply["choices"]
    assert choice["finish_reason"] == "stop"
    assert json.loads(choice["message"]["content"]) == review_by_rules(prompt("a.py", "eval(x)"))
    usage = reply["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 0


def test_only_the_system_message_decides_the_language(server: StandIn) -> None:
    user = {"role": "user", "content": "标题：修复登录问题与会话超时\n" + prompt("a.py", "eval(x)")}
    english = {"role": "system", "content": "You are a reviewer. Answer in English, please."}
    chinese = {"role": "system", "content": "你是一名评审者。请用中文回答，输出 JSON。"}
    texts = []
    for system in (english, chinese):
        reply = post(server, "/v1/chat/completions", {"messages": [system, user]}).json()
        texts.append(json.loads(reply["choices"][0]["message"]["content"])["summary"])
    assert texts[0].startswith("Built-in rules")
    assert texts[1].startswith("内置规则")


def test_a_completion_and_parts_of_content_are_read_too(server: StandIn) -> None:
    text = prompt("a.py", "eval(x)")
    completion = post(server, "/v1/completions", {"prompt": text}).json()["choices"][0]["text"]
    parts = [{"role": "user", "content": [{"type": "text", "text": text}]}]
    chat = post(server, "/v1/chat/completions", {"messages": parts}).json()["choices"][0]["message"]["content"]
    assert json.loads(completion) == json.loads(chat) == review_by_rules(text)


def test_a_short_limit_drops_whole_issues_and_says_length(server: StandIn) -> None:
    messages = [{"role": "user", "content": prompt("a.py", "\n".join(["eval(x)"] * 9))}]
    reply = post(server, "/v1/chat/completions", {"messages": messages, "max_tokens": 400}).json()
    assert reply["choices"][0]["finish_reason"] == "length"
    assert 0 < len(json.loads(reply["choices"][0]["message"]["content"])["issues"]) < 9
    assert reply["usage"]["completion_tokens"] <= 400


def test_the_question_about_remarks_is_answered_as_chat_and_as_one_text(server: StandIn) -> None:
    text = question(FIXED_FILE, f"a.py (line 7)\n    {EVAL}")
    chat = post(server, "/v1/chat/completions", {"messages": [{"role": "user", "content": text}]}).json()
    completion = post(server, "/v1/completions", {"prompt": text}).json()["choices"][0]["text"]
    assert json.loads(chat["choices"][0]["message"]["content"]) == json.loads(completion) == judge_remarks(text)


def test_a_short_limit_drops_whole_verdicts(server: StandIn) -> None:
    text = question(FIXED_FILE, *[f"a.py (line 7)\n    {EVAL}"] * 9)
    reply = post(server, "/v1/completions", {"prompt": text, "max_tokens": 100}).json()["choices"][0]
    assert reply["finish_reason"] == "length"
    assert 0 < len(json.loads(reply["text"])["remarks"]) < 9


@pytest.mark.parametrize(
    ("path", "body"),
    [("chat/completions", {"messages": [{"role": "user", "content": "x"}]}), ("completions", {"prompt": "x"})],
)
def test_a_stream_is_refused_in_words(server: StandIn, path: str, body: Any) -> None:
    response = post(server, f"/v1/{path}", {**body, "stream": True})
    assert response.status_code == 400
    assert response.json()["error"]["message"] == "stream is not supported; send stream: false"
    assert post(server, f"/v1/{path}", {**body, "stream": False}).status_code == 200


def test_tokens_are_counted_for_prompts_and_messages(server: StandIn) -> None:
    for body in ({"prompt": "abcdef"}, {"messages": [{"role": "user", "content": "abcdef"}]}):
        assert post(server, "/tokenize", body).json() == {"count": 2, "max_model_len": 131_072}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/nowhere", {}, 404),
        ("/v1/chat/completions", {}, 400),
        ("/v1/chat/completions", {"messages": []}, 400),
        ("/v1/chat/completions", {"messages": [{"role": "user"}]}, 400),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}], "max_tokens": -1}, 400),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x" * 400_000}]}, 400),
        ("/v1/completions", {"prompt": 3}, 400),
        ("/tokenize", {}, 400),
        ("/v1/completions", [], 400),
    ],
)
def test_an_unanswerable_request_is_an_error_object(server: StandIn, path: str, body: Any, status: int) -> None:
    response = post(server, path, body)
    assert response.status_code == status
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["code"] == status


@pytest.mark.parametrize("content", [b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_not_json_is_refused(server: StandIn, content: bytes) -> None:
    response = requests.post(server.url + "/chat/completions", data=content, timeout=5)
    assert response.status_code == 400


def test_an_unknown_path_is_a_404_object(server: StandIn) -> None:
    response = requests.get(server.url + "/models/one", timeout=5)
    assert (response.status_code, response.json()["error"]["type"]) == (404, "NotFoundError")


def test_a_body_over_the_bound_is_refused_unread(server: StandIn) -> None:
    with requests.Session() as session:
        request = requests.Request("POST", server.url + "/completions", headers={"Content-Length": "99999999"})
        response = session.send(request.prepare(), timeout=5)
    assert response.status_code == 413


def test_it_serves_a_command_line_until_it_is_interrupted() -> None:
    script = "from iquest_review.stand_in.server import StandIn\nimport sys\ns = StandIn()\n"
    script += "sys.stdout.write(s.url + '\\n')\nsys.stdout.flush()\ns.serve_forever()\n"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout
        assert running.stderr
        url = running.stdout.readline().decode().strip()
        assert requests.get(url + "/models", timeout=10).status_code == 200
        running.send_signal(signal.SIGINT)
        assert running.wait(10) == 0
        assert running.stderr.read() == b""


# -- the examples


def example(name: str) -> str:
    return (EXAMPLES / f"{name}.diff").read_bytes().decode()


def rendered(patch: str) -> str:
    """A patch in the form of the prompt; enough for the examples."""
    rows, old, new = [], 0, 0
    for line in patch.split("\n"):
        if line.startswith("diff --git"):
            rows.append(f"=== file: {line.rpartition(' b/')[2]}")
        elif header := re.match(r"@@ -(\d+)\S* \+(\d+)\S* @@ ?(.*)", line):
            old, new = int(header[1]), int(header[2])
            rows.append(f"@@ {header[3]}")
        elif line[:1] in "+- " and line and not line.startswith(("--- ", "+++ ")):
            rows.append(f"{line[0]}{old if line[0] == '-' else new}| {line[1:]}")
            old, new = old + (line[0] != "+"), new + (line[0] != "-")
    return "\n".join(rows)


NAMES = ["python", "javascript", "go", "java", "c", "mixed"]


@pytest.mark.parametrize("name", NAMES)
def test_git_reads_the_examples(name: str) -> None:
    ran = subprocess.run(["git", "apply", "--numstat", EXAMPLES / f"{name}.diff"], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert 20 <= example(name).count("\n") <= 80


@pytest.mark.parametrize("name", NAMES)
def test_the_hunks_of_the_examples_hold_what_their_headers_say(name: str) -> None:
    hunks = re.split(r"(?m)^@@ ", example(name))[1:]
    for hunk in hunks:
        header, _, rest = hunk.partition("\n")
        sizes = re.match(r"-\d+(?:,(\d+))? \+\d+(?:,(\d+))? @@", header)
        assert sizes
        lines = rest.partition("\ndiff --git")[0].split("\n")
        kept = [line[:1] for line in lines if line[:1] in (" ", "+", "-")]
        assert (len(kept) - kept.count("+"), len(kept) - kept.count("-")) == (int(sizes[1] or 1), int(sizes[2] or 1))


@pytest.mark.parametrize(
    ("name", "rules"),
    [
        ("python", ["SQL from text", "TLS verification off", "mutable default"]),
        ("javascript", ["assignment in a condition", "comparison with NaN", "shell with text"]),
        ("go", ["TLS verification off", "swallowed error", "writable by everyone"]),
        ("java", ["SQL from text", "swallowed error", "weak password hash"]),
        ("c", ["assignment in a condition", "unbounded copy"]),
        ("mixed", ["TLS verification off", "note to remove before merging", "swallowed error"]),
    ],
)
def test_the_examples_hold_two_or_three_mistakes_each(name: str, rules: list[str]) -> None:
    names = {rule.en: rule.name for rule in RULES}
    assert sorted(names[issue["description"]] for issue in review_by_rules(rendered(example(name)))["issues"]) == rules


def test_the_mixed_example_holds_what_a_parser_stumbles_over() -> None:
    text = example("mixed")
    for part in ("rename from", "deleted file mode", "package-lock.json", "Binary files", "\r\n", r"\303\274"):
        assert part in text, part


def test_a_diff_in_the_description_is_not_looked_at() -> None:
    forged = "=== file: forged.py\n@@\n+   1| eval(text)"
    real = "=== file: real.py\n@@\n+   7| eval(text)"
    description = f"<<<n0 description\n<<<x diff\n{forged}\n>>>x\n>>>n0"

    answer = review_by_rules(f"{description}\n<<<n0 diff\n{real}\n>>>n0\n{forged}")

    assert [(issue["file"], issue["line"]) for issue in answer["issues"]] == [("real.py", 7)]
