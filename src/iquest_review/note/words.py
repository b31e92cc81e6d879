"""The note's own words, in the languages it is written in."""

from dataclasses import dataclass

from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings import position, verify
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placed import OVER_LIMIT, REFUSED

PROBLEMS = (
    *(verify.NO_PATH, verify.NO_FILE, verify.NO_LINE, verify.NO_QUOTE, verify.NO_ANCHOR),
    *(position.LONG_PATH, position.UNREADABLE_PATH, position.NO_PLACE, OVER_LIMIT, REFUSED),
)


@dataclass(frozen=True, slots=True)
class Words:
    """Every fixed text of a note. Texts with {} take what their names say; before a "|" stands the singular."""

    title: str
    no_findings: str
    no_findings_partly: str
    nothing: str
    nothing_left: str
    nothing_changed: str
    failed: str
    not_reviewed: str
    unchecked: str
    raw: str
    partial: str
    previous: str
    elsewhere: str
    line: str
    old_line: str
    lines: str
    fix: str
    before: str
    threads: str
    since: str
    seen: str
    unchanged: str
    gone: str
    fixed: str
    unplaced: str
    left: str
    waived: str
    merged: str
    steering: str
    suggestions: str
    omitted_files: str
    omitted_lines: str
    changed_lines: str
    some_lines: str
    more: str
    more_characters: str
    footer_model: str
    footer_asked: str
    footer_rules: str
    head: str
    tokens: str
    seconds: str
    language: str
    prompt: str
    job: str
    hint: str
    severities: dict[Severity, str]
    categories: dict[Category, str]
    reasons: dict[Reason, str]
    problems: dict[str, str]
    phrases: dict[str, str]  # of a status's reason; a reason is such phrases and what a server said, parted by "; "
    comma: str

    def reason(self, text: str) -> str:
        """A status's reason in this language, as far as it is ours."""
        return "; ".join(self._translate_phrase(part) for part in text.split("; "))

    def _translate_phrase(self, part: str) -> str:
        for phrase, translated in self.phrases.items():
            if phrase in part:
                return part.replace(phrase, translated)
        return part


ENGLISH = Words(
    title="Review: {verdict}",
    no_findings="No findings",
    no_findings_partly="No findings in what was reviewed",
    nothing="Nothing to review",
    nothing_left="Every changed file was left out.",
    nothing_changed="No line changes.",
    failed="⚠️ not done",
    not_reviewed="Not reviewed, because {reason}",
    unchecked="⚠️ unchecked",
    raw="The model answered, but not in a form that can be checked ({reason}). Its words stand below as they came: "
    "a person should look at the change.",
    partial="⚠️ Partly reviewed: {reason}",
    previous="The last review that was done:",
    elsewhere="Not on a line of the change",
    line="line {line}",
    old_line="removed line {line}",
    lines="lines {line} to {end_line}",
    fix="Suggested instead:",
    before="Of the change as it was reviewed first:",
    threads="In threads on the change",
    since="This run:",
    seen="{count} changed line was reviewed before|{count} changed lines were reviewed before",
    unchanged="{count} line only moved or changed in white space|{count} lines only moved or changed in white space",
    gone="{count} finding resolved, its lines are gone|{count} findings resolved, their lines are gone",
    fixed="{count} finding resolved as fixed|{count} findings resolved as fixed",
    left="{count} settled finding whose thread has replies: please resolve it"
    "|{count} settled findings whose threads have replies: please resolve them",
    unplaced="{count} finding without a line not repeated|{count} findings without a line not repeated",
    waived="{count} finding not raised, it was waived or resolved"
    "|{count} findings not raised, they were waived or resolved",
    merged="{count} near-duplicate merged|{count} near-duplicates merged",
    steering="⚠️ This merge request changes what steers its reviews: {paths}. "
    "Settings, rules and prompts were those of the target branch.",
    suggestions="Suggestions",
    omitted_files="Not reviewed: {files} of {all} file|Not reviewed: {files} of {all} files",
    omitted_lines="Not reviewed: {lines} in {files} of {all} file|Not reviewed: {lines} in {files} of {all} files",
    changed_lines="{count} changed line|{count} changed lines",
    some_lines="{count} of {all} changed lines",
    more="and {count} more, in review.json",
    more_characters="… and {count} more characters, in review.json",
    footer_model="Reviewed by {model}",
    footer_asked="Asked: {model}",
    footer_rules="Answered by the built-in rules of iquest-review, not by a model: they know a few mistakes",
    head="head {sha}",
    tokens="{prompt} + {completion} tokens",
    seconds="{seconds} s",
    language="language {language}",
    prompt="prompt {digest}",
    job="job",
    hint="To have a finding not raised again, reply `ignore: reason` to its thread, or give it a thumbs-down.",
    severities={Severity.HIGH: "high", Severity.MEDIUM: "medium", Severity.LOW: "low"},
    categories={category: category.value for category in Category},
    reasons={reason: reason.value for reason in Reason},
    problems={problem: problem for problem in PROBLEMS},
    phrases={},
    comma=", ",
)

