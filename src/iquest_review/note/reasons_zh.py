"""Why a review is not a whole one, in simplified Chinese. What models and servers say stays as it is."""

from iquest_review.note.connection_zh import name_connection_problem, quote_said
from iquest_review.reasons.connection import ConnectionProblem
from iquest_review.reasons.model_server import (
    AnswerWithoutReply,
    ContextExceeded,
    ErrorStatus,
    FormatRefused,
    KeylessRefused,
    KeyRefused,
    KeyWanted,
    ModelChoice,
    ModelListFailed,
    ModelNotServed,
    ModelPattern,
    ModelProblem,
    NoChoice,
    NoModelNamed,
    NoRoute,
    NothingAnswered,
    NotJson,
    ParameterRefused,
    Redirected,
    RefusedRequest,
    RequestRefused,
    ServerProblem,
    SeveralModels,
)
from iquest_review.reasons.prompt import InstructionsTooLong, NothingFits, PromptCut
from iquest_review.reasons.reply import (
    FindingsUnreadable,
    FlawedReply,
    ModelRefuses,
    NothingAsked,
    ReplyFlaw,
    ReplyProblem,
    ReplyTooLong,
    ServerReports,
    TextWithheld,
)
from iquest_review.reasons.review import (
    AnswerIncomplete,
    AnswerUnusable,
    FindingsDropped,
    ForkPipeline,
    NotEverythingFits,
    NothingNew,
    NothingToReview,
    NoUsableAnswer,
    OtherReason,
    OutcomeReason,
    PartProblem,
    PartsNotReviewed,
)


def name_reason(reason: OutcomeReason) -> str:
    """Return a reason of an outcome."""
    if isinstance(reason, PartProblem):
        return _name_part_problem(reason)
    if isinstance(reason, ReplyProblem):
        return _name_reply_problem(reason)
    match reason:
        case NothingToReview():
            return "没有可评审的内容"
        case NothingNew():
            return "自上次评审以来没有变化"
        case ForkPipeline():
            return "流水线在派生项目中运行，没有本项目的变量；可以由本项目的成员在本项目中运行"
        case NotEverythingFits():
            return "提示词放不下全部变更"
        case AnswerIncomplete():
            return "模型的回答不完整"
        case FindingsDropped(count):
            return f"模型提出的 {count} 个问题无法读取"
        case AnswerUnusable(problem):
            return f"模型的回答无法使用：{_name_reply_problem(problem)}"
        case PartsNotReviewed(failed, asked, problem):
            return f"{asked} 个部分中有 {failed} 个没有评审：{_name_part_problem(problem)}"
        case OtherReason(text):
            return text


def _name_part_problem(problem: PartProblem) -> str:
    match problem:
        case NoUsableAnswer():
            return "回答无法使用"
        case PromptCut(read, sent):
            return (
                f"服务器只读取了约 {sent:,} 个 token 中的 {read:,} 个：请加大模型的上下文窗口"
                "（Ollama：num_ctx 或 OLLAMA_CONTEXT_LENGTH；请检查路由的限制），或减小 IQUEST_MAX_TOKENS"
            )
        case _:
            return _name_model_problem(problem)


def _name_model_problem(problem: ModelProblem) -> str:
    if isinstance(problem, ConnectionProblem):
        return name_connection_problem(problem)
    if isinstance(problem, ServerProblem):
        return _name_server_problem(problem)
    match problem:
        case ModelListFailed(inner, refused):
            advice = "；也可设置 IQUEST_MODEL，" if refused else "；请设置 IQUEST_MODEL，"
            return f"{_name_model_problem(inner)}{advice}如果只是模型列表不可用"
        case InstructionsTooLong(tokens, limit):
            return f"仅指令就占用提示词 {limit} 个 token 中的 {tokens} 个：请增大 IQUEST_MAX_TOKENS"
        case NothingFits(limit, lines):
            most = f"{limit} 行（IQUEST_MAX_LINES）" if lines else f"{limit} 个 token 的提示词（IQUEST_MAX_TOKENS）"
            return f"变更的任何部分都放不进 {most}"


def _name_server_problem(problem: ServerProblem) -> str:
    if isinstance(problem, RefusedRequest):
        return _name_refused_request(problem)
    if isinstance(problem, ModelChoice):
        return _name_model_choice(problem)
    return _name_answer_without_reply(problem)


