"""A folder in Hugging Face's layout out of a BF16 or F16 GGUF file of Qwen 3's dense kind: the same weights, for HybrIE."""
import json
import os
import shutil
import struct

from gguf import File
from measure import ROOT, Failure

TOKENIZER = os.path.join(ROOT, "Tests/Fixtures/golden/tokenizer/qwen/tokenizer.json")
WHOLE = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYERED = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj", "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj",
}


def _name(gguf):
    parts = gguf.split(".")
    if parts[0] == "blk":
        return f"model.layers.{parts[1]}.{LAYERED[parts[2]]}.weight"
    return WHOLE[parts[0]] + ".weight"


def _narrow(data, kind):
    """Norms are F32 in GGUF files and of the model's own type in folders."""
    if kind == "F16":
        return struct.pack(f"<{len(data) // 4}e", *struct.unpack(f"<{len(data) // 4}f", data))
    return b"".join(data[i + 2 : i + 4] for i in range(0, len(data), 4))


def write(source, kind, folder):
    """Writes the folder beside its final place and renames it, so that half a folder is never taken for one."""
    gguf = File(source)
    if gguf.values["general.architecture"] != "qwen3":
        raise Failure(f"{source}: only the dense Qwen 3 shapes have a folder")
    part = folder + ".part"
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    header, offset = {}, 0
    for tensor in gguf.tensors:
        count = tensor.bytes // (4 if tensor.type == "F32" else 2)
        header[_name(tensor.name)] = {
            "dtype": kind, "shape": list(tensor.shape), "data_offsets": [offset, offset + 2 * count]}
        offset += 2 * count
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(source, "rb") as file, open(os.path.join(part, "model.safetensors"), "wb") as out:
        out.write(struct.pack("<Q", len(text)) + text)
        for tensor in gguf.tensors:
            file.seek(tensor.offset)
            left = tensor.bytes
            while left:
                data = file.read(min(left, 16 << 20))
                if not data:
                    raise Failure(f"{source} is cut short; delete it, so that it is made anew")
                left -= len(data)
                out.write(_narrow(data, kind) if tensor.type == "F32" else data)
    embeddings = next(t for t in gguf.tensors if t.name == "token_embd.weight")
    config = {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "hidden_act": "silu",
        "torch_dtype": {"BF16": "bfloat16", "F16": "float16"}[kind], "vocab_size": embeddings.shape[0],
        "hidden_size": gguf.key("embedding_length"), "intermediate_size": gguf.key("feed_forward_length"),
        "num_hidden_layers": gguf.key("block_count"), "num_attention_heads": gguf.key("attention.head_count"),
        "num_key_value_heads": gguf.key("attention.head_count_kv"), "head_dim": gguf.key("attention.key_length"),
        "max_position_embeddings": gguf.key("context_length"),
        "rms_norm_eps": gguf.key("attention.layer_norm_rms_epsilon"), "rope_theta": gguf.key("rope.freq_base"),
        "tie_word_embeddings": not any(t.name == "output.weight" for t in gguf.tensors), "attention_bias": False,
        "eos_token_id": gguf.values["tokenizer.ggml.eos_token_id"],
        "bos_token_id": gguf.values["tokenizer.ggml.bos_token_id"],
    }
    with open(os.path.join(part, "config.json"), "w") as out:
        json.dump(config, out, indent=1)
    shutil.copy(TOKENIZER, part)
    shutil.rmtree(folder, ignore_errors=True)
    os.rename(part, folder)
