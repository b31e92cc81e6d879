"""The stand-in's rules about mistakes: code that does not do what it seems to do."""

from iquest_review.stand_in.rules import (
    ANY,
    BRACES,
    CS,
    GO,
    JAVA,
    JS,
    PHP,
    PY,
    RUBY,
    C,
    Rule,
    compile_shape,
    confirm_shapes,
)
from iquest_review.stand_in.surroundings import is_default_changed, is_error_lost

_NAN = (
    r"(?:\bNaN|np\.nan|math\.nan|float\([\"']nan[\"']\)|(?:Double|Float|Number|double|float)\.NaN|math\.NaN\(\)|\bNAN)"
)
_HERE_DOCUMENT = r"(?<!<)<<[-~]?\s?(?:\\?[A-Za-z_]|[\"'])"  # the text that a command shall read or expect
# A test may say that this comparison is always false.
_ASSERTED = r"(?i)assert_?(?:not|true|false)|\bassert not\b|(?:expect|assert)_(?:true|false)|\bassert\b.*!="
# An error with such a name is an answer: there is none, or the value is not one.
_ANSWERS = r"\w*(?:NoSuch|NotFound|NumberFormat|FormatException|NotSupported|AlreadyExists)\w*"
_CATCH = rf"^[^\"'`]*\bcatch\s{{0,4}}(?:\((?![^)]*\b(?:ignored?|expected|_|{_ANSWERS})\b)[^)]*\)\s{{0,4}})?"

