"""The servers of smaller machines: llama.cpp's two, transformers serve and Ollama."""

import uuid

from tests.support.model.rules import Answer, Asked, Json, Refusal, Said, Tokens, unknown_type
from tests.support.model.servers import COMPLETIONS, CREATED, Server


class LlamaServer(Server):
    """llama.cpp's own server: guards everything but /health, takes any model name, counts only `content`."""

    owner = "llamacpp"
    posts = (*COMPLETIONS, "/tokenize")

    def __init__(self, model: str, window: int, tokens: Tokens, thinking: bool) -> None:
        super().__init__(model, window, tokens, thinking)
        self.reasoning_key = "reasoning_content" if thinking else None

    def error(self, status: int, message: str, param: str | None = None) -> Answer:
        kinds = {400: "invalid_request_error", 404: "not_found_error", 503: "unavailable_error"}
        return Answer(
            status, {"error": {"code": status, "message": message, "type": kinds.get(status, "server_error")}}
        )

    def unauthorized(self) -> Answer:
        return Answer(401, {"error": {"message": "Invalid API Key", "type": "authentication_error", "code": 401}})

    def guards(self, path: str) -> bool:
        return path != "/health"

    def unknown_path(self) -> Answer:
        return self.error(404, "File Not Found")

    wrong_method = unknown_path

    def bad_json(self, text: str) -> Answer:
        where = f"parse error at line 1, column {len(text) + 1}"
        return self.error(500, f"[json.exception.parse_error.101] {where}: syntax error while parsing value")

    def get(self, path: str) -> Answer | None:
        if path == "/health":
            return Answer(200, {"status": "ok"})
        if path == "/props":
            settings = {"n_ctx": self.window, "params": {}}
            return Answer(200, {"default_generation_settings": settings, "total_slots": 1, "chat_template": ""})
        if path == "/v1/models":
            old = {"name": self.model, "model": self.model, "type": "model", "capabilities": ["completion"]}
            return Answer(200, {"models": [old], "object": "list", "data": [self.listed()]})
        return None

    def listed(self) -> Json:
        meta = {"n_ctx": self.window, "n_ctx_train": self.window, "n_vocab": 76_800}
        return super().listed() | {"aliases": [self.model], "tags": [], "meta": meta}

    def post(self, path: str, body: Json) -> Answer:
        content = body.get("content", "")  # messages are not read: they count as nothing
        return Answer(200, {"tokens": list(range(self.tokens(content)))})

    def check_fields(self, body: Json) -> None:
        if body.get("n", 1) != 1:
            raise self.refuse(400, f"Field 'n': Value must be between 1 <= value <= 1, but got {body['n']}")

    def prompt_of(self, body: Json) -> tuple[str, int]:
        if "messages" not in body:
            raise self.refuse(400, "'messages' is required")
        return super().prompt_of(body)

    def limit_of(self, body: Json) -> int | None:
        return 1 if any(body.get(name) == 0 for name in self.limit_names) else super().limit_of(body)

    def overflow(self, count: int, limit: int | None, stream: bool) -> Answer:
        text = f"request ({count} tokens) exceeds the available context size ({self.window} tokens), try increasing it"
        sizes = {"n_prompt_tokens": count, "n_ctx": self.window}
        return Answer(400, {"error": {"code": 400, "message": text, "type": "exceed_context_size_error"} | sizes})

    def schema_of(self, body: Json) -> Json | None:
        asked = body.get("response_format") or {}
        if asked.get("type", "text") not in ("text", "json_object", "json_schema"):
            text = f'response_format type must be one of "text" or "json_object", but got: {asked["type"]}'
            raise self.refuse(400, text)
        schema = asked.get("schema") or super().schema_of(body)
        if wrong := unknown_type(schema):
            text = "Unable to generate parser for this template. Automatic parser generation failed: "
            raise self.refuse(400, f"{text}JSON schema error at #: unrecognized type {wrong}")
        return schema

    def usage(self, asked: Asked, said: Said) -> Json:
        return super().usage(asked, said) | {"prompt_tokens_details": {"cached_tokens": 0}}

    def envelope(self, asked: Asked, said: Said) -> Json:
        more = {"system_fingerprint": "b1-0c1e570", "timings": {"prompt_n": asked.prompt_tokens}}
        return super().envelope(asked, said) | more

    def first_delta(self) -> Json:
        return {"role": "assistant", "content": None}


