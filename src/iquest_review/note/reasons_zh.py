"""The reasons of an outcome and of a placement in simplified Chinese. The type checker sees where one is missing."""

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

_PHRASES = {  # parts of what an error says; what a server says in it stays as it is
    "it ends inside its reasoning": "停在了思考过程中",
    "it is empty": "内容为空",
    "the model refuses to answer": "模型拒绝回答",
    "a content filter of the server withholds it": "被服务的内容过滤器拦下",
    "the server reports an error": "服务报告了错误",
    "if only the list of models fails": "如果只是模型列表不可用",
    " gave no answer within ": " 没有给出回答，等了 ",
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
    "no time left: the job may take ": "没有时间了：作业最多可用 ",
    "no answer in the last ": "最后这段时间内没有回答：",
    "refuses the key": "拒绝了密钥",
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
    known = next(((phrase, chinese) for phrase, chinese in _PHRASES.items() if phrase in part), None)
    return part.replace(*known) if known else part
