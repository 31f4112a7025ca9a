"""The real openai SDK against a running server. usage: openai_client.py BASE_URL MODEL"""
import base64
import json
import struct
import sys

import openai

base, model = sys.argv[1:]
client = openai.OpenAI(base_url=base, api_key="none", max_retries=0, timeout=120)
hello = [{"role": "user", "content": "Say hello in one short sentence."}]


def check(condition, what):
    if not condition:
        sys.exit(f"failed: {what}")


# Models
listed = client.models.list().data
check(model in [m.id for m in listed], f"{model} is listed, not only {[m.id for m in listed]}")
check(client.models.retrieve(model).id == model, "a model can be asked for by name")

# Chat, whole and streamed, gives the same text
whole = client.chat.completions.create(model=model, messages=hello, temperature=0, max_tokens=24)
text = whole.choices[0].message.content
check(text and whole.choices[0].finish_reason in ("stop", "length"), "an answer comes")
check(whole.usage.total_tokens == whole.usage.prompt_tokens + whole.usage.completion_tokens, "usage adds up")
pieces, finish, usage, ids = [], None, None, set()
for chunk in client.chat.completions.create(
    model=model, messages=hello, temperature=0, max_tokens=24, stream=True, stream_options={"include_usage": True}
):
    ids.add(chunk.id)
    if not chunk.choices:
        usage = chunk.usage
        continue
    delta = chunk.choices[0]
    pieces.append(delta.delta.content or "")
    finish = delta.finish_reason or finish
check("".join(pieces) == text, "the streamed text is the whole one's")
check(finish == whole.choices[0].finish_reason and len(ids) == 1, "one id, one finish reason")
check(usage.completion_tokens == whole.usage.completion_tokens, "usage comes last")

# Same seed, same text; n choices; log-probabilities; stop
seeded = [
    client.chat.completions.create(model=model, messages=hello, temperature=1, seed=7, max_tokens=12, n=3) for _ in range(2)
]
check(
    [c.message.content for c in seeded[0].choices] == [c.message.content for c in seeded[1].choices], "a seed repeats the text"
)
check(len({c.message.content for c in seeded[0].choices}) > 1, "choices differ")
scored = client.chat.completions.create(
    model=model, messages=hello, temperature=0, max_tokens=4, logprobs=True, top_logprobs=3
).choices[0].logprobs.content
check(len(scored) == 4 and all(len(t.top_logprobs) == 3 and t.logprob <= 0 for t in scored), "log-probabilities come")
check(all(t.token == t.top_logprobs[0].token for t in scored), "the greedy token is the most probable")
stopped = client.chat.completions.create(model=model, messages=hello, temperature=0, max_tokens=24, stop=[text[3:6]])
check(text[3:6] not in stopped.choices[0].message.content, "the stop text isn't part of the answer")

# A tool is called
tool = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
for choice in ("required", {"type": "function", "function": {"name": "get_weather"}}):
    called = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "What is the weather in Paris?"}],
        tools=[tool],
        tool_choice=choice,
        temperature=0,
        max_tokens=120,
    ).choices[0]
    check(called.finish_reason == "tool_calls", f"the call is forced: {called}")
    call = called.message.tool_calls[0]
    check(call.function.name == "get_weather" and "city" in json.loads(call.function.arguments), "the call is whole")

# An answer by schema
schema = {
    "type": "object",
    "properties": {"city": {"type": "string", "maxLength": 20}, "inhabitants": {"type": "integer"}},
    "required": ["city", "inhabitants"],
    "additionalProperties": False,
}
structured = client.chat.completions.create(
    model=model,
    messages=[{"role": "user", "content": "Tell me about Paris as JSON."}],
    temperature=0,
    max_tokens=120,
    response_format={"type": "json_schema", "json_schema": {"name": "city", "schema": schema}},
).choices[0]
value = json.loads(structured.message.content)
check(set(value) == {"city", "inhabitants"} and isinstance(value["inhabitants"], int), "the schema holds")

# Completions: text, ids, echo with scores
completed = client.completions.create(model=model, prompt="The sea is", temperature=0, max_tokens=5, echo=True, logprobs=1)
scores = completed.choices[0].logprobs
check(completed.choices[0].text.startswith("The sea is"), "the prompt is echoed")
check(scores.token_logprobs[0] is None and len(scores.tokens) == len(scores.token_logprobs), "the prompt is scored")
many = client.completions.create(model=model, prompt=["One", "Two"], max_tokens=2, n=2)
check([c.index for c in many.choices] == [0, 1, 2, 3], "two prompts by two choices")
check(client.completions.create(model=model, prompt=[504, 3575], max_tokens=1).usage.prompt_tokens == 2, "ids are a prompt")

# Embeddings: base64 (the SDK's default) and float are the same vector of length 1
vector = client.embeddings.create(model=model, input="A short text").data[0].embedding
check(abs(sum(x * x for x in vector) - 1) < 1e-3, "the embedding is normalised")
plain = client.embeddings.create(model=model, input="A short text", encoding_format="float").data[0].embedding
check(max(abs(a - b) for a, b in zip(vector, plain)) < 1e-6, "both encodings are one vector")
check(len(client.embeddings.create(model=model, input=["a", "b"], dimensions=64).data[1].embedding) == 64, "dimensions cut")


# Errors are the SDK's own classes
def fails(kind, call):
    try:
        call()
    except kind as error:
        check(error.body is None or "message" in error.body, "errors carry the envelope")
        return error
    except Exception as error:
        sys.exit(f"failed: {kind.__name__} was expected, not {error!r}")
    sys.exit(f"failed: {kind.__name__} was expected")


create = client.chat.completions.create
fails(openai.NotFoundError, lambda: create(model="nobody", messages=hello))
fails(openai.BadRequestError, lambda: create(model=model, messages=[]))
fails(openai.BadRequestError, lambda: create(model=model, messages=hello, temperature=9))
fails(openai.PermissionDeniedError, lambda: create(model="cloud/gpt", messages=hello))
fails(
    openai.UnprocessableEntityError,
    lambda: create(model=model, messages=hello, extra_headers={"x-hybrie-execution-mode": "elsewhere"}),
)
long = fails(openai.BadRequestError, lambda: create(model=model, messages=[{"role": "user", "content": "word " * 20000}]))
check(long.code == "context_length_exceeded", "a prompt that is too long says so")
raw = client.chat.completions.with_raw_response.create(model=model, messages=hello, max_tokens=1, extra_body={"store": True})
check(raw.headers["x-hybrie-selected-mode"] == "local" and raw.headers["x-request-id"], "headers say where it ran")
check("store" in raw.headers["x-hybrie-warning"], "what is ignored is named")
print("all well")