class LlamaCppPython(Server):
    """llama-cpp-python's server: knows json_object only, repeats any model name, wants UUIDs as request ids."""

    limit_names = ("max_tokens",)
    posts = (*COMPLETIONS, "/extras/tokenize/count")

    def error(self, status: int, message: str, param: str | None = None) -> Answer:
        kind = "invalid_request_error" if status == 400 else "internal_server_error"
        return Answer(status, {"error": {"message": message, "type": kind, "param": param, "code": None}})

    def guards(self, path: str) -> bool:
        return path in ("/v1/models", *self.posts)

    def bad_json(self, text: str) -> Answer:
        return Answer(500, "Internal Server Error")

    def bad_header(self, headers: dict[str, str]) -> Answer | None:
        try:
            uuid.UUID(headers.get("x-request-id", str(uuid.UUID(int=0))))
        except ValueError:
            return Answer(400, "")
        return None

    def listed(self) -> Json:
        return {"id": self.model, "object": "model", "owned_by": "me", "permissions": []}

    def post(self, path: str, body: Json) -> Answer:
        return Answer(200, {"count": self.tokens(body.get("input", ""))})

    def answering_model(self, model: object) -> str:
        return str(model) if model is not None else f"models/{self.model}.gguf"

    def overflow(self, count: int, limit: int | None, stream: bool) -> Answer:
        if stream:
            return Answer(200, [])
        text = (
            f"This model's maximum context length is {self.window} tokens. However, you requested "
            f"{count + (limit or 0)} tokens ({count} in the messages, {limit or 0} in the completion). "
            "Please reduce the length of the messages or completion."
        )
        error = {"message": text, "type": "invalid_request_error", "param": "messages"}
        return Answer(400, {"error": error | {"code": "context_length_exceeded"}})

    def schema_of(self, body: Json) -> Json | None:
        asked = body.get("response_format") or {}
        kind = asked.get("type", "text")
        if kind not in ("text", "json_object"):
            text = (
                "1 validation error:\n  {'type': 'literal_error', 'loc': ('body', 'response_format', 'type'), "
                f"'msg': \"Input should be 'text' or 'json_object'\", 'input': {kind!r}}}\n\n"
                '  File "site-packages/llama_cpp/server/app.py", line 376, in create_chat_completion'
            )
            raise self.refuse(500, text)
        return asked.get("schema") or super().schema_of(body)

    def choice(self, asked: Asked, said: Said) -> Json:
        return super().choice(asked, said) | {"logprobs": None}

    def first_delta(self) -> Json:
        return {"role": "assistant"}

    def with_usage(self, chunks: list[Json], shared: Json, asked: Asked, said: Said) -> list[Json]:
        return chunks  # stream_options are ignored


class Transformers(Server):
    """transformers serve: refuses fields it does not know, enforces no format and no window."""

    default_limit = 1024
    ends_with_done = False
    fields = frozenset(
        [
            "messages",
            "model",
            "prompt",
            "stream",
            "stream_options",
            "response_format",
            "max_tokens",
            "max_completion_tokens",
            "temperature",
            "top_p",
            "frequency_penalty",
            "presence_penalty",
            "logit_bias",
            "logprobs",
            "top_logprobs",
            "n",
            "seed",
            "stop",
            "suffix",
            "echo",
            "best_of",
            "user",
            "tools",
            "tool_choice",
            "parallel_tool_calls",
            "reasoning_effort",
            "chat_template_kwargs",
            "metadata",
            "store",
            "service_tier",
            "generation_config",
            "continue_final_message",
        ]
    )

    def get(self, path: str) -> Answer | None:
        if path == "/v1/models":
            return Answer(200, {"object": "list", "data": []})
        return Answer(200, {"status": "ok"}) if path == "/health" else None

    def check_fields(self, body: Json) -> None:
        if unknown := set(body) - self.fields:
            raise Refusal(Answer(422, {"detail": f"Unexpected fields in the request: {unknown}"}))

    def answering_model(self, model: object) -> str:
        return f"{model or self.model}@main"

    def fitted(self, count: int, limit: int | None, stream: bool) -> tuple[int, int | None]:
        return count, limit

    def schema_of(self, body: Json) -> Json | None:
        return None

    def identity(self, asked: Asked) -> str:
        return str(uuid.UUID(int=1))

    def first_delta(self) -> Json:
        return {"role": "assistant"}

    def with_usage(self, chunks: list[Json], shared: Json, asked: Asked, said: Said) -> list[Json]:
        return [*chunks[:-1], chunks[-1] | {"usage": self.usage(asked, said)}]


class Ollama(Server):
    """Ollama: cuts a prompt that is too long without a word. Read in its documentation, not recorded."""

    owner = "library"

    def __init__(self, model: str, window: int, tokens: Tokens, thinking: bool) -> None:
        super().__init__(model, window, tokens, thinking)
        self.reasoning_key = "reasoning" if thinking else None

    def error(self, status: int, message: str, param: str | None = None) -> Answer:
        kinds = {400: "invalid_request_error", 404: "not_found_error"}
        kind = kinds.get(status, "api_error")
        return Answer(status, {"error": {"message": message, "type": kind, "param": param, "code": None}})

    def unknown_path(self) -> Answer:
        return Answer(404, "404 page not found")

    def wrong_method(self) -> Answer:
        return Answer(405, "405 method not allowed")

    def bad_json(self, text: str) -> Answer:
        return self.error(400, "unexpected EOF")

    def check_model(self, model: object) -> None:
        if model != self.model:
            raise self.refuse(404, f"model '{model}' not found")

    def fitted(self, count: int, limit: int | None, stream: bool) -> tuple[int, int | None]:
        return min(count, self.window), limit

    def envelope(self, asked: Asked, said: Said) -> Json:
        return super().envelope(asked, said) | {"system_fingerprint": "fp_ollama", "created": CREATED}
