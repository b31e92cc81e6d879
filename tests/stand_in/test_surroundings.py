"""The stand-in looks around: what is meant, or harmless, is no finding; what is not stays one."""

import pytest

from iquest_review.stand_in.review import RULES, review_by_rules

NAMES = {rule.en: rule.name for rule in RULES}


def find(path: str, text: str) -> list[str]:
    rows = (f"+{number}| {line}" for number, line in enumerate(text.split("\n"), 1))
    answer = review_by_rules("\n".join([f"=== file: {path}", "@@", *rows]))
    return [NAMES[issue["description"]] for issue in answer["issues"]]


PEM = "-----BEGIN RSA " + "PRIVATE KEY-----"
DEF = "def add(item, items=[]):\n    "
CLASS = "class Cart:\n    def __init__(self, items=[]):\n        self.items = items\n\n"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.py", DEF + "items.append(item)\n    return items", id="append"),
        pytest.param("a.py", DEF + "for one in item:\n        items.extend(one)", id="in a loop"),
        pytest.param("a.py", "def add(key, found={}):\n    found[key] = 1\n    return found", id="an entry is set"),
        pytest.param("a.py", "def add(key, found={}):\n    found[key][0] += 1", id="an entry of an entry"),
        pytest.param("a.py", "def cut(key, found={}):\n    del found[key]", id="an entry is deleted"),
        pytest.param("a.py", DEF + "items += item", id="added in place"),
        pytest.param("a.py", "def add(a, seen=set()) -> None:\n    seen.add(a)", id="a set"),
        pytest.param("a.py", "def add(a: int, b: list[int] = [], c=1):\n    b.insert(0, a)", id="with types"),
        pytest.param("a.py", "def add(a, b=[],\n        c=1):\n    b.pop()", id="a head of two lines"),
        pytest.param("a.py", "def add(item, items=[]): items.append(item)", id="one line"),
        pytest.param("a.py", CLASS + "    def add(self, x):\n        self.items.append(x)", id="kept by the object"),
        pytest.param("a.py", "def add(item, items=[]):", id="nothing of the function is shown"),
    ],
)
def test_a_default_that_changes_is_found(path: str, text: str) -> None:
    assert find(path, text) == ["mutable default"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.py", DEF + "return [*items, item]", id="only read"),
        pytest.param("a.py", DEF + "items = list(items)\n    items.append(item)", id="a copy is changed"),
        pytest.param("a.py", DEF + "items = items or []\n    items.append(item)", id="bound again"),
        pytest.param("a.py", DEF + "other.items.append(item)", id="an attribute of that name"),
        pytest.param("a.py", DEF + "more_items.append(item)", id="a longer name"),
        pytest.param("a.py", DEF + "# items.append(item)\n    return item", id="in a comment"),
        pytest.param("a.py", DEF + "return items[0] == item", id="an entry is compared"),
        pytest.param("a.py", DEF + "return item\n\n\nitems.append(1)", id="behind the function"),
        pytest.param("a.py", "def f(x, m={}):\n    if x not in m:\n        m[x] = g(x)\n    return m[x]", id="a cache"),
        pytest.param("a.py", "def f(x, m={}):\n    y = m.get(x)\n    m[x] = y or g(x)", id="a cache asked by get"),
        pytest.param("a.py", CLASS + "    def count(self):\n        return len(self.items)", id="kept and only read"),
        pytest.param("a.pyi", "def add(item, items: list[int] = []) -> None: ...", id="a stub"),
        pytest.param("a.py", "def f(x, items=[]): return x\ny = 1", id="one line that only reads"),
    ],
)
def test_a_default_that_nothing_changes_is_left_alone(path: str, text: str) -> None:
    assert find(path, text) == []


