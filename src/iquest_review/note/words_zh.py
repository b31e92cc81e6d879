"""The notes' texts in simplified Chinese. Each says what the English text of the same name says."""

from iquest_review.excerpt.exclusions import Reason
from iquest_review.findings.finding import Category, Severity
from iquest_review.findings.placement_reason import PlacementReason
from iquest_review.note.reasons_zh import name_reason
from iquest_review.note.vocabulary import Words


def _name_placement(reason: PlacementReason) -> str:
    match reason:
        case PlacementReason.NO_PATH:
            return "没有指明文件"
        case PlacementReason.NO_FILE:
            return "所指的文件不在评审的内容中"
        case PlacementReason.NO_LINE:
            return "所指的行不在变更中"
        case PlacementReason.NO_QUOTE:
            return "所引用的代码不在变更中"
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
    head="提交 {sha}",
    tokens="{prompt} + {completion} 个 token",
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
    placement_reason=_name_placement,
    outcome_reason=name_reason,
    comma="，",
    semicolon="；",
)
