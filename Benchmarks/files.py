"""The model files: made when a row needs them, if disk and memory suffice."""
import os
import shutil

import float_folder
from measure import FOLDER, ROOT, Skip, meminfo, run, say

# Billions of parameters, and bytes for each.
SHAPES = {"qwen3-tiny": 0.01, "qwen3-0.6b": 0.6, "qwen3-4b": 4.1, "qwen3-30b-a3b": 30.6}
BYTES = {"Q4_0": 0.6, "Q4_K_M": 0.63, "Q8_0": 1.07, "F16": 2.01, "BF16": 2.01}
FLOATS = ("F16", "BF16")


def starter():
    return run([os.path.join(ROOT, "script/starter")], 900).strip()


def pair(shape, kind, folder=FOLDER):
    """(what HybrIE reads, what llama.cpp reads): the same file, or for floats a folder and a file of the same weights."""
    os.makedirs(folder, exist_ok=True)
    file = os.path.join(folder, f"{shape}-{kind}.gguf")
    safetensors = os.path.join(folder, f"{shape}-{kind}") if kind in FLOATS else None
    size = SHAPES[shape] * BYTES[kind] * 1e9
    missing = [path for path in (file, safetensors) if path and not os.path.exists(path)]
    free, spare = shutil.disk_usage(folder).free, 1e9
    if missing and free < size * len(missing) + spare:
        raise Skip(f"{shape} {kind} needs {(size * len(missing) + spare) / 1e9:.0f} GB of disk, {free / 1e9:.0f} are free")
    # Both keep a packed copy of the weights; the file's own pages need not stay.
    available = meminfo("MemAvailable")
    if available < size + 1.5 * spare:
        raise Skip(f"{shape} {kind} needs {(size + 1.5 * spare) / 1e9:.0f} GB of memory, {available / 1e9:.0f} are available")
    if file in missing:
        say(f"making {os.path.basename(file)}")
        run([os.path.join(ROOT, "script/make-model"), shape, kind, file], 3600)
    if safetensors in missing:
        say(f"making {os.path.basename(safetensors)}/")
        float_folder.write(file, kind, safetensors)
    return safetensors or file, file
