"""The notes' texts in simplified Chinese. Each says what the English text of the same name says."""

from typing import assert_never

from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.note.vocabulary import Words


def _describe_placement(reason: PlacementReason) -> str:
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
    raw="模型给出了回答，但格式无法核对（{reason}）。请人工评审这次变更。",
    partial="⚠️ 只评审了一部分：{reason}",
    previous="上一次完成的评审：",
    previous_at="上一次完成的评审（{sha}）：",
    elsewhere="没有对应的代码行",
    line="第 {line} 行",
    old_line="已删除的第 {line} 行",
    lines="第 {line} 至 {end_line} 行",
    fix="建议改为：",
    before="上一次完整评审的总结",
    before_at="提交 {sha}：",
    threads="未解决的主题",
    since="本次运行：{changes}",
    seen="{count} 行变更此前已评审",
    unchanged="{count} 行变更只是移动或空白变化",
    gone="{count} 个问题已解决，所在的行已不存在",
    fixed="{count} 个问题已修复并解决",
    left="{count} 个问题已不成立，但其主题下有回复：请手动解决",
    unplaced="移除了 {count} 个此前没有行号的问题",
    waived="{count} 个问题已被豁免或解决，不再提出",
    waivers="{count} 个被豁免的问题已解决",
    also_here="同样的问题还出现在：{lines}。",
    also_here_at="同样的问题还出现在：{lines}（提交 {sha}）。",
    without_place="{count} 个在变更中没有位置",
    over_limit="{count} 个问题超出 IQUEST_MAX_FINDINGS（{severities}），最严重的列在前面",
    raw_answer="模型的回答",
    merged="合并了 {count} 个近似重复的问题",
    steering="⚠️ 本合并请求修改了控制自身评审的文件：{paths}。本次评审采用目标分支的设置、规则和提示词。",
    ignored_settings="⚠️ 已忽略未知的设置：{names}。作业日志列出了最接近的已知名称。",
    suggestions="建议",
    omitted_files="未评审：{all} 个文件中的 {files} 个",
    omitted_lines="未评审：{all} 个文件中 {files} 个的 {lines}",
    changed_lines="{count} 行变更",
    some_lines="{all} 行变更中的 {count} 行",
    more="另有 {count} 个，见 review.json",
    more_characters="… 另有 {count} 个字符，见 review.json",
    footer_model="由 {model} 评审",
    footer_asked="模型：{model}",
    footer_rules="由 iquest-review 的内置规则给出，而非模型：这些规则只能发现少数几类错误",
    head="head {sha}",
    tokens="{prompt} + {completion} tokens",
    seconds="{seconds} 秒",
    language="语言 {language}",
    prompt="提示词 {digest}",
    job="作业",
    hint="如需豁免某个问题，使其不再提出，请在其主题下回复 `ignore: 原因`（或 `忽略：原因`），或点踩。",
    waive="如需豁免此问题，请回复 `ignore: 原因`（或 `忽略：原因`），或点踩。",
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
    placement_reason=_describe_placement,
    phrases={
        "the model's answer is incomplete": "回答没有写完",
        " of the model's findings could not be read": " 条模型的意见无法读取",
        "part of the change did not fit into the prompt": "提示词放不下全部变更",
        "the model refuses to answer": "模型拒绝回答",
        "a content filter of the server withholds it": "被服务的内容过滤器拦下",
        "the server reports an error": "服务报告了错误",
        "if only the list of models fails": "如果只是模型列表不可用",
        "the server read ": "服务只读取了 ",
        " of about ": "，全部约 ",
        " tokens: give the model a larger context window": " 个 token：请加大模型的上下文窗口",
        "check the limit of a router": "检查路由的限制",
        "or set IQUEST_MAX_TOKENS lower": "或减小 IQUEST_MAX_TOKENS",
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
        "should IQUEST_API_KEY be set?": "需要设置 IQUEST_API_KEY 吗？",
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