CHINESE = Words(
    title="代码评审：{verdict}",
    no_findings="没有发现问题",
    no_findings_partly="已评审的部分没有发现问题",
    nothing="没有可评审的内容",
    nothing_left="所有变更文件都被排除在外。",
    nothing_changed="没有行发生变化。",
    failed="⚠️ 未完成",
    not_reviewed="未评审，原因：{reason}",
    unchecked="⚠️ 未核对",
    raw="模型给出了回答，但格式无法核对（{reason}）。原文如下：请人工查看这次变更。",
    partial="⚠️ 只评审了一部分：{reason}",
    previous="上一次完成的评审：",
    elsewhere="不在变更的某一行上",
    line="第 {line} 行",
    old_line="已删除的第 {line} 行",
    lines="第 {line} 至 {end_line} 行",
    fix="建议改为：",
    before="首次评审时对这次变更的总结：",
    threads="变更上的讨论",
    since="本次运行：",
    seen="{count} 行变更此前已评审",
    unchanged="{count} 行变更只是移动或空白变化",
    gone="{count} 个问题已解决，所在的行已不存在",
    fixed="{count} 个问题已修复并解决",
    left="{count} 个问题已不存在，但主题中有人回复：请手动解决",
    unplaced="{count} 个没有行号的问题不再重复",
    waived="{count} 个问题已被豁免或解决，不再提出",
    merged="合并了 {count} 个近似重复的问题",
    steering="⚠️ 本合并请求修改了影响评审的文件：{paths}。设置、规则和提示词以目标分支的版本为准。",
    suggestions="建议",
    omitted_files="未评审：{all} 个文件中的 {files} 个",
    omitted_lines="未评审：{all} 个文件中 {files} 个的 {lines}",
    changed_lines="{count} 行变更",
    some_lines="{all} 行变更中的 {count} 行",
    more="另有 {count} 个，见 review.json",
    more_characters="… 另有 {count} 个字符，见 review.json",
    footer_model="由 {model} 评审",
    footer_asked="询问的模型：{model}",
    footer_rules="由 iquest-review 内置规则给出，而非模型：规则只认识少数错误",
    head="head {sha}",
    tokens="{prompt} + {completion} tokens",
    seconds="{seconds} 秒",
    language="语言 {language}",
    prompt="提示词 {digest}",
    job="作业",
    hint="不希望某个问题再次提出：在其主题下回复 `ignore: 原因`（或 `忽略：原因`），或点踩。",
    severities={Severity.HIGH: "高", Severity.MEDIUM: "中", Severity.LOW: "低"},
    categories={
        Category.BUG: "缺陷",
        Category.SECURITY: "安全",
        Category.PERFORMANCE: "性能",
        Category.CONVENTION: "规范",
        Category.SIMPLIFICATION: "简化",
        Category.OTHER: "其他",
    },
    reasons={
        Reason.LOCK: "锁文件",
        Reason.GENERATED: "生成的文件",
        Reason.VENDORED: "第三方文件",
        Reason.MINIFIED: "压缩过的文件或过长的行",
        Reason.BINARY: "二进制文件",
        Reason.SUBMODULE: "子模块",
        Reason.LINES: "超出行数预算",
        Reason.TOKENS: "超出 token 预算",
        Reason.SEEN: "之前推送时已评审",
        Reason.MOVED: "只是移动，没有改动",
        Reason.WHITESPACE: "只有空白变化",
        Reason.UNANSWERED: "没有得到可用的回答",
        Reason.TIME: "没有时间提问",
    },
    problems={
        verify.NO_PATH: "没有指明文件",
        verify.NO_FILE: "所指的文件不在评审的内容中",
        verify.NO_LINE: "所指的行不在 diff 中",
        verify.NO_QUOTE: "所引用的代码不在 diff 中",
        verify.NO_ANCHOR: "没有指明行号",
        position.LONG_PATH: "文件名对 GitLab 来说太长",
        position.UNREADABLE_PATH: "文件名不是 UTF-8",
        position.NO_PLACE: "在变更中没有位置",
        OVER_LIMIT: "超出 IQUEST_MAX_FINDINGS",
        REFUSED: "GitLab 不接受在那里开讨论",
    },
    phrases={
        "the answer breaks off": "回答没有写完",
        " of the model's findings could not be read": " 条模型的意见无法读取",
        "not everything fitted into the prompt": "提示词放不下全部变更",
        " parts not reviewed: ": " 个部分没有评审：",
        "the answer could not be used": "回答无法使用",
        " gave no answer within ": " 没有给出回答，等了 ",
        "the model's answer could not be used: it ends inside its reasoning": "模型的回答无法使用：停在了思考过程中",
        "the model's answer could not be used: it is empty": "模型的回答无法使用：内容为空",
        "the model's answer could not be used": "模型的回答无法使用",
        "it holds no JSON": "其中没有 JSON",
        "its JSON is not a review": "其中的 JSON 不是评审",
        "it holds more than one review": "其中有不止一份评审",
        "cannot be reached": "无法连接",
        "broke off in the middle of its answer": "在回答中途断开了连接",
        "sent an answer that cannot be unpacked": "的回答无法解压",
        "answered something that is not JSON": "的回答不是 JSON",
        "does IQUEST_API_URL name the model server?": "IQUEST_API_URL 指向的是模型服务吗？",
        "does not speak TLS: should IQUEST_API_URL begin with http://?": "不使用 TLS：地址应以 http 开头吗？",
        "speaks TLS: should IQUEST_API_URL begin with https://?": "使用 TLS：地址应以 https 开头吗？",
        "the certificate is not accepted": "证书不被接受",
        "TLS fails, perhaps because the server asks for a client certificate": "TLS 握手失败，服务器可能要求客户端证书",
        "TLS fails, perhaps because the server refuses the certificate of ": "TLS 握手失败，服务器可能拒绝了证书 ",
        "the server may require or refuse IQUEST_CLIENT_CERT": "可能与 IQUEST_CLIENT_CERT 有关",
        "the server refuses the certificate of ": "服务器拒绝了客户端证书 ",
        "the server asks for a client certificate": "服务器要求提供客户端证书",
        "TLS fails": "TLS 握手失败",
        "the proxy asks for a user name and password: set them in ": "代理要求用户名和密码，请写入 ",
        "the proxy does not accept the user name and password in ": "代理不接受其中的用户名和密码：",
        "the proxy refuses to connect": "代理拒绝了连接",
        "the answer may come from the proxy": "这可能是代理的回答",
        "socks proxies are not supported": "不支持 socks 代理",
        " cannot be used: it names no host": " 无法使用：其中没有主机名",
        " cannot be used: its host or port cannot be read": " 无法使用：主机或端口无法识别",
        "refuses a request without a key": "拒绝了没有密钥的请求",
        "is IQUEST_API_KEY to be set?": "需要设置 IQUEST_API_KEY 吗？",
        "no time left: the job may take ": "没有时间了：作业最多可用 ",
        "no answer in the last ": "最后这段时间内没有回答：",
        "refuses the key": "拒绝了密钥",
        "asks for a key (401): set IQUEST_API_KEY": "要求提供密钥 (401)：请设置 IQUEST_API_KEY",
        "refuses the request": "拒绝了请求",
        "does not serve the model": "没有这个模型：",
        "it serves": "现有模型",
        "no part of the change fits": "变更的任何部分都放不下",
    },
    comma="，",
)


def choose_plural(forms: str, count: int) -> str:
    """The one of two forms, parted by "|", that fits a number."""
    one, _, many = forms.partition("|")
    return many if many and count != 1 else one


def format_plural(forms: str, count: int) -> str:
    """The form that fits, with its number."""
    return choose_plural(forms, count).format(count=format_number(count))


def format_number(number: int) -> str:
    """A number as people read it."""
    return f"{number:,}"


def select_words(language: str) -> Words:
    """The words of a language; English where there are none of its own."""
    return CHINESE if language.lower().startswith("zh") else ENGLISH
