"""The hub's own client against a node: whole repositories, single files, resuming, what is missing.

Usage: hub_client.py BASE MODELS, where MODELS is the folder of the node's store with `weights.gguf` and the folder `tiny`.
"""
import filecmp
import os
import subprocess
import sys
import tempfile
import urllib.request

base, models = sys.argv[1:]
os.environ["HF_ENDPOINT"] = base
os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"

from huggingface_hub import HfApi, hf_hub_download, snapshot_download  # noqa: E402
from huggingface_hub.errors import EntryNotFoundError, RepositoryNotFoundError, RevisionNotFoundError  # noqa: E402
from huggingface_hub.file_download import http_get  # noqa: E402


def sent():
    """Bytes of weights that the node says it has sent."""
    text = urllib.request.urlopen(f"{base}/metrics").read().decode()
    return sum(int(line.split()[-1]) for line in text.splitlines() if line.startswith("hybrie_mesh_sent_bytes_total"))


def raises(error, call):
    try:
        call()
    except error:
        return
    raise AssertionError(f"no {error.__name__}")


with tempfile.TemporaryDirectory() as cache:
    folder = snapshot_download("local/tiny", cache_dir=cache)
    names = sorted(os.listdir(f"{models}/tiny"))
    assert sorted(os.listdir(folder)) == names, (os.listdir(folder), names)
    match, mismatch, errors = filecmp.cmpfiles(folder, f"{models}/tiny", names, shallow=False)
    assert match == names, (mismatch, errors)

    file = hf_hub_download("local/weights", "weights.gguf", cache_dir=cache)
    assert filecmp.cmp(file, f"{models}/weights.gguf", shallow=False)

    before = sent()
    assert snapshot_download("local/tiny", cache_dir=cache) == folder
    assert hf_hub_download("local/weights", "weights.gguf", cache_dir=cache) == file
    assert sent() == before, "what is here is sent again"

    size = os.path.getsize(file)
    half = size // 2 + 1
    part = f"{cache}/part"
    with open(part, "wb") as output:
        output.write(open(file, "rb").read(half))
        http_get(f"{base}/local/weights/resolve/main/weights.gguf", output, resume_size=half, expected_size=size)
    assert filecmp.cmp(part, file, shallow=False)
    assert sent() == before + size - half, "resuming sends the rest only"

    # The command that comes with the library.
    hf = os.path.join(os.path.dirname(sys.executable), "hf")
    subprocess.run([hf, "download", "local/weights", "--local-dir", f"{cache}/hf"], check=True, stdout=subprocess.DEVNULL)
    assert filecmp.cmp(f"{cache}/hf/weights.gguf", file, shallow=False)

    # What llama.cpp's -hf asks for: the commit of the branch, and ids of files that are digits.
    branch = HfApi().list_repo_refs("local/weights").branches[0]
    assert branch.name == "main" and len(branch.target_commit) == 40
    (listed,) = HfApi().list_repo_tree("local/weights", revision=branch.target_commit, recursive=True)
    assert listed.path == "weights.gguf" and len(bytes.fromhex(listed.blob_id)) == 20, listed

    raises(RepositoryNotFoundError, lambda: snapshot_download("local/none", cache_dir=cache))
    raises(EntryNotFoundError, lambda: hf_hub_download("local/tiny", "none.bin", cache_dir=cache))
    raises(RevisionNotFoundError, lambda: snapshot_download("local/tiny", revision="other", cache_dir=cache))
print("hub client: all right")
