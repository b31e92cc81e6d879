"""The reserved words of chat templates: broken where a change holds them, and taken off around an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iquest_review.excerpt.chat_tokens import THINKING_BEGIN, THINKING_END, defuse_tokens, strip_control_tokens

THINKING = [
    ("<think>", "</think>"),
    ("<THINKING>", "</THINKING>"),
    ("<thought>", "</thought>"),
    ("<reasoning>", "</reasoning>"),
    ("<reflection>", "</reflection>"),
    ("<seed:think>", "</seed:think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("[THINK]", "[/THINK]"),
    ("[think]", "[/think]"),
    ("<|think|>", "<|/think|>"),
    ("◁think▷", "◁/think▷"),
    ("＜think＞", "＜/think＞"),
    ("<|START_THINKING|>", "<|END_THINKING|>"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<｜think｜>", "<｜/think｜>"),
    ("<|channel|>analysis<|message|>", "<|channel|>final<|message|>"),
    ("<|channel>thought", "<channel|>"),
    ("<unused94>thought", "<unused95>"),
    ("<|inner_prefix|>", "<|inner_suffix|>"),
]
CONTROL = """
<|im_start|> <|im_end|> <|endoftext|> <|eot_id|> <|start_header_id|> <|return|> <|call|> <|begin_of_box|> <|user|>
<｜begin▁of▁sentence｜> <｜User｜> <｜tool▁calls▁begin｜> <s> </s> <bos> <eos> <pad> <BOS_TOKEN> <EOS_TOKEN> <0x0A>
<start_of_turn> <end_of_turn> <end_of_utterance> <unused12> <extra_id_0> <SPECIAL_12> <fim_prefix> <repo_name>
<|turn> <turn|> <tool_call|> <tool_call> </tool_call> <tools> <tool_response> <function=review> </function>
<minimax:tool_call> <seed:tool_call> <longcat_tool_call> <arg_key> </arg_value> <answer> </answer> <<SYS>> <</SYS>>
[INST] [/INST] [TOOL_CALLS] [/TOOL_RESULTS] [AVAILABLE_TOOLS] [SYSTEM_PROMPT] [ARGS] [IMG] [gMASK]
[|assistant|] [|endofturn|] ]~b] ]~!b[ [e~[ /no_think /nothink /think
""".split()
CODE = [
    "List<T>",
    "Map<String, Tool>",
    "new Holder<Thought>(x)",
    "std::function<int>",
    "vector<function<void()>>",
    "#include <functional>",
    "#[derive(Debug)]",
    "[x]",
    "a[think]",
    "args[ARGS]",
    "mask[MASK]",
    "[ -f ok ] && [[ -n $x ]]",
    "<details><summary>More</summary></details>",
    "<div class='a'>",
    "<audio>",
    "src/think/a.py",
    "https://example.org/think",
    "a < b and c > d",
    "tools[0]",
    "- [ ] think",
    "<string>",
]


@pytest.mark.parametrize("token", [*CONTROL, *(tag for pair in THINKING for tag in pair), "detailed thinking on"])
@pytest.mark.parametrize("text", ["{}", "x = '{}'", "Ignore this. {} Now:", "{}\n{}", "<{}"])
def test_a_reserved_word_is_broken_and_reads_alike_without_blanks(token: str, text: str) -> None:
    text = text.replace("{}", token if token != "/think" else " /think")

    shown = defuse_tokens(text)

    assert token not in shown
    assert "".join(shown.split()) == "".join(text.split())
    assert defuse_tokens(shown) == shown or "detailed" in text


@pytest.mark.parametrize("text", CODE)
def test_ordinary_code_is_not_touched(text: str) -> None:
    assert defuse_tokens(text) == text


@pytest.mark.parametrize(("begin", "end"), THINKING)
def test_every_dialect_of_thinking_is_known(begin: str, end: str) -> None:
    assert THINKING_BEGIN.fullmatch(begin)
    assert THINKING_END.fullmatch(end)
    assert not THINKING_BEGIN.search(end)


@pytest.mark.parametrize(
    "text",
    [
        "<|im_start|>assistant\n{}<|im_end|>\n<|im_start|>assistant\n",
        "<|start_header_id|>assistant<|end_header_id|>\n\n{}<|eot_id|>",
        "<start_of_turn>model\n{}<end_of_turn>",
        "<|begin_of_box|>{}<|end_of_box|>",
        "[TOOL_CALLS]review[ARGS]{}</s>",
        "<answer>\n{}\n</answer>",
        "<function=review>{}</function>",
        "<|tool_calls_section_begin|><|tool_call_begin|>functions.review:0<|tool_call_argument_begin|>{}<|tool_call_end|>",
        "<｜Assistant｜>{}<｜end▁of▁sentence｜>",
        "[|assistant|]{}[|endofturn|]",
    ],
)
def test_control_tokens_around_an_answer_are_no_words(text: str) -> None:
    assert strip_control_tokens(text) == "{}"


@pytest.mark.parametrize("text", ['{"a": "<|im_end|>"}', "Use <tool_call> here.", "{} [x]", "<div>{}</div>"])
def test_tokens_inside_an_answer_stay(text: str) -> None:
    assert strip_control_tokens(text) == text


PIECES = st.lists(st.sampled_from([*CONTROL, *"<>[]/|◁▷ \n", "think", "a", "channel"]), max_size=30).map("".join)


@given(PIECES)
def test_any_text_is_the_same_without_blanks_and_holds_no_bar_token(text: str) -> None:
    shown = defuse_tokens(text)

    assert "".join(shown.split()) == "".join(text.split())
    assert "<|" not in shown
    assert "<\uff5c" not in shown


@pytest.mark.parametrize("piece", ["<", "[", "<|", "/no", "<|a", "<|channel|>analysis", "<function=", "<a_", "<a|>"])
def test_long_texts_take_linear_time(piece: str) -> None:
    text = piece * (100_000 // len(piece))

    assert len(defuse_tokens(text)) >= len(text)
    assert len(strip_control_tokens(text)) <= len(text)


@pytest.mark.parametrize(
    "token", ["<|im_end|>", "</s>", "[INST]", "[THINK]", "[/think]", "/no_think", "<think>", "]~b]"]
)
def test_a_word_before_a_token_does_not_hide_it(token: str) -> None:
    assert token not in defuse_tokens(f"word{token}")
