"""The JSON of a model server, read once into types: the models it lists, a reply, a count of tokens."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from iquest_review.errors import ModelRefusedError
from iquest_review.llm import message_text
from iquest_review.reasons.model_server import ModelPattern, NoModelNamed, SeveralModels
from iquest_review.reasons.prompt import PromptCut
from iquest_review.reasons.reply import ReplyProblem
from iquest_review.text import shorten_to_line

MAX_NAMED_MODELS = 20  # models listed in a message
MAX_MODEL_NAME_CHARS = 200
MAX_COUNTED_TOKENS = 10**9  # a larger number is nonsense


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model that a server lists: its id, the name of its weights, and its context window in tokens.

    `others` names the models of a list without this one, for a message.
    """

    model: str
    root: str
    window: int | None
    others: str = ""


@dataclass(frozen=True, slots=True)
class ModelReply:
    """A completion. `reasoning` is what the server separated from the text; it is never shown to anybody."""

    text: str
    reasoning: str
    finish_reason: str
    model: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    problem: ReplyProblem | None = None  # why there is no text, where the server says it
    cached_tokens: int = 0  # some servers leave them out of the prompt's
    cut: PromptCut | None = None  # the server did not read the whole prompt

    @property
    def answer(self) -> str:
        """The text that is read: the reasoning where a server's reasoning parser put the whole answer there.

        What is written there while the model still thinks is not an answer.
        """
        if self.text.strip() or self.finish_reason == "length":
            return self.text
        return self.reasoning if self.reasoning.lstrip().startswith(("{", "[", "```")) else self.text


def select_served_model(answer: Any, model: str | None, host: str) -> ServedModel:
    """Return the model that will answer: the one asked for, or the only one the list names.

    A server may serve a model that its list does not name. Raises ModelRefusedError when none is asked for and the list
    does not name exactly one.
    """
    entries = answer.get("data") if isinstance(answer, dict) else None
    entries = entries if isinstance(entries, list) else []
    listed = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("id"), str)]
    listed = [entry for entry in listed if len(entry["id"]) <= MAX_MODEL_NAME_CHARS]
    names = [str(entry["id"]) for entry in listed]
    if model is None:
        if not names:
            raise ModelRefusedError(NoModelNamed(host))
        if len({str(entry.get("root") or entry["id"]) for entry in listed}) != 1:  # one model may have several names
            raise ModelRefusedError(SeveralModels(host, len(names), _join_names(names)))
        if "*" in names[0]:  # LiteLLM lists a whole provider so
            raise ModelRefusedError(ModelPattern(host, _join_names(names)))
        model = names[0]
    entry = _find_entry(listed, model)
    root = shorten_to_line(str((entry or {}).get("root") or model), MAX_MODEL_NAME_CHARS)
    others = _join_names(names) if entry is None else ""
    return ServedModel(model, root, _parse_window(entry or {}), others)


def _find_entry(listed: list[dict[str, Any]], model: str) -> dict[str, Any] | None:
    """Return the entry of a model: by its very name, else by the names that servers and routers take for the same.

    These are a tag of Ollama, another case, an alias, the name of its weights, and a router's variant after a colon. A
    pattern such as `vllm/*` is no entry: what it says need not hold for this model.
    """
    names: tuple[Callable[[dict[str, Any]], object], ...] = (
        lambda entry: entry["id"] == model,
        lambda entry: entry["id"] == f"{model}:latest",
        lambda entry: entry["id"].lower() in (model.lower(), f"{model}:latest".lower()),
        lambda entry: isinstance(entry.get("aliases"), list) and model in entry["aliases"],
        lambda entry: entry.get("root") == model,
        lambda entry: entry["id"].lower() == model.partition(":")[0].lower(),
    )
    return next((entry for is_same in names for entry in listed if is_same(entry)), None)


def parse_completion(answer: Any, *, chat: bool, model: str | None, seconds: float) -> ModelReply | None:
    """Return the reply of a completion; None when the answer holds no choice. `seconds` is how long it took."""
    choices = answer.get("choices") if isinstance(answer, dict) else None
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        return None
    choice, usage = choices[0], answer.get("usage")
    message = choice.get("message") if chat else {"content": choice.get("text")}
    message = message if isinstance(message, dict) else {}
    text = message_text.extract_message_text(message)
    usage = usage if isinstance(usage, dict) else {}
    return ModelReply(
        text=text,
        reasoning=_parse_str(message.get("reasoning")) or _parse_str(message.get("reasoning_content")),
        finish_reason=_parse_str(choice.get("finish_reason")),
        model=shorten_to_line(_parse_str(answer.get("model")), MAX_MODEL_NAME_CHARS) or str(model),
        prompt_tokens=_parse_number(usage.get("prompt_tokens")),
        completion_tokens=_parse_number(usage.get("completion_tokens")),
        seconds=seconds,
        problem=None if text.strip() else message_text.explain_missing_text(answer, choice, message),
        cached_tokens=_parse_cached_tokens(answer, usage),
    )


def parse_token_count(answer: Any) -> int | None:
    """Return a count of tokens; None where there is none, as in llama-server's empty list for messages."""
    if not isinstance(answer, dict):
        return None
    tokens = answer.get("tokens")  # llama-server's: the tokens alone
    return _parse_number(answer.get("count")) or (len(tokens) if isinstance(tokens, list) else 0) or None


def _join_names(names: list[str]) -> str:
    more = f" and {len(names) - MAX_NAMED_MODELS} more" if len(names) > MAX_NAMED_MODELS else ""
    return ", ".join(shorten_to_line(name, 100) for name in names[:MAX_NAMED_MODELS]) + more


def _parse_window(entry: dict[str, Any]) -> int | None:
    """Return the context window in tokens: vLLM's and SGLang's max_model_len, llama-server's meta.n_ctx."""
    meta = entry.get("meta")
    return (
        _parse_number(entry.get("max_model_len"))
        or (_parse_number(meta.get("n_ctx")) if isinstance(meta, dict) else 0)
        or None
    )


def _parse_cached_tokens(answer: dict[str, Any], usage: dict[str, Any]) -> int:
    """Return how much of the prompt was in the server's cache, as OpenAI, DeepSeek, Anthropic or llama.cpp say it."""
    details, timings = usage.get("prompt_tokens_details"), answer.get("timings")
    counts = [usage.get(name) for name in ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens")]
    counts += [details.get("cached_tokens")] if isinstance(details, dict) else []
    counts += [timings.get("cache_n")] if isinstance(timings, dict) else []
    return max(map(_parse_number, counts))


def _parse_str(value: object) -> str:
    return value if isinstance(value, str) else ""


def _parse_number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_COUNTED_TOKENS else 0
