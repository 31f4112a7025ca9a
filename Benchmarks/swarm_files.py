"""Where a swarm's files lie while it is measured, and the model that it spreads."""
import hashlib
import os
import random
import shutil
import tempfile

from measure import ROOT, Failure, meminfo, run, say

NAME = "swarm"
MIB = 1 << 20
MEMORY = "/run/hybrie-swarm"


class Folder:
    """A folder that is gone after the `with`: in memory, where eight nodes don't share one disk, or on a given disk."""

    def __init__(self, mib, given=None):
        self.bytes = 10 * mib * MIB  # the model, eight copies, and what is half there
        self.path = os.path.join(os.path.abspath(given), "hybrie-swarm") if given else MEMORY
        self.in_memory = not given

    def __enter__(self):
        self._remove()
        os.makedirs(self.path)
        if self.in_memory:
            if meminfo("MemAvailable") < 1.3 * self.bytes + (1 << 30):
                raise Failure(
                    f"{self.bytes / 1e9:.1f} GB of files don't fit into memory; name a --folder on a disk, or fewer --mib")
            run(["mount", "-t", "tmpfs", "-o", f"size={self.bytes + 64 * MIB},mode=700", "hybrie-swarm", self.path], 30)
        elif shutil.disk_usage(self.path).free < self.bytes:
            raise Failure(f"{self.path} needs {self.bytes / 1e9:.1f} GB; name another --folder, or fewer --mib")
        return self

    def __exit__(self, *_):
        self._remove()

    def _remove(self):
        """Also what a run that was killed has left."""
        while os.path.ismount(self.path):
            run(["umount", "--lazy", self.path], 30)
        shutil.rmtree(self.path, ignore_errors=True)

    def make(self, *parts):
        """A folder inside, made if it is missing."""
        path = os.path.join(self.path, *parts)
        os.makedirs(path, exist_ok=True)
        return path


class Model:
    """A GGUF file of that size that HybrIE imports: a tiny model, and random bytes behind its last tensor."""

    def __init__(self, folder, mib):
        self.path, self.bytes = os.path.join(folder, NAME + ".gguf"), mib * MIB
        say(f"making a model of {mib} MiB")
        with tempfile.TemporaryDirectory(dir=folder) as place:
            tiny = os.path.join(place, "tiny.gguf")
            run([os.path.join(ROOT, "script/make-model"), "qwen3-tiny", "Q8_0", tiny], 300)
            os.rename(tiny, self.path)
        left = self.bytes - os.path.getsize(self.path)
        if left < 0:
            raise Failure(f"the tiny model alone has {os.path.getsize(self.path) / MIB:.0f} MiB; give more --mib")
        # The tiny model repeats itself; what is behind it does not.
        generator = random.Random(7)
        with open(self.path, "ab") as file:
            while left > 0:
                left -= file.write(generator.randbytes(min(left, 8 * MIB)))
        self.digest = digest(self.path)

    def check(self, path):
        """Fails unless the file there is this one."""
        if not os.path.isfile(path):
            raise Failure(f"{path} isn't there")
        if digest(path) != self.digest:
            raise Failure(f"{path} ({os.path.getsize(path)} bytes) differs from the source")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
