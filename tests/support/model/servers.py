"""The five model servers as the recordings show them: their rules, their envelopes, their odd corners."""

from tests.support.model.rules import Answer, Asked, Json, Refusal, Said, Tokens, messages_of, unknown_type

CREATED = 1_795_256_905
COMPLETIONS = ("/v1/chat/completions", "/v1/completions")


class Server:
    """What is common to servers built on FastAPI; each server below says what it does differently."""

    owner = "nobody"
    reasoning_key: str | None = None  # None: no parser takes the thinking out of the content
    default_limit: int | None = None
    limit_names: tuple[str, ...] = ("max_completion_tokens", "max_tokens")
    posts: tuple[str, ...] = COMPLETIONS
    ends_with_done = True

    def __init__(self, model: str, window: int, tokens: Tokens, thinking: bool) -> None:
        self.model, self.window, self.tokens, self.thinking = model, window, tokens, thinking

    # -- envelopes of refusals

    def error(self, status: int, message: str, param: str | None = None) -> Answer:
        kinds = {400: "BadRequestError", 404: "NotFoundError", 500: "InternalServerError", 503: "Service Unavailable"}
        kind = kinds.get(status, "Error")
        return Answer(status, {"error": {"message": message, "type": kind, "param": param, "code": status}})

    def unauthorized(self) -> Answer:
        return Answer(401, {"detail": "Invalid API key"})

    def guards(self, path: str) -> bool:
        return False

    def unknown_path(self) -> Answer:
        return Answer(404, {"detail": "Not Found"})

    def wrong_method(self) -> Answer:
        return Answer(405, {"detail": "Method Not Allowed"})

    def bad_json(self, text: str) -> Answer:
        return Answer(422, {"detail": "JSON decode error"})

    def bad_header(self, headers: dict[str, str]) -> Answer | None:
        return None

    def refuse(self, status: int, message: str, param: str | None = None) -> Refusal:
        return Refusal(self.error(status, message, param))

    # -- the small endpoints

    def get(self, path: str) -> Answer | None:
        return {"/v1/models": Answer(200, {"object": "list", "data": [self.listed()]})}.get(path)

    def listed(self) -> Json:
        return {"id": self.model, "object": "model", "created": CREATED, "owned_by": self.owner}

    def post(self, path: str, body: Json) -> Answer:
        raise Refusal(self.unknown_path())

    # -- a completion

    def read(self, body: Json, chat: bool) -> Asked:
        """Check the rules, and say what is asked; Refusal carries what the server answers to a breach."""
        self.check_fields(body)
        self.check_model(body.get("model"))
        prompt, count = self.prompt_of(body) if chat else self.legacy_prompt_of(body)
        limit = self.limit_of(body)
        stream = body.get("stream") is True
        count, limit = self.fitted(count, limit, stream)
        options = body.get("stream_options") or {}
        thinks = (body.get("chat_template_kwargs") or {}).get("enable_thinking", True) is not False
        return Asked(
            model=self.answering_model(body.get("model")),
            prompt=prompt,
            prompt_tokens=count,
            limit=limit,
            schema=self.schema_of(body),
            choices=self.choices_of(body),
            chat=chat,
            stream=stream,
            stream_usage=options.get("include_usage") is True,
            thinks=thinks and body.get("reasoning_effort") != "none",
        )

    def check_fields(self, body: Json) -> None:
        """Refuse fields that the server does not accept; most ignore them."""

    def check_model(self, model: object) -> None:
        """Refuse a model that is not served; most answer with what they have."""

    def answering_model(self, model: object) -> str:
        return self.model

    def prompt_of(self, body: Json) -> tuple[str, int]:
        try:
            return messages_of(body, self.tokens)
        except ValueError as error:
            raise self.refuse(400, str(error)) from None

    def legacy_prompt_of(self, body: Json) -> tuple[str, int]:
        prompt = body.get("prompt")
        if not isinstance(prompt, str):
            raise self.refuse(400, "'prompt' must be a string")
        return prompt, self.tokens(prompt)

    def limit_of(self, body: Json) -> int | None:
        sent = [body[name] for name in self.limit_names if body.get(name) is not None]
        limit = sent[0] if sent else self.default_limit
        if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
            raise self.refuse(400, "max_tokens must be an integer", "max_tokens")
        return limit if limit is None or limit > 0 else None

    def fitted(self, count: int, limit: int | None, stream: bool) -> tuple[int, int | None]:
        """The count of the prompt and the limit of the output inside the window; Refusal where it overflows."""
        if count >= self.window:
            raise Refusal(self.overflow(count, limit, stream))
        return count, min(limit or self.window, self.window - count)

    def overflow(self, count: int, limit: int | None, stream: bool) -> Answer:
        raise NotImplementedError

    def schema_of(self, body: Json) -> Json | None:
        match body.get("response_format"):
            case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
                return schema
            case {"type": "json_object" | "json_schema"}:
                return {}
        return None

    def choices_of(self, body: Json) -> list[str]:
        return []

    # -- its answer

    def usage(self, asked: Asked, said: Said) -> Json:
        return {
            "prompt_tokens": asked.prompt_tokens,
            "completion_tokens": said.completion_tokens,
            "total_tokens": asked.prompt_tokens + said.completion_tokens,
        }

    def message(self, said: Said) -> Json:
        message: Json = {"role": "assistant", "content": said.content}
        if self.reasoning_key and said.reasoning is not None:
            message[self.reasoning_key] = said.reasoning
        return message

    def choice(self, asked: Asked, said: Said) -> Json:
        what: Json = {"message": self.message(said)} if asked.chat else {"text": said.content, "logprobs": None}
        return {"index": 0, **what, "finish_reason": said.finish_reason}

    def identity(self, asked: Asked) -> str:
        return f"{'chatcmpl' if asked.chat else 'cmpl'}-{asked.request_id}"

    def envelope(self, asked: Asked, said: Said) -> Json:
        return {
            "id": self.identity(asked),
            "object": "chat.completion" if asked.chat else "text_completion",
            "created": CREATED,
            "model": asked.model,
            "choices": [self.choice(asked, said)],
            "usage": self.usage(asked, said),
        }

    def chunks(self, asked: Asked, said: Said) -> list[Json]:
        """The same answer as the chunks of a stream."""
        shared: Json = {"id": self.identity(asked), "created": CREATED, "model": asked.model}
        shared["object"] = "chat.completion.chunk"
        deltas: list[Json] = [self.first_delta()]
        if self.reasoning_key and said.reasoning:
            deltas.append({self.reasoning_key: said.reasoning})
        content = said.content or ""
        middle = len(content) // 2
        deltas += [{"content": part} for part in (content[:middle], content[middle:]) if part]
        events: list[Json] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
        events.append({"index": 0, "delta": {}, "finish_reason": said.finish_reason})
        chunks: list[Json] = [shared | {"choices": [event]} for event in events]
        return self.with_usage(chunks, shared, asked, said)

    def first_delta(self) -> Json:
        return {"role": "assistant", "content": ""}

    def with_usage(self, chunks: list[Json], shared: Json, asked: Asked, said: Said) -> list[Json]:
        if asked.stream_usage:
            chunks.append(shared | {"choices": [], "usage": self.usage(asked, said)})
        return chunks


