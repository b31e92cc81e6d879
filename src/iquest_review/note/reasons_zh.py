"""The reasons of an outcome and of a placement in simplified Chinese. The type checker sees where one is missing."""

import re
from typing import assert_never

from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.llm.prompt_cut import PromptCut
from iquest_review.reasons import (
    FailureText,
    LostFindings,
    NothingFits,
    OutcomeReason,
    PartsNotReviewed,
    PlainReason,
    RoomKind,
    UnusableAnswer,
)

_PATTERNS = (  # what an error says with details
    (r"^it is too long \((\d+) characters\)", r"太长（\1 个字符）"),
    (r"^none of its (\d+) findings can be read", r"其中的 \1 个问题都无法读取"),
    (r" gave no answer within (\S+) s$", r" 在 \1 秒内没有给出回答"),
    (r"^no answer in the last (\d+) s$", r"最后 \1 秒内没有回答"),
    (r"^no time left: the job may take (\S+) s\b", r"没有时间了：作业最多可用 \1 秒"),
    (r" refuses the key \((\d+)\): check IQUEST_API_KEY$", r" 拒绝了密钥 (\1)：请检查 IQUEST_API_KEY"),
    (
        r" redirects to (.+): set IQUEST_API_URL to the final address$",
        r" 重定向到 \1：请把 IQUEST_API_URL 设为最终地址",
    ),
    (r" has no (\S+) \((\d+)\): IQUEST_API_URL should end in /v1$", r" 没有 \1 (\2)：IQUEST_API_URL 应以 /v1 结尾"),
    (r" answered (\d{3})(?=:|$)", r" 返回了 \1"),
    (r"^(?:or )?set IQUEST_MODEL,? if only the list of models fails$", "如果只是模型列表不可用，请设置 IQUEST_MODEL"),
    (r"^set IQUEST_MODEL$", "请设置 IQUEST_MODEL"),
)
_ENDS = {  # what helps, after the words of a server or of OpenSSL
    " (set IQUEST_CA_FILE to the file of your own certificate authority)": "（请用 IQUEST_CA_FILE 指定证书颁发机构）",
    " (IQUEST_API_URL must use a name that the certificate contains)": "（IQUEST_API_URL 必须使用证书中的名称）",
    " (the server needs a new certificate)": "（服务器需要新的证书）",
    " (check the clock of this machine)": "（请检查本机的时钟）",
    " (set IQUEST_CLIENT_CERT to its file)": "（请把 IQUEST_CLIENT_CERT 设为它的文件）",
    ": no reason given": "：没有说明原因",
}
_PHRASES = {  # parts of what an error says; what a server says in it stays as it is
    "it ends inside its reasoning": "停在了思考过程中",
    "it is empty": "内容为空",
    "the model refuses to answer": "模型拒绝回答",
    "a content filter of the server withholds it": "被服务的内容过滤器拦下",
    "the server reports an error and does not say which": "服务报告了错误，但没有说明是什么错误",
    "the server reports an error": "服务报告了错误",
    "answered nothing": "没有返回任何内容",
    "does not say which model it serves": "没有说明提供哪个模型",
    "it breaks off before the review begins": "在评审开始之前就中断了",
    "it breaks off before its first finding": "在第一个问题之前就中断了",
    "it has no findings and no summary": "既没有问题，也没有总结",
    "it lists no findings but contains other text": "没有列出问题，却有其他文字",
    "it holds only reasoning": "其中只有思考过程",
    "its JSON is broken and too long to repair": "其中的 JSON 已损坏，又太长，无法修复",
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
    "should IQUEST_API_KEY be set?": "需要设置 IQUEST_API_KEY 吗？",
    "asks for a key (401): set IQUEST_API_KEY": "要求提供密钥 (401)：请设置 IQUEST_API_KEY",
    "refuses the request": "拒绝了请求",
    "does not serve the model": "没有这个模型：",
    "it serves": "现有模型",
}


def describe_outcome(reason: OutcomeReason) -> str:
    """Return in Chinese why a review is not a whole one, or had nothing to do."""
    match reason:
        case PlainReason():
            return _describe_plain(reason)
        case LostFindings(lost):
            return f"{lost} 条模型的意见无法读取"
        case NothingFits(room, RoomKind.LINES):
            return f"变更的任何部分都放不进 {room} 行（IQUEST_MAX_LINES）"
        case NothingFits(room):
            return f"变更的任何部分都放不进 {room} 个 token 的提示词（IQUEST_MAX_TOKENS）"
        case UnusableAnswer(why):
            return f"模型的回答无法使用：{_translate_failure(why)}"
        case FailureText(text):
            return _translate_failure(text)
        case PromptCut(read, sent):
            return (
                f"服务只读取了 {read:,} 个 token，全部约 {sent:,} 个：请加大模型的上下文窗口"
                "（Ollama：num_ctx 或 OLLAMA_CONTEXT_LENGTH；并检查路由的限制），或减小 IQUEST_MAX_TOKENS"
            )
        case PartsNotReviewed(parts, of, why):
            return f"{of} 个部分中有 {parts} 个没有评审：{describe_outcome(why)}"
        case _:
            assert_never(reason)


def _describe_plain(reason: PlainReason) -> str:
    match reason:
        case PlainReason.UNCHANGED:
            return "上次评审之后没有变化"
        case PlainReason.NOTHING_TO_REVIEW:
            return "没有可评审的内容"
        case PlainReason.INCOMPLETE:
            return "回答没有写完"
        case PlainReason.NOT_EVERYTHING_FITS:
            return "提示词放不下全部变更"
        case PlainReason.UNUSABLE:
            return "回答无法使用"
        case PlainReason.FORK:
            return "这条流水线运行在派生项目中，没有本项目的变量；项目成员可以在本项目中运行它"
        case _:
            assert_never(reason)


def describe_placement(reason: PlacementReason) -> str:
    """Return in Chinese why a finding is not on its line."""
    match reason:
        case PlacementReason.NO_PATH:
            return "没有指明文件"
        case PlacementReason.NO_FILE:
            return "所指的文件不在评审的内容中"
        case PlacementReason.NO_LINE:
            return "所指的行不在 diff 中"
        case PlacementReason.NO_QUOTE:
            return "所引用的代码不在 diff 中"
        case PlacementReason.NO_ANCHOR:
            return "没有指明行号"
        case PlacementReason.LONG_PATH:
            return "文件名对 GitLab 来说太长"
        case PlacementReason.UNREADABLE_PATH:
            return "文件名不是 UTF-8"
        case PlacementReason.NO_PLACE:
            return "在变更中没有位置"
        case PlacementReason.OVER_LIMIT:
            return "超出 IQUEST_MAX_FINDINGS"
        case PlacementReason.REFUSED:
            return "GitLab 不接受在该处创建主题"
        case _:
            assert_never(reason)


def _translate_failure(text: str) -> str:
    """Return what an error says, with the first known phrase in each part translated."""
    return "; ".join(map(_translate_part, text.split("; ")))


def _translate_part(part: str) -> str:
    end = next((end for end in _ENDS if part.endswith(end)), "")
    return _translate_start(part.removesuffix(end)) + _ENDS.get(end, "")


def _translate_start(part: str) -> str:
    """Return a text with the first known words in it translated: the rest may be a server's."""
    for pattern, chinese in _PATTERNS:
        if re.search(pattern, part):
            return re.sub(pattern, chinese, part, count=1)
    known = next(((phrase, chinese) for phrase, chinese in _PHRASES.items() if phrase in part), None)
    return part.replace(*known) if known else part