def _name_refused_request(problem: RefusedRequest) -> str:
    match problem:
        case Redirected(host, target):
            return f"{host} 重定向到 {target}：请把 IQUEST_API_URL 设为最终地址"
        case KeyRefused(host, status):
            return f"{host} 拒绝了密钥（{status}）：请检查 IQUEST_API_KEY"
        case KeyWanted(host, status):
            return f"{host} 要求提供密钥（{status}）：请设置 IQUEST_API_KEY"
        case KeylessRefused(host, status, said):
            return f"{host} 拒绝了没有密钥的请求（{status}）：{quote_said(said)}；需要设置 IQUEST_API_KEY 吗？"
        case RequestRefused(host, status, said, by_proxy):
            return f"{host} 拒绝了请求（{status}）：{quote_said(said)}{_name_doubt(by_proxy=by_proxy)}"
        case FormatRefused(host, form, status, said):
            return f"{host} 不接受 {form}（{status}）：{quote_said(said)}"
        case ParameterRefused(host, name, status, said):
            return f"{host} 不接受参数 {name}（{status}）：{quote_said(said)}"
        case ContextExceeded(host, said):
            return f"{host}：提示词超出上下文窗口：{quote_said(said)}"


def _name_model_choice(problem: ModelChoice) -> str:
    match problem:
        case ModelNotServed(host, model, said, served):
            list_ = f"；现有模型：{served}" if served else ""
            return f"{host} 没有模型 {model!r}：{quote_said(said)}{list_}"
        case NoModelNamed(host):
            return f"{host} 没有说明提供哪个模型：请设置 IQUEST_MODEL"
        case SeveralModels(host, count, names):
            return f"{host} 提供 {count} 个模型：请把 IQUEST_MODEL 设为其中之一：{names}"
        case ModelPattern(host, names):
            return f"{host} 提供 {names}：请把 IQUEST_MODEL 设为其中一个模型"


def _name_answer_without_reply(problem: AnswerWithoutReply) -> str:
    match problem:
        case NoRoute(host, path, status, said):
            doubt = None if said is None else f"{quote_said(said)}{_name_doubt(by_proxy=True)}"
            return f"{host} 没有 {path}（{status}）：{doubt or 'IQUEST_API_URL 应以 /v1 结尾'}"
        case ErrorStatus(host, status, said, by_proxy, wait):
            later = f"（要求 {wait:.0f} 秒后再试）" if wait else ""
            return f"{host} 返回 {status}：{quote_said(said)}{_name_doubt(by_proxy=by_proxy)}{later}"
        case NoChoice(host, said):
            return f"{host} 的回答中没有结果：{quote_said(said)}"
        case NotJson(host, said, page):
            hint = "；IQUEST_API_URL 指向的是模型服务吗？" if page else ""
            return f"{host} 的回答不是 JSON：{quote_said(said)}{hint}"
        case NothingAnswered(host):
            return f"{host} 的回答为空"


def _name_doubt(*, by_proxy: bool) -> str:
    return "；这可能是代理的回答" if by_proxy else ""


def _name_reply_problem(problem: ReplyProblem) -> str:
    match problem:
        case FlawedReply(flaw):
            return _name_reply_flaw(flaw)
        case NothingAsked():
            return "没有提问"
        case ReplyTooLong(characters):
            return f"内容太长（{characters} 个字符）"
        case FindingsUnreadable(count):
            return f"其中的 {count} 个问题都无法读取"
        case ModelRefuses(said):
            return f"模型拒绝回答：{said}"
        case ServerReports(said):
            return f"服务器报告了错误：{said}" if said else "服务器报告了错误，但没有说明是什么错误"
        case TextWithheld(finish_reason):
            return f"被服务器的内容过滤器拦下（{finish_reason}）"


def _name_reply_flaw(flaw: ReplyFlaw) -> str:
    match flaw:
        case ReplyFlaw.EMPTY:
            return "内容为空"
        case ReplyFlaw.ONLY_REASONING:
            return "其中只有思考过程"
        case ReplyFlaw.INSIDE_REASONING:
            return "停在了思考过程中"
        case ReplyFlaw.BEFORE_REVIEW:
            return "在评审开始之前就中断了"
        case ReplyFlaw.BEFORE_FINDING:
            return "在第一个问题写完之前就中断了"
        case ReplyFlaw.NO_JSON:
            return "其中没有 JSON"
        case ReplyFlaw.BROKEN_JSON:
            return "其中的 JSON 已损坏，而且太长，无法修复"
        case ReplyFlaw.NOT_A_REVIEW:
            return "其中的 JSON 不是评审"
        case ReplyFlaw.SEVERAL_REVIEWS:
            return "其中有不止一份评审"
        case ReplyFlaw.OTHER_TEXT:
            return "没有列出问题，却含有其他文字"
        case ReplyFlaw.NOTHING_SAID:
            return "既没有问题，也没有总结"