class Vllm(Server):
    """vLLM 0.32: unknown fields are ignored, structured output is enforced, tokens can be counted."""

    owner = "vllm"
    posts = (*COMPLETIONS, "/tokenize")
    kinds = ("json", "regex", "choice", "grammar", "json_object", "structural_tag")

    def __init__(self, model: str, window: int, tokens: Tokens, thinking: bool) -> None:
        super().__init__(model, window, tokens, thinking)
        self.reasoning_key = "reasoning" if thinking else None

    def unauthorized(self) -> Answer:
        return Answer(401, {"error": "Unauthorized"})

    def guards(self, path: str) -> bool:
        return path.startswith("/v1/")

    def bad_json(self, text: str) -> Answer:
        message = (
            f"1 validation error:\n  {{'type': 'json_invalid', 'loc': 'body.{len(text)}', 'msg': 'JSON decode error'}}"
        )
        return self.invalid(message, f"body.{len(text)}")

    def invalid(self, message: str, param: str) -> Answer:
        return Answer(400, {"error": {"message": message, "type": "Bad Request", "param": param, "code": 400}})

    def get(self, path: str) -> Answer | None:
        if path == "/version":
            return Answer(200, {"version": "0.32.0"})
        return Answer(200, "") if path == "/health" else super().get(path)

    def listed(self) -> Json:
        return super().listed() | {"root": self.model, "parent": None, "max_model_len": self.window, "permission": []}

    def post(self, path: str, body: Json) -> Answer:
        self.check_model(body.get("model"))
        prompt = body.get("prompt")
        count = self.tokens(prompt) if isinstance(prompt, str) else self.prompt_of(body)[1]
        tokens = list(range(count))
        return Answer(200, {"count": count, "max_model_len": self.window, "tokens": tokens, "token_strs": None})

    def check_model(self, model: object) -> None:
        if model is not None and model != self.model:
            text = f"The model `{model}` does not exist. Valid aliases: {self.model}."
            raise self.refuse(404, text, "model")

    def check_fields(self, body: Json) -> None:
        temperature, top_p = (self._number(body, name) for name in ("temperature", "top_p"))
        if temperature < 0:
            self._out_of_range("temperature", f"must be non-negative, got {temperature}", temperature)
        if not 0 < top_p <= 1:
            self._out_of_range("top_p", f"must be in (0, 1], got {top_p}", top_p)
        if "thinking_token_budget" in body and not self.thinking:
            raise self.refuse(400, "thinking_token_budget is set but reasoning_config is not configured.")

    def _number(self, body: Json, name: str) -> float:
        value = body.get(name)
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            text = f"1 validation error:\n  {{'type': 'float_type', 'loc': 'body.{name}'}}"
            raise Refusal(self.invalid(text, f"body.{name}"))
        return 1.0 if value is None else float(value)

    def _out_of_range(self, name: str, text: str, value: float) -> None:
        raise self.refuse(400, f"{name} {text}. (parameter={name}, value={value})", name)

    def prompt_of(self, body: Json) -> tuple[str, int]:
        if "messages" not in body:
            text = "1 validation error:\n  {'type': 'missing', 'loc': 'body.messages', 'msg': 'Field required'}"
            raise Refusal(self.invalid(text, "body.messages"))
        if body["messages"] == []:
            raise self.refuse(400, "Cannot apply chat template to an empty conversation. Provide at least one message.")
        return super().prompt_of(body)

    def limit_of(self, body: Json) -> int | None:
        for limit in (body.get(name) for name in self.limit_names):
            if isinstance(limit, int) and limit < 1:
                self._out_of_range("max_tokens", f"must be at least 1, got {limit}", limit)
            if isinstance(limit, int) and limit > self.window:
                text = f"max_tokens={limit} cannot be greater than max_model_len={self.window}. Please request fewer "
                raise self.refuse(400, f"{text}output tokens. (parameter=max_tokens, value={limit})", "max_tokens")
        return super().limit_of(body)

    def fitted(self, count: int, limit: int | None, stream: bool) -> tuple[int, int | None]:
        if count > self.window:  # the count it names is a floor: the text is cut before it is counted
            text = (
                f"This model's maximum context length is {self.window} tokens. However, your prompt contains at least "
                f"{self.window + 1} input tokens, which exceeds this limit even without any output tokens. Please "
                f"reduce the length of the input prompt. (parameter=input_tokens, value={self.window + 1})"
            )
            raise self.refuse(400, text, "input_tokens")
        return count, min(limit or self.window, max(self.window - count, 1))

    def schema_of(self, body: Json) -> Json | None:
        asked = body.get("response_format") or {}
        kind = asked.get("type", "text")
        if kind not in ("text", "json_object", "json_schema"):
            text = "Input should be 'text', 'json_object' or 'json_schema'"
            where = "{'type': 'literal_error', 'loc': 'body.response_format.type', 'msg': "
            raise Refusal(self.invalid(f'6 validation errors:\n  {where}"{text}"}}', "body.response_format.type"))
        if kind == "json_schema" and not isinstance((asked.get("json_schema") or {}).get("schema"), dict):
            text = "When response_format type is 'json_schema', the 'json_schema' field must be provided. "
            raise self.refuse(400, f"{text}(parameter=response_format)", "response_format")
        schema = self._structured(body).get("json", super().schema_of(body))
        if wrong := unknown_type(schema):
            raise self.refuse(400, f"Grammar error: Invalid type: {wrong}")
        return schema if isinstance(schema, dict) else None

    def _structured(self, body: Json) -> Json:
        asked: Json = body.get("structured_outputs") or {}
        if sum(kind in asked for kind in self.kinds) > 1:
            text = "You can only use one kind of constraints for structured outputs ('json', 'regex' or 'choice')."
            raise self.refuse(400, text)
        return asked

    def choices_of(self, body: Json) -> list[str]:
        return list(self._structured(body).get("choice", ()))

    def usage(self, asked: Asked, said: Said) -> Json:
        thought = {"reasoning_tokens": said.reasoning_tokens} if self.thinking else None
        details = {"prompt_tokens_details": None, "completion_tokens_details": thought}
        return super().usage(asked, said) | details

    def message(self, said: Said) -> Json:
        unused = dict.fromkeys(("refusal", "annotations", "audio", "function_call"))
        return super().message(said) | unused | {"reasoning": said.reasoning}

    def choice(self, asked: Asked, said: Said) -> Json:
        unused = dict.fromkeys(("logprobs", "stop_reason", "token_ids", "routed_experts"))
        more = {} if asked.chat else dict.fromkeys(("prompt_logprobs", "prompt_token_ids"))
        return super().choice(asked, said) | unused | more

    def envelope(self, asked: Asked, said: Said) -> Json:
        names = ["service_tier", "kv_transfer_params", "ec_transfer_params", "metrics"]
        names += ["prompt_logprobs", "prompt_token_ids", "prompt_text"] if asked.chat else []
        return super().envelope(asked, said) | dict.fromkeys(names) | {"system_fingerprint": "vllm-0.32.0-51991785"}
