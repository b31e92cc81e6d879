"""The reserved words of chat templates, in one table: what begins and ends a model's thinking, and its control tokens.

A server reads such words as its own anywhere in a prompt, so those in a change are broken before they are sent. A model
may write them around its answer, where they are no words of its own. Sources: the chat templates of the named models,
and the parsers of reasoning and of tool calls in vLLM and SGLang.
"""

import re
from dataclasses import dataclass

_NAME = r"(?:think(?:ing)?|thoughts?|reason(?:ing)?|reflection|analysis|rationale|scratchpad|cot)"
_BAR = "[|\uff5c]"


@dataclass(frozen=True, slots=True)
class _Dialect:
    """How some models mark their thinking: patterns, to be read without regard to case."""

    models: str
    begin: str
    end: str


_THINKING = (
    _Dialect("DeepSeek-R1, Qwen, Claude ...", rf"<{_NAME}>", rf"</{_NAME}>"),
    _Dialect("Seed-OSS, LongCat, MiniMax", rf"<\w{{1,30}}[:_]{_NAME}>", rf"</\w{{1,30}}[:_]{_NAME}>"),
    _Dialect("Magistral", rf"(?-i:\[THINK\])|(?<![\w\])])\[{_NAME}\]", rf"\[/{_NAME}\]"),
    _Dialect("Kimi-VL", rf"[◁⟨〈＜【«]{_NAME}[▷⟩〉＞】»]", rf"[◁⟨〈＜【«]/{_NAME}[▷⟩〉＞】»]"),
    _Dialect(
        "Command A, OpenThinker",
        rf"<{_BAR}(?:(?:start|begin)_(?:of_)?)?{_NAME}(?:_(?:start|begin))?{_BAR}>",
        rf"<{_BAR}(?:/{_NAME}|end_(?:of_)?{_NAME}|{_NAME}_end){_BAR}>",
    ),
    _Dialect(
        "gpt-oss",
        r"<\|channel\|>\s*(?:analysis|commentary)(?![^<\n]{0,80}\bto=)[^<\n]{0,80}<\|message\|>",
        r"<\|channel\|>\s*(?:final|commentary(?=[^<\n]{0,80}\bto=))[^<\n]{0,80}(?:<\|constrain\|>\s*\w{1,20}\s*)?<\|message\|>",
    ),
    _Dialect("gpt-oss, its special tokens left out", r"\A\s*analysis(?=[A-Z])", r"assistantfinal(?=\s*[{\[`])"),
    _Dialect("Gemma 4", r"<\|channel>\s*thought", r"<channel\|>"),
    _Dialect("MedGemma", r"<unused94>\s*thought", r"<unused95>"),
    _Dialect("Apertus", r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    _Dialect("Granite", r"\A\s*here(?:'s| is) my thought process:", r"here(?:'s| is) my response:"),
)

# Control tokens: what stands between the brackets.
_BARE_NAMES = "|".join(
    (
        r"/?s",  # Llama 2, Mistral
        r"bos|eos|eod|eot|sop|eop|pad|unk|mask|cls|sep|eoh|eoa",
        r"(?:start|begin|end)_of_\w+",  # Gemma, SmolVLM
        r"(?:unused|reserved|special|extra|extra_id|reserved_token|reserved_special_token)_?\d+",
        r"0x[0-9A-F]{2}",  # SentencePiece
        r"fim_\w+|repo_name|file_sep|gh_stars|jupyter_\w+|issue_\w+|commit_(?:before|msg|after)",  # StarCoder
        r"/?(?:\w{1,30}[:_])?tools?(?:_\w{1,20})?",  # Hermes, Qwen, GLM, MiniMax: tool_call, tools, tool_response
        r"/?function(?:_\w{1,20}|=[^<>\n]{1,80})?|/?parameter(?:=[^<>\n]{1,80})?",  # Qwen-Coder
        r"/?arg_(?:key|value)",  # GLM
        r"/?(?:\w{1,30}:)?invoke(?: [^<>\n]{1,80})?",  # MiniMax
        r"/?answer|/?final_answer",  # Hunyuan
        r"\w{1,30}\|",  # Gemma 4: <turn|>
    )
)
_UPPER_NAMES = r"(?:BOS|EOS|PAD|UNK)_TOKEN|TOKENS_UNUSED_\d+|SPECIAL_\d+"  # Command R, InternLM, Nemotron
_SQUARE_NAMES = (  # Mistral, GLM; the others, also BERT's, may be an index after a name
    r"/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS|TOOL_CONTENT|MODEL_SETTINGS|CALL_ID|IMG_BREAK"
    r"|IMG_END|BEGIN_AUDIO|TRANSCRIBE|gMASK|sMASK|THINK)"
)
_INDEX_NAMES = r"(?:ARGS|IMG|PREFIX|SUFFIX|MIDDLE|AUDIO|BOS|EOS|PAD|UNK|MASK|CLS|SEP)"
_CONTROL = (
    rf"<(?:{_BARE_NAMES}|{_UPPER_NAMES})>",
    rf"<{_BAR}[^<>|\uff5c\n]{{1,60}}(?:{_BAR}>|>)",  # <|im_end|>, DeepSeek's full-width bars, Gemma 4's <|turn>
    r"<</?SYS>>",  # Llama 2
    rf"(?-i:\[(?:{_SQUARE_NAMES}|{_INDEX_NAMES})\])",
    r"\[\|/?\w{1,20}\|\]",  # EXAONE
    r"\]~!?b[\[\]]|\[e~\[",  # MiniMax
)

THINKING_BEGIN = re.compile("|".join(dialect.begin for dialect in _THINKING), re.IGNORECASE)
THINKING_END = re.compile("|".join(dialect.end for dialect in _THINKING), re.IGNORECASE)

# A bracket that begins a reserved word, or the slash of a switch. One set of characters comes first: that is fast.
_RESERVED = re.compile(
    r"[<\[\]/◁⟨〈＜【«](?:"
    rf"(?<=<)(?:(?={_BAR})"  # whatever follows: a server may know more of these than are listed
    rf"|(?=(?:{_BARE_NAMES}|{_UPPER_NAMES}|/?(?:\w{{1,30}}[:_])?{_NAME})>|</?SYS>>)"
    rf"|(?<!\w<)(?i:(?=/?{_NAME}>))|(?i:(?=/?(?:\w{{1,30}}[:_])?think(?:ing)?>)))"  # List<Thought> is a type
    rf"|(?<=\[)(?:(?=(?:{_SQUARE_NAMES}|(?<!\w\[){_INDEX_NAMES}|\|/?\w{{1,20}}\|)\]|e~\[)|(?i:(?<![\w\])]\[)(?=/?{_NAME}\])))"
    r"|(?<=\])(?=~!?b[\[\]])"
    rf"|(?<=[◁⟨〈＜【«])(?i:(?=/?{_NAME}[▷⟩〉＞】»]))"
    r"|(?<=/)(?i:(?=no_?think)|(?<![\w./:-]/)(?=think(?![\w/.-])))"  # Qwen's and SmolLM's switches
    r")|(?i:\bdetailed(?= thinking (?:on|off)\b))"  # Nemotron's
)
_ROLE = r"(?:\s*(?:assistant|model|ai)\b)?"
_ANY = "|".join(_CONTROL)
_ONE = rf"(?!{THINKING_BEGIN.pattern}|{THINKING_END.pattern})(?:{_ANY}){_ROLE}"
_WORD = rf"(?:\s*[\w.:-]{{1,60}}(?=\s*(?:[{{\[`~]|{_ANY})))?"  # the name of a tool
_LEADING = re.compile(rf"\s*(?:{_ONE}{_WORD}\s*)+", re.IGNORECASE)
_TRAILING = re.compile(rf"(?:{_ONE}\s*)+\Z", re.IGNORECASE)
MAX_TRAILING_CHARS = 2_000  # looked at for tokens behind an answer


def defuse_tokens(text: str) -> str:
    """Break reserved words by a blank: text is the same without white space, so quotes of it are still found."""
    return _RESERVED.sub(lambda match: f"{match[0]} ", text)


def strip_control_tokens(text: str) -> str:
    """Return a model's text without white space and control tokens around it."""
    text = text.strip()
    if leading := _LEADING.match(text):
        text = text[leading.end() :]
    start = max(0, len(text) - MAX_TRAILING_CHARS)
    trailing = _TRAILING.search(text, start)
    if trailing is None or any(tag.end() > trailing.start() for tag in THINKING_END.finditer(text, start)):
        return text  # what ends the thinking is read, not taken off
    return text[: trailing.start()].strip()