PASS = "\nexcept Exception:\n    pass"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.py", "try:\n    save(order)" + PASS, id="a call"),
        pytest.param("a.py", "try:\n    order.total = add(order)" + PASS, id="a value without one before"),
        pytest.param("a.py", "try:\n    file.close()\n    save(order)" + PASS, id="more than cleaning up"),
        pytest.param("a.py", "try:\n    run()\nexcept KeyError:\n    stop()" + PASS, id="the second handler"),
        pytest.param("a.py", "def save():\n    try:\n        run()\n    except:\n        pass", id="bare"),
        pytest.param("a.py", "try:\n    if a:\n        send(a)" + PASS, id="under a condition"),
        pytest.param("a.js", "try {\n  save(order);\n} catch (e) {\n}", id="JavaScript"),
        pytest.param("A.java", "try {\n  save(order);\n}\ncatch (Exception e) {\n}", id="Java, catch on its own row"),
        pytest.param("A.cs", "try\n{\n    Save(order);\n}\ncatch (Exception)\n{\n}\ncatch { }", id="C#"),
        pytest.param("a.rb", "begin\n  save(order)\nrescue => e\nend", id="Ruby"),
        pytest.param("a.js", "try { save(order); } catch (e) {}", id="one row"),
    ],
)
def test_an_error_that_vanishes_is_found(path: str, text: str) -> None:
    assert find(path, text) == ["swallowed error"]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.py", "# The hint is a courtesy.\ntry:\n    hint()" + PASS, id="a comment above"),
        pytest.param("a.py", "try:\n    hint()  # may fail" + PASS, id="a comment in the block"),
        pytest.param(
            "a.py", "try:\n    hint()\nexcept Exception:  # may fail\n    pass", id="a comment on the handler"
        ),
        pytest.param("a.py", "try:\n    sock.close()" + PASS, id="closing"),
        pytest.param("a.py", "try:\n    if path:\n        os.unlink(path)" + PASS, id="removing under a condition"),
        pytest.param("a.py", "try:\n    process.kill()\n    process.join()" + PASS, id="two steps of cleaning up"),
        pytest.param("a.py", "try:\n    return read()" + PASS + "\nreturn old()", id="another way follows"),
        pytest.param("a.py", "try:\n    x = f()" + PASS + "\nelse:\n    use(x)", id="an else"),
        pytest.param("a.py", "width = 80\ntry:\n    width = ask()" + PASS, id="a value before"),
        pytest.param(
            "a.py", "def f(width=None):\n    try:\n        width = ask()\n    except:\n        pass", id="a default"
        ),
        pytest.param("a.py", "try:\n    warnings.warn(\n        text)" + PASS, id="a warning of two rows"),
        pytest.param(
            "a.py", "def __del__(self):\n    try:\n        self.f()\n    except:\n        pass", id="a destructor"
        ),
        pytest.param("a.py", "def close(self):\n    try:\n        self.f()\n    except:\n        pass", id="close()"),
        pytest.param("a.js", "try {\n  socket.destroy();\n} catch (e) {}", id="JavaScript, cleaning up"),
        pytest.param("a.js", "try { return JSON.parse(text); } catch (e) {}\nreturn null;", id="one row that returns"),
        pytest.param(
            "a.js", "let a = null;\ntry {\n  a = JSON.parse(text);\n} catch (e) {}", id="JavaScript, a value before"
        ),
        pytest.param(
            "a.js", "try {\n  localStorage.setItem('a', b);\n} catch (e) {}", id="storage that may be forbidden"
        ),
        pytest.param(
            "A.java", "try {\n  run();\n}\ncatch (NoSuchMethodError ex) {\n}", id="an error that is an answer"
        ),
        pytest.param("A.cs", "try\n{\n    return F();\n}\ncatch (IOException) { }", id="C#, another way follows"),
    ],
)
def test_an_error_dropped_on_purpose_is_left_alone(path: str, text: str) -> None:
    assert find(path, text) == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        pytest.param("a.py", "expected = '[1, 2]'\nvalue = eval(expected)", id="a literal of the program"),
        pytest.param("a.py", "if text in ['True', 'None']:\n    value = eval(text)", id="a value out of a list"),
        pytest.param("a.py", "if text in (A, B):\n    value = eval(text)", id="a value out of a tuple"),
        pytest.param("a.py", "if text in ALLOWED:\n    value = eval(text)", id="a value out of a constant"),
        pytest.param("a.py", "# intentional: this is the console\nexec(line)", id="said to be meant"),
        pytest.param("a.sh", 'cmd="ls"\ncmd+=" -l"\neval "$cmd"', id="a command of the script"),
        pytest.param("a.sh", 'eval "$set_args"', id="what a parser of options printed"),
        pytest.param("a.sh", 'eval "$name=1"', id="a variable by its name"),
        pytest.param("a.py", "    >>> eval(text)", id="an example in a docstring"),
        pytest.param("a.py", "with patch('pdb.set_trace') as called:\n    breakpoint()", id="a test of a debugger"),
        pytest.param("a.py", "pdb.set_trace(frame)", id="a debugger's own call"),
        pytest.param("a.py", "    breakpoint()  # pylint: disable=forgotten-debug-statement", id="a linter's mark"),
        pytest.param("a.py", "if sys.platform == 'win32':\n    os.chmod(path, 0o777)", id="bits on Windows"),
        pytest.param("a.py", "if not allow_pickle:\n    raise E\nx = pickle.loads(b)", id="a switch for pickle"),
        pytest.param("a.py", 'db.execute("SELECT a FROM b WHERE " + where_clause, values)', id="a clause with marks"),
        pytest.param("tests/test_a.py", "db.execute(\"INSERT INTO a VALUES ('%s')\" % value)", id="SQL in a test"),
        pytest.param("tests/test_a.py", "self.assertFalse(one == float('nan'))", id="a test of NaN"),
        pytest.param("a_test.go", 'administrator_login_password = "NCC-1701-D"', id="a login of a test"),
        pytest.param("a.yml", "access_key: A1B2C3D4E5F6G7H8I9J0", id="a made-up key"),
        pytest.param(
            "t/a.sh", "cat >expect <<EOF\n<<<<<<< ours\na\n=======\nb\n>>>>>>> theirs\nEOF", id="here-document"
        ),
        pytest.param("a.py", "os.system('hg update -C %d' % number)", id="a shell command with a number"),
        pytest.param("a.php", "public function eval($script)", id="a method called eval"),
        pytest.param("a.h", "#define TRAP() __debugbreak()", id="a macro that is a trap"),
        pytest.param("a.yml", "secret_key: 11111111-1111-1111-1111-111111111111", id="a key of ones"),
        pytest.param("a.php", "'password' => '--password='.$given,", id="an option"),
        pytest.param("a.py", "from sdk.core import yaml\nx = yaml.load(text)", id="another yaml"),
        pytest.param("tests/a.py", 'def test_key():\n    key = b"""' + PEM, id="a key of a test"),
        pytest.param("a_test.go", "func TestKey(t *testing.T) {\n\tkey := `" + PEM, id="a key of a test in Go"),
        pytest.param("a.sh", "cat <<-'EOF'\n>>>>>>> theirs\nEOF", id="a quoted here-document"),
    ],
)
def test_what_is_sound_beside_its_context_is_left_alone(path: str, text: str) -> None:
    assert find(path, text) == []


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        pytest.param("evaluation of a value", "a.py", "text = read()\nvalue = eval(text)", id="a value from elsewhere"),
        pytest.param("evaluation of a value", "a.py", "key = 'a.' + name\nvalue = eval(key)", id="a text with a value"),
        pytest.param(
            "evaluation of a value", "a.py", "if a in text:\n    value = eval(text)", id="no check of the value"
        ),
        pytest.param("evaluation of a value", "a.sh", 'eval "$user_input"', id="input of a script"),
        pytest.param("evaluation of a value", "a.sh", "eval $@", id="arguments of a script"),
        pytest.param("debugger left in", "tests/test_a.py", "x = 1\npdb.set_trace()", id="a debugger in a test"),
        pytest.param("comparison with NaN", "tests/test_a.py", "if one == float('nan'):", id="NaN in a test"),
        pytest.param("SQL from text", "a.py", 'db.execute("DELETE FROM b WHERE c = " + value)', id="SQL with a value"),
        pytest.param(
            "hard-coded credential", "tests/test_a.py", "token = 'f00f-9182-5678-zz-11'", id="a long token in a test"
        ),
        pytest.param("writable by everyone", "a.py", "os.umask(0)\nos.chmod(path, 0o777)", id="bits anywhere"),
        pytest.param("unsafe deserialisation", "a.py", "body = read()\nx = pickle.loads(body)", id="pickle"),
        pytest.param("shell with text", "a.py", "os.system('git log -%d %s' % pair)", id="a number and a text"),
        pytest.param("unsafe deserialisation", "a.py", "import yaml\nx = yaml.load(text)", id="yaml"),
        pytest.param("hard-coded credential", "a.py", 'import ssl\nKEY = b"""' + PEM, id="a key"),
        pytest.param("conflict marker", "a.sh", "cat <in.txt\n<<<<<<< HEAD", id="a marker behind a redirection"),
        pytest.param("conflict marker", "a.py", "x = 1 << 2\n>>>>>>> topic", id="a marker behind a shift"),
    ],
)
def test_what_its_context_does_not_excuse_is_found(rule: str, path: str, text: str) -> None:
    assert find(path, text) == [rule]