MISTAKES: tuple[Rule, ...] = (
    Rule(
        "swallowed error",
        "medium",
        "bug",
        (
            *confirm_shapes(
                is_error_lost,
                compile_shape(
                    PY, r"^\s*except(?:\s+(?:Base)?Exception(?:\s+as\s+\w+)?)?:\s*(?:pass|\.\.\.)\s*$", "raw"
                ),
                compile_shape(
                    PY,
                    r"^\s*except(?:\s+(?:Base)?Exception(?:\s+as\s+\w+)?)?:\s*$",
                    "raw",
                    then=r"^\s*(?:pass|\.\.\.)\s*$",
                ),
                compile_shape((*JS, *JAVA, *CS, *PHP, *C), _CATCH + r"\{\s*\}", "raw"),
                compile_shape((*JS, *JAVA, *CS, *PHP, *C), _CATCH + r"\{\s*$", "raw", then=r"^\s*\}"),
                compile_shape(JS, r"\.catch\(\s?(?:\(\s?\w*\s?\)|\w+)\s?=>\s?\{\s?\}\s?\)", "raw"),
                compile_shape(
                    RUBY, r"^\s*rescue(?:\s+(?:StandardError|Exception))?(?:\s*=>\s*\w+)?\s*$", "raw", then=r"^\s*end\b"
                ),
            ),
            compile_shape(GO, r"^\s*(?:\}\s*else\s+)?if\s[^{]*\berr != nil\s*\{\s*$", "raw", then=r"^\s*\}"),
        ),
        "Every error caught here vanishes, so a failure looks like success and leaves no trace to search for. "
        "Handle the errors that are expected, and let the others through.",
        "在此捕获的错误全部消失，失败看起来就像成功，且没有任何可追查的痕迹。请只处理预期的错误，其余的应继续抛出。",
        in_tests=False,
    ),
    Rule(
        "conflict marker",
        "high",
        "bug",
        (compile_shape(ANY, r"^(?:<{7} \S|>{7} \S)", "raw", unless_before=_HERE_DOCUMENT),),
        "A conflict marker of an unfinished merge was left in the file: it does not parse, or it holds both versions.",
        "文件中留有未解决合并的冲突标记：文件将无法解析，或同时含有两个版本。",
    ),
    Rule(
        "debugger left in",
        "medium",
        "bug",
        (
            compile_shape(
                PY,
                # What a test of a debugger does is on its lines before.
                r"\b(?:i?pdb|pudb)\.set_trace\(\s?\)|(?<![.\w])(?<!def )breakpoint\(\)",
                unless_before=r"breakpointhook|\bpatch\b|[mM]ock",
            ),
            compile_shape(JS, r"(?:^|[{;)])\s*debugger\s*(?:;|$)"),
            compile_shape(RUBY, r"\bbinding\.(?:pry|irb)\b|^\s*byebug\s*$"),
            compile_shape(PHP, r"(?<![\w>:])(?<!function )(?:var_dump|dd)\("),
            compile_shape(GO, r"\bruntime\.Breakpoint\(\)"),
            compile_shape(CS, r"\bDebugger\.(?:Break|Launch)\(\)"),
            compile_shape(C, r"\b__debugbreak\(\)|\braise\(SIGTRAP\)", unless=r"#\s*define\b"),
        ),
        "A debugging aid was left in: in production it stops the process or prints internals at this line.",
        "这里遗留了调试代码：在生产环境中它会让进程停在此行，或输出内部信息。",
    ),
    Rule(
        "mutable default",
        "medium",
        "bug",
        confirm_shapes(
            is_default_changed,
            compile_shape(
                (".py",),  # a stub has no body
                r"^\s*(?:async\s+)?def\s+\w+\(.*(?<![_\w])(?!_)\w+(?:\s?:\s?[^=]{1,60})?\s?=\s?(?:\[\]|\{\}|set\(\)|list\(\)|dict\(\))\s?[,)]",
            ),
        ),
        "The default is created once and shared by all calls, so the next call still sees what one call added. "
        "Use None as the default and create the value inside the function.",
        "默认值只创建一次并由所有调用共用，一次调用加入的内容下一次还在。请以 None 作默认值，在函数内部再创建。",
        in_tests=False,
    ),
    Rule(
        "None compared with ==",
        "low",
        "convention",
        (
            compile_shape(
                PY,
                r"[^=!<>]\s?==\s{0,2}None\b",
                "code",
                None,
                r"\.(?:filter|where)\(",
                None,
                (r"==(\s{0,2}None\b)", r"is\1"),
            ),
            compile_shape(
                PY, r"!=\s{0,2}None\b", "code", None, r"\.(?:filter|where)\(", None, (r"!=(\s{0,2}None\b)", r"is not\1")
            ),
        ),
        "== asks the object's own __eq__, which may answer anything (an array compares each element). "
        "Compare with None by identity.",
        "== 会调用对象自己的 __eq__，结果未必可靠（例如数组会逐个元素比较）。与 None 比较请用 is。",
        in_tests=False,
    ),
    Rule(
        "assignment in a condition",
        "high",
        "bug",
        (
            compile_shape(
                (*JS, *C, *PHP),
                r"\b(?:if|while)\s?\(\s?[\w.>\[\]$-]{1,120}\s?=\s?(?:-?\d[\w.]*|true|false|null|NULL|nullptr|\"\"|'')\s?\)",
                fix=(r"(\b(?:if|while)\s?\(\s?[\w.>\[\]$-]{1,120}\s?)=", r"\1=="),
            ),
        ),
        "This assigns instead of comparing: the variable is overwritten and the branch no longer depends on its value.",
        "这里是赋值而不是比较：变量被覆盖，分支也不再取决于它原来的值。",
    ),
    Rule(
        "comparison with NaN",
        "medium",
        "bug",
        (compile_shape((*PY, *BRACES, *RUBY), rf"[=!]==?\s?{_NAN}(?!\w)|{_NAN}\s?[=!]==?", "text", unless=_ASSERTED),),
        "NaN equals nothing, not even itself, so this comparison always has the same result. Use an is-NaN function.",
        "NaN 不等于任何值，也不等于它自己，这个比较的结果永远相同。请用判断 NaN 的函数。",
    ),
    Rule(
        "note to remove before merging",
        "low",
        "convention",
        (
            compile_shape(
                ANY,
                r"(?i)(?:#|//|/\*|--|<!--|^\s*[;*]).{0,40}\b(?:remove|delete|revert|undo)\b.{0,30}"
                r"\bbefore\b.{0,15}\b(?:merg|commit|releas|ship|push)"
                r"|(?:#|//|/\*|--|<!--)\s?(?:todo:? )?do not merge(?:\s*$|[.!:,]| (?:yet|this|until|before)\b)",
                "raw",
            ),
        ),
        "The author's own note says that this must not be merged in its present form.",
        "作者自己的注释说明：此处不应原样合并。",
    ),
)
