"""What the measurements need to know of a GGUF file: its tensors' names, extents, types and places."""
import math
import os
import struct
from collections import namedtuple

from measure import Failure

Tensor = namedtuple("Tensor", "name shape type offset bytes")  # shape: outermost first
# number: name, elements of a block, bytes of a block (ggml.h, ggml-common.h)
TYPES = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210),
    23: ("IQ4_XS", 256, 136), 30: ("BF16", 1, 2),
}
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class File:
    def __init__(self, path):
        self.path = path
        with open(path, "rb") as file:
            if file.read(4) != b"GGUF":
                raise Failure(f"{path} is no GGUF file; delete it, so that it is made anew")
            _, tensors, values = self._take(file, "IQQ")
            self.values = {}
            for _ in range(values):
                name = self._text(file)
                self.values[name] = self._value(file, *self._take(file, "I"))
            heads = []
            for _ in range(tensors):
                name = self._text(file)
                (dimensions,) = self._take(file, "I")
                shape = self._take(file, f"{dimensions}Q")[::-1]
                heads.append((name, shape, *self._take(file, "IQ")))
            alignment = self.values.get("general.alignment", 32)
            data = (file.tell() + alignment - 1) // alignment * alignment
        self.tensors = []
        for name, shape, number, offset in heads:
            if number not in TYPES:
                raise Failure(f"{path}: tensor type {number} isn't known here; add it to Benchmarks/gguf.py")
            kind, elements, size = TYPES[number]
            self.tensors.append(Tensor(name, shape, kind, data + offset, math.prod(shape) // elements * size))

    @staticmethod
    def _take(file, form):
        return struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))

    def _text(self, file):
        (length,) = self._take(file, "Q")
        return file.read(length).decode(errors="replace")

    def _value(self, file, kind):
        if kind == 8:
            return self._text(file)
        if kind != 9:
            return self._take(file, SCALARS[kind])[0]
        inner, count = self._take(file, "IQ")
        if inner in SCALARS:
            file.seek(count * struct.calcsize("<" + SCALARS[inner]), os.SEEK_CUR)
            return None  # no array of numbers is needed
        return [self._value(file, inner) for _ in range(count)]

    def key(self, name):
        """A value under the architecture's own prefix."""
        return self.values.get(f"{self.values['general.architecture']}.{name}")

    @property
    def bytes(self):
        return sum(tensor.bytes for tensor in self.tensors)

    def _share(self, tensor):
        """The share of a tensor that one token needs."""
        experts = self.key("expert_count")
        return self.key("expert_used_count") / experts if experts and "_exps." in tensor.name else 1

    @property
    def _head(self):
        """The output head: the embeddings serve as it where there is no tensor of its own."""
        return next((t for t in self.tensors if t.name == "output.weight"), None) or next(
            t for t in self.tensors if t.name == "token_embd.weight")

    @property
    def _body(self):
        return [t for t in self.tensors if t.name not in ("token_embd.weight", "output.weight")]

    @property
    def bytes_per_token(self):
        """Weights that are read for one token; of the embeddings one row, so nothing, unless they are the head."""
        return sum(t.bytes * self._share(t) for t in self._body) + self._head.bytes

    def operations_per_token(self, prompt):
        """Two for each parameter in a matrix; the head works once for a prompt of that many tokens."""
        matrices = (t for t in self._body if len(t.shape) > 1)
        return 2 * (sum(math.prod(t.shape) * self._share(t) for t in matrices) + math.prod(self._head.shape) / prompt)
