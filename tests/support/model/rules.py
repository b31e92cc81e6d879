"""What model servers have in common: reading a request, counting tokens, what a grammar would force, cutting."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]
Tokens = Callable[[str], int]

ROLES = ("system", "developer", "user", "assistant", "tool")
TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")
MESSAGE_OVERHEAD = 4  # what a chat template adds to each message


def three_bytes_a_token(text: str) -> int:
    """The default tokenizer: one token per three UTF-8 bytes, begun ones included."""
    return -(-len(text.encode()) // 3)


@dataclass(frozen=True)
class Reply:
    """What the scripted model says; `constrained` is what it says instead when a grammar forbids `content`."""

    content: str | None = ""
    reasoning: str | None = None
    finish_reason: str = "stop"
    completion_tokens: int | None = None  # None: counted
    constrained: str | None = None  # None: the least value that the schema allows


@dataclass(frozen=True)
class Answer:
    """A status and a body, before they become HTTP; a dict is sent as JSON, a list as server-sent events."""

    status: int
    body: Json | str | list[str]


class Refusal(Exception):
    """The request breaks a rule of the server; carries the server's own answer."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(str(answer))
        self.answer = answer


@dataclass(frozen=True)
class Asked:
    """A completion request after its rules were checked: what matters for answering it."""

    model: str
    prompt: str
    prompt_tokens: int
    limit: int | None  # tokens of output; None: no limit
    schema: Json | None = None  # what the server enforces; {} is any JSON object
    choices: Sequence[str] = ()
    chat: bool = True
    stream: bool = False
    stream_usage: bool = False
    thinks: bool = True  # not switched off by the request
    request_id: str = field(default="0123456789abcdef")


@dataclass(frozen=True)
class Said:
    """The scripted reply as it leaves the server: constrained, split at the thinking, and cut to the limit."""

    content: str | None
    reasoning: str | None
    finish_reason: str
    completion_tokens: int
    reasoning_tokens: int


def messages_of(body: Json, tokens: Tokens) -> tuple[str, int]:
    """The text of a request's messages and its count of tokens; ValueError says what is wrong with them."""
    messages = body.get("messages")
    if not isinstance(messages, list):
        raise ValueError("'messages' must be a list")  # noqa: TRY004 - one kind of failure
    texts = [_text_of(message) for message in messages]
    return "\n".join(texts), sum(tokens(text) + MESSAGE_OVERHEAD for text in texts)


def _text_of(message: object) -> str:
    match message:
        case {"role": str(role)} if role not in ROLES:
            raise ValueError(f"unknown role {role!r}")
        case {"role": str(), "content": str(text)}:
            return text
        case {"role": str(), "content": [{"type": "text", "text": str(text)}]}:
            return text
    raise ValueError(f"a message must have a role and a string as its content: {message!r:.80}")


def unknown_type(schema: object) -> str | None:
    """A type in a JSON schema that does not exist."""
    if isinstance(schema, list):
        return next(filter(None, map(unknown_type, schema)), None)
    if not isinstance(schema, dict):
        return None
    kind = schema.get("type")
    if isinstance(kind, str) and kind not in TYPES:
        return kind
    return next(filter(None, map(unknown_type, schema.values())), None)


def say(reply: Reply, asked: Asked, tokens: Tokens, parser: bool) -> Said:
    """The reply as the server gives it; `parser`: it takes the thinking out of the content."""
    if asked.choices and reply.content not in asked.choices:
        reply = replace(reply, content=asked.choices[0])
    if asked.schema is not None:
        reply = _constrained(reply, asked.schema)
    if reply.reasoning is not None and not (parser and asked.thinks):
        reply = replace(reply, content=f"<think>{reply.reasoning}</think>{reply.content or ''}", reasoning=None)
    return _cut(reply, asked.limit, tokens)


def _constrained(reply: Reply, schema: Json) -> Reply:
    content = reply.content or ""
    begins_well = reply.finish_reason == "length" and content.lstrip().startswith("{")  # a prefix may be anything after
    if begins_well or _fits(content, schema):
        return reply
    forced = reply.constrained if reply.constrained is not None else json.dumps(least(schema))
    return replace(reply, content=forced, finish_reason="stop", completion_tokens=None)


def _fits(content: str, schema: Json) -> bool:
    try:
        value = json.loads(content)
    except ValueError:
        return False
    return isinstance(value, dict) and all(key in value for key in schema.get("required", ()))


def least(schema: Json) -> Any:
    """The smallest value that a JSON schema of our kind allows."""
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "object")
    if isinstance(kind, list):
        return least(schema | {"type": kind[-1]})
    if kind == "object":
        return {key: least(schema["properties"][key]) for key in schema.get("required", ())}
    return {"array": [], "string": "", "integer": 0, "number": 0, "boolean": False}.get(kind)


def _cut(reply: Reply, limit: int | None, tokens: Tokens) -> Said:
    reasoning, content = reply.reasoning, reply.content
    thought = tokens(reasoning or "")
    said = tokens(content or "")
    finish = reply.finish_reason
    if limit is not None and thought + said > limit:
        finish = "length"
        if reasoning is not None and thought >= limit:
            reasoning, content, thought = prefix(reasoning, limit, tokens), None, limit
        else:
            content = prefix(content or "", limit - thought, tokens)
        said = limit - thought
    counted = thought + said if reply.completion_tokens is None else reply.completion_tokens
    return Said(content, reasoning, finish, counted, thought)


def prefix(text: str, limit: int, tokens: Tokens) -> str:
    """As much of the text as `limit` tokens hold."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if tokens(text[:middle]) <= limit else (low, middle - 1)
    return text[:low]
