"""The stand-in's rules about security: code that lets an attacker in."""

from iquest_review.stand_in.rules import (
    ANY,
    CS,
    GO,
    JAVA,
    JS,
    PHP,
    PY,
    RUBY,
    SHELL,
    YAML,
    C,
    Rule,
    compile_shape,
    confirm_shapes,
)
from iquest_review.stand_in.surroundings import is_outside_test, is_plain_yaml, is_value_foreign

_CREDENTIAL = (
    # A page token, a lock token or a request token opens nothing; AWS::MSK::BatchScramSecret is a type's name.
    r"(?i)(?<![\w:.-])(?:[\w.-]{0,40}(?:passw(?:or)?d|secret(?:_?key(?:_?base)?)?|api_?key|access_?key)"
    r"|(?:[\w.-]{0,40}(?:auth|access|api|bearer|refresh|bot|deploy|secret|private|personal|git(?:hub|lab)|slack)[_-]?)?token)"
)
_PLACEHOLDER = (
    r"(?i)example|change_?me|xxx|placeholder|dummy|your[-_]|todo|^<|^\$|^\{|\$[{(]|\{\{|%\(|\*\*\*|\.\.\.|://|^env[.:]|^-|1111|123456|a1b2c3|abcdef"
    r"|^[a-z_.-]+$"  # words without a digit or a sign are more often a name or a label than a secret
)
# A test makes up what it logs in with: a word, or few characters.
_SOFT = r"(?i)test|fake|mock|secret|p[a@]ss|foo|bar|abc|123|sample|invalid|wrong|^.{1,15}$"
_SQL = (
    r"(?i:SELECT\s[^\"'`{}]{1,300}?\sFROM\s{1,4}\S|INSERT\s{1,4}INTO\s{1,4}\w"
    r"|DELETE\s{1,4}FROM\s{1,4}\w|UPDATE\s{1,4}[\w.]{1,60}\s{1,4}SET\s)"
)
# An ALL_CAPS name is a constant of the program; a clause has its own marks for values.
_ADDED_TO = r"\s{0,4}[+%]\s{0,4}(?![A-Z_0-9]+\b|\w*(?:clauses?|placeholders|marks|columns|fields)\b)[A-Za-z_$]"
_WEAK_HASH = (
    r"(?i)(?<![a-z])(?:md5|sha1)\(|\.(?:md5|sha1)\(|getInstance\(\"(?:MD5|SHA-?1)\"|createHash\([\"'](?:md5|sha1)"
    r"|Digest::(?:MD5|SHA1)|(?:md5|sha1)\.(?:Sum|New|Create|HashData)\("
)
_WINDOWS = r"sys\.platform|os\.name\b|process\.platform"  # where these bits only mean that the file is not read-only
_ONLY_NUMBERS = r"^(?!.*%[-\d.]{0,9}[sr]).*%\d{0,3}[dxo]\b.*[\"']\s?%\s?\w"  # a number holds no command
# Somebody has thought about the size.
_MEASURED = r"(?i)strlen|sizeof|alloc|strdup|_len\b|size"
SECURITY: tuple[Rule, ...] = (
    Rule(
        "hard-coded credential",
        "high",
        "security",
        (
            compile_shape(
                ANY,
                r"\b(?:AKIA[0-9A-Z]{16}|gh[po]_\w{36}|glpat-[\w-]{20}|xox[abp]-[\w-]{10}|sk_live_\w{16})",
                "text",
                unless=r"EXAMPLE|x{4}|X{4}",
            ),
            *confirm_shapes(
                is_outside_test,
                compile_shape(
                    ANY,
                    r"-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----(?![\"'`]|.*\.\.\.)",
                    "text",
                    unless=r"EXAMPLE|x{4}|X{4}",
                ),
            ),
            compile_shape(
                ANY, _CREDENTIAL + r"[\"']?\s{0,4}(?::=|=>|[:=])\s{0,4}[\"']([^\"']*\[redacted\b[^\"']*)[\"']", "text"
            ),
            compile_shape(
                ANY,
                _CREDENTIAL
                + r"[\"']?\s{0,4}(?::\s?[\w.]{1,20}\s?)?(?::=|=>|[:=])\s{0,4}[\"'](?![.,;+)\]])([^\"'\s]{8,200})[\"']",
                "text",
                unless=_PLACEHOLDER,
                unless_test=_SOFT,
            ),
            compile_shape(YAML, _CREDENTIAL + r":\s{1,4}([^\s\"'|>&*!{\[]{8,200})$", "text", None, _PLACEHOLDER, _SOFT),
        ),
        "This writes a credential into the repository, where everyone who can read the history has it from now on. "
        "Read it from the environment or a secret store, and replace the one that was committed.",
        "这里把凭据写进了仓库，此后凡能读取历史的人都能得到它。请从环境变量或密钥库读取，并更换已提交的凭据。",
    ),
    Rule(
        "SQL from text",
        "high",
        "security",
        (
            compile_shape(PY, rf"\b[rR]?[fF][\"']{{1,3}}\s{{0,4}}{_SQL}[^{{]*\{{(?!placeholders|marks)", "text"),
            compile_shape(PY, rf"[\"']{_SQL}[^\"]*[\"']\.format\(", "text"),
            compile_shape((*PY, *JS, *JAVA, *GO, *CS, *C), rf"\"\s{{0,4}}{_SQL}[^\"]*\"{_ADDED_TO}", "text"),
            compile_shape((*PY, *JS), rf"'\s{{0,4}}{_SQL}[^']*'{_ADDED_TO}", "text"),
            compile_shape(JS, rf"(?<![\w\])])`\s{{0,4}}{_SQL}[^`$]*\$\{{", "text"),
            compile_shape(RUBY, rf"\"{_SQL}[^\"#]*#\{{", "text"),
            compile_shape(PHP, rf"\"{_SQL}[^\"$]*(?:\$\w|\{{\$|\"\s?\.\s?\$)", "text"),
            compile_shape(PHP, rf"'{_SQL}[^']*'\s?\.\s?\$", "text"),
            compile_shape(
                (*GO, *JAVA, *C), rf"(?:printf|format)\((?:[^\"`]{{0,60}},)?\s?[\"`]{_SQL}[^\"`%]*%[svd]", "text"
            ),
            compile_shape(GO, rf"Sprintf\([\"`]{_SQL}[^\"`%]*%[svq]", "text"),
            compile_shape(CS, rf"\$@?\"{_SQL}[^\"{{]*\{{", "text"),
        ),
        "The SQL statement is assembled from text, so a value with a quote in it changes the statement: an injection "
        "when any part comes from outside. Pass the values as parameters of the query.",
        "SQL 语句由文本拼接而成，值里带有引号就会改变语句；若任何部分来自外部，就是注入漏洞。请改用查询参数传值。",
        in_tests=False,
    ),
    Rule(
        "shell with text",
        "high",
        "security",
        (
            compile_shape(
                PY,
                r"\bsubprocess\.\w+\((?=.*\bshell\s?=\s?True)\s?(?:f[\"'][^{]*\{|[\"'].*[\"'](?:\.format\(|\s?[+%]\s?\w))",
                "text",
                unless=_ONLY_NUMBERS,
            ),
            compile_shape(
                PY,
                r"\bos\.(?:system|popen)\(\s?(?:f[\"'][^{]*\{|[\"'].*[\"'](?:\.format\(|\s?[+%]\s?\w))",
                "text",
                unless=_ONLY_NUMBERS,
            ),
            compile_shape(
                JS,
                r"(?:(?<![.\w])exec|child_process\.exec|\bcp\.exec|execSync)\(\s?(?:`[^`$]*\$\{|\"[^\"]*\"\s?\+|'[^']*'\s?\+)",
                "text",
            ),
            compile_shape(JAVA, r"getRuntime\(\)\.exec\(\s?\"[^\"]*\"\s?\+", "text"),
            compile_shape(RUBY, r"(?<![.\w])(?:system|exec)[ (]\s?\"[^\"#]*#\{", "text", unless=r"[Ss]hellescape"),
            compile_shape(
                PHP,
                r"(?<![\w>])(?:exec|shell_exec|system|passthru)\(\s?(?:\"[^\"$]*\$|[\"'].*[\"']\s?\.\s?\$)",
                "text",
                unless=r"escapeshell",
            ),
            compile_shape(
                GO,
                r"exec\.Command(?:Context)?\([^\"]*\"(?:sh|bash)\", \"-c\", (?:fmt\.Sprintf|\"[^\"]*\"\s?\+)",
                "text",
            ),
            compile_shape(CS, r"Process\.Start\(.*\"/[cC] [^\"]*\"\s?\+", "text"),
        ),
        "A shell command is built from text, so a value holding ; or $( ) runs a command of its own. "
        "Call the program with a list of arguments and no shell.",
        "这里用文本拼出 shell 命令，值中若含有 ; 或 $( ) 就会执行另外的命令。请不经 shell，以参数列表直接调用程序。",
        in_tests=False,
    ),
    Rule(
        "evaluation of a value",
        "high",
        "security",
        (
            *confirm_shapes(
                is_value_foreign,
                compile_shape(
                    PY,
                    r"(?<![.\w])(?<!def )(?:eval|exec)\(\s{0,4}"
                    # A compiled text, and a namespace of its own, say that the program means to run its own code.
                    r"(?!(?:co|code\w*|compiled\w*|bytecode|compile\(.*)\b)[A-Za-z_][^,]*$",
                ),
            ),
            compile_shape(JS, r"(?<![.\w])(?<!function )eval\(\s{0,4}[A-Za-z_$]|\bnew Function\(\s{0,4}[A-Za-z_$]"),
            compile_shape(PHP, r"(?<![\w>:])(?<!function )eval\(\s{0,4}\$"),
            compile_shape(RUBY, r"(?<![.\w])(?<!def )eval\(\s{0,4}[a-z_@]"),
            compile_shape(
                (".sh", ".bash", ".zsh"),
                r"(?:^|[;&|]\s?)\s*eval\s{1,4}\"?\$\{?"
                r"(?:[1-9@*]|\w*(?i:cmd|command|input|user|request|query|reply|body|payload)\w*\b(?!=))",
                "text",
                unless_before=r"(?i)(?:cmd|command)\w*\+?=",
            ),
        ),
        "The value is run as code, so whoever controls it controls the process. "
        "Parse the value, or choose from a table of known functions.",
        "这里把值当作代码执行，谁能控制这个值，谁就能控制整个进程。请改为解析该值，或从已知函数表中选择。",
        in_tests=False,
    ),
    Rule(
        "TLS verification off",
        "high",
        "security",
        (
            compile_shape(
                PY,
                r"^(?=.*(?i:requests|httpx|session|client|https?|url|\bget\(|\bpost\()|\s*verify\s?=\s?False,?\s*\)?\s*$)"
                r"(?!\s*@).*\bverify\s?=\s?False\b",
                fix=(r"verify(\s?)=(\s?)False", r"verify\1=\2True"),
            ),
            compile_shape(PY, r"\bssl\._create_unverified_context\b|\bverify_mode\s?=\s?ssl\.CERT_NONE\b"),
            compile_shape(
                GO, r"\bInsecureSkipVerify:\s{0,4}true\b", fix=(r"(InsecureSkipVerify:\s{0,4})true", r"\1false")
            ),
            compile_shape(
                JS, r"\brejectUnauthorized:\s{0,4}false\b", fix=(r"(rejectUnauthorized:\s{0,4})false", r"\1true")
            ),
            compile_shape(JS, r"\bNODE_TLS_REJECT_UNAUTHORIZED\b[\"']?\]?\s?=\s?[\"']?0", "text"),
            compile_shape(SHELL, r"\bcurl\s(?:[^|;&]*\s)?(?:-[a-zA-Z]{0,6}k[a-zA-Z]{0,6}|--insecure)(?=\s|$)", "text"),
            compile_shape(
                SHELL, r"\bwget\s[^|;&]*--no-check-certificate\b|\bGIT_SSL_NO_VERIFY=[\"']?(?:1|true)", "text"
            ),
            compile_shape((*PHP, *C), r"\bCURLOPT_SSL_VERIFYPEER\s?(?:,|=>)\s{0,4}(?i:false|0L?)\b"),
            compile_shape(RUBY, r"\bOpenSSL::SSL::VERIFY_NONE\b"),
            compile_shape(
                JAVA, r"\b(?:NoopHostnameVerifier|TrustAllStrategy|ALLOW_ALL_HOSTNAME_VERIFIER)\b", unless=r"^import"
            ),
            compile_shape(CS, r"\bServerCertificate\w*Callback\b.*=>\s?true\b|\bDangerousAcceptAnyServerCertificate"),
        ),
        "The server's certificate is no longer checked, so anyone on the network path can read and change the traffic. "
        "Leave the check on, and trust the private CA where there is one.",
        "这里不再校验服务器证书，网络路径上的任何人都能读取并篡改通信。请保持校验；若使用私有 CA，请将其加入信任。",
        in_tests=False,
    ),
    Rule(
        "weak password hash",
        "high",
        "security",
        (
            compile_shape(
                ANY,
                rf"^(?=.*(?i:passw))(?=.*(?:{_WEAK_HASH.removeprefix('(?i)')}))",
                "text",
                None,
                r"(?i)md5sum|cram|^\s*(?:async )?def ",
            ),
            compile_shape((*PY, *JAVA, *GO, *CS), _WEAK_HASH, "text", then=r"(?i)\bpassw"),
        ),
        "MD5 and SHA-1 are so fast that stolen password hashes are guessed within hours. "
        "Use a password hash: bcrypt, scrypt or Argon2.",
        "MD5 和 SHA-1 太快，口令散列一旦泄露，数小时内即可被猜出。请使用口令散列算法：bcrypt、scrypt 或 Argon2。",
        in_tests=False,
    ),
    Rule(
        "writable by everyone",
        "medium",
        "security",
        (
            compile_shape(
                SHELL,
                r"\bchmod\s(?:-\w+\s)?(?:0?777|a\+rwx|[ao]\+w)(?=\s|$)",
                "text",
                fix=(r"\b(0?)777\b", r"\g<1>755"),
            ),
            compile_shape(
                (*PY, *JS, *RUBY),
                r"\bchmod(?:Sync)?[( ].*(?<![&^] )0o777\b(?! ?[-&^])",
                fix=(r"0o777\b", "0o755"),
                unless_before=_WINDOWS,
            ),
            compile_shape(
                (*GO, *PHP, *C, *RUBY),
                r"\b[Cc]hmod[( ].*(?<![&^] )\b0o?777\b(?! ?[-&^])",
                fix=(r"\b(0o?)777\b", r"\g<1>755"),
            ),
            compile_shape(JAVA, r"\.setWritable\(true, ?false\)"),
        ),
        "Every user of the machine may now change this file, also the ones that only run another service. "
        "Give write access to its owner only.",
        "这样一来，机器上的任何用户都能修改该文件，包括只运行其他服务的用户。请只把写权限给文件的所有者。",
        in_tests=False,
    ),
    Rule(
        "unsafe deserialisation",
        "high",
        "security",
        (
            compile_shape(PY, r"\bc?[pP]ickle\.loads\(", unless_before=r"allow_pickle"),
            *confirm_shapes(
                is_plain_yaml,
                compile_shape(
                    PY, r"\byaml\.load\([^)]", "code", None, r"[Ll]oader", None, (r"\byaml\.load\(", "yaml.safe_load(")
                ),
            ),
            compile_shape(PHP, r"\bunserialize\(\s?\$_(?:GET|POST|REQUEST|COOKIE)\b"),
            compile_shape(RUBY, r"\b(?:Marshal|YAML)\.(?:load|unsafe_load)[( ]\s?(?:params|cookies|request)\b"),
            compile_shape(JAVA, r"\bnew ObjectInputStream\(\s?\w*(?:[rR]equest|[sS]ocket)\w*\.getInputStream"),
            compile_shape(CS, r"\bnew BinaryFormatter\("),
        ),
        "Loading this format can run code that the data names, so data from outside takes over the process. "
        "Use a format that only holds values, such as JSON.",
        "加载这种格式时可能执行数据中指定的代码，来自外部的数据因此能接管进程。请改用只承载数据的格式，例如 JSON。",
        in_tests=False,
    ),
    Rule(
        "unbounded copy",
        "high",
        "security",
        (
            compile_shape(C, r"(?<![\w.>])gets\(\s?\w"),
            # Whether the buffer fits is seen elsewhere: what comes from outside, or fills a member, has no known size.
            compile_shape(
                C,
                r"(?<![\w.>])(?:strcpy|strcat)\(\s?[^,\"]{1,120},\s?(?:argv\b|(?:\w*_)?getenv\(|optarg\b"
                r"|\w*(?:[iI]nput|[uU]ser|[rR]equest|[qQ]uery)\w*\s?\))",
                unless_before=_MEASURED,
            ),
            compile_shape(
                C,
                r"(?<![\w.>])(?:strcpy|strcat)\(\s?\w{1,60}(?:->|\.)(\w{1,60}),\s?\w{1,60}\s?\)",
                unless_before=_MEASURED,
            ),
            compile_shape(C, r"(?<!\w)f?scanf\([^\"]{0,60}\"[^\"]*%s", "text"),
        ),
        "Nothing bounds what is written here: an input longer than the buffer overwrites the memory behind it. "
        "Use a call that takes the size of the buffer.",
        "这里写入的长度没有上限：输入比缓冲区长时，会覆盖其后的内存。请使用带缓冲区大小参数的函数。",
    ),
)
