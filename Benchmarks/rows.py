"""The rows: what is measured on which files, and what is asked of it."""
from collections import namedtuple
from dataclasses import dataclass, field, replace

# What must be reached, what would be better still, and for the share of the machine's limit the same.
Bar = namedtuple("Bar", "bar stretch share share_stretch", defaults=(None, None))


@dataclass(frozen=True)
class Row:
    id: str
    what: str
    kind: str  # speeds, streams, prefix, cold, warm: a function in speed.py or served.py
    models: tuple  # (shape, type)
    bars: dict  # by the kind of test, or by (test, type)
    prompt: int = 0
    answer: int = 0
    depths: tuple = (0,)
    runs: int = 5
    streams: int = 8
    tiny: bool = field(default=False)

    def bar(self, test, kind):
        return self.bars.get((test, kind)) or self.bars[test]


SMALL, MIDDLE, LARGE = "qwen3-0.6b", "qwen3-4b", "qwen3-30b-a3b"
QUANTISED = ("Q4_0", "Q4_K_M", "Q8_0")
PREFILL = Bar(3.5, 4.5, 0.55, 0.75)

ROWS = [
    Row("decode-0.6b", "answers", "speeds", tuple((SMALL, t) for t in QUANTISED),
        {"tg": Bar(1.7, 2.0), ("tg", "Q8_0"): Bar(1.5, 1.7)}, answer=128),
    Row("decode-4b", "answers", "speeds", ((MIDDLE, "Q4_0"), (MIDDLE, "Q4_K_M")), {"tg": Bar(1.3, 1.4, 0.88, 0.95)}, answer=128),
    Row("depth", "answers behind a long context", "speeds", ((SMALL, "Q4_0"),), {"tg": Bar(2.5, 4)},
        answer=32, depths=(8192, 16384), runs=3),
    Row("prefill", "prompts", "speeds", tuple((s, t) for s in (SMALL, MIDDLE) for t in QUANTISED), {"pp": PREFILL}, prompt=512),
    Row("prefill-8k", "a long prompt", "speeds", ((SMALL, "Q4_0"),), {"pp": Bar(3, 5)}, prompt=8192),
    Row("moe", "a mixture of experts", "speeds", ((LARGE, "Q4_0"),), {"pp": Bar(4, 7), "tg": Bar(1.3, 1.5)},
        prompt=512, answer=64),
    Row("floats", "16-bit safetensors; llama.cpp reads the same weights as GGUF", "speeds",
        ((SMALL, "BF16"), (SMALL, "F16")), {"pp": Bar(1.5, 2), "tg": Bar(1.0, 1.1)}, prompt=512, answer=128),
    Row("streams", "eight streams at once, against llama-server -np 8", "streams", ((SMALL, "Q4_0"),),
        {"tokens": Bar(4, 6), "gap": Bar(2, 4), "first": Bar(2, 4)}, prompt=512, answer=128),
    Row("prefix", "the second request on a long prefix, against the first", "prefix", ((SMALL, "Q4_0"),),
        {"first": Bar(20, 100)}, prompt=8192),
    Row("cold", "start of the server with a cold file to the first token, against a cold read of the file", "cold",
        ((MIDDLE, "Q4_0"),), {"start": Bar(1.5, 1.1)}),
    Row("warm", "start with a warm file to the first token; memory beside weights and cache", "warm", ((SMALL, "Q4_0"),),
        {"start": Bar(0.5, 0.2), "memory": Bar(60, 30)}),
]
QUALITY = "quality"


def tiny(row):
    """The same path through the code, in seconds."""
    return replace(
        row, models=row.models[:1], prompt=min(row.prompt, 256 if row.kind == "prefix" else 16),
        answer=min(row.answer, 4), depths=tuple(sorted({min(depth, 16) for depth in row.depths})), runs=1, tiny=True)
