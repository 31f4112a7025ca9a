"""Sixteen streaming clients against one. usage: many_clients.py BASE_URL SECONDS [RATIO]
Every text must be the one that the same request gives alone; a client that leaves frees its sequence."""
import json
import sys
import threading
import time
import urllib.request

base, seconds = sys.argv[1], float(sys.argv[2])
wanted_ratio = float(sys.argv[3]) if len(sys.argv) > 3 else None


def stream(seed, until=None, leave_after=None):
    body = {
        "messages": [{"role": "user", "content": f"Tell me a story about the number {seed}."}],
        "temperature": 0.8, "seed": seed, "max_tokens": 48, "stream": True, "ignore_eos": True,
    }
    request = urllib.request.Request(base + "/v1/chat/completions", json.dumps(body).encode())
    text, tokens = "", 0
    with urllib.request.urlopen(request, timeout=120) as response:
        for line in response:
            if not line.startswith(b"data: ") or b"[DONE]" in line:
                continue
            event = json.loads(line[6:])
            assert "error" not in event, event
            piece = event["choices"][0]["delta"].get("content") or ""
            text += piece
            tokens += bool(piece)
            if leave_after and tokens >= leave_after:
                return text, tokens
    return text, tokens


def metric(name):
    with urllib.request.urlopen(base + "/metrics") as response:
        return sum(float(line.split()[-1]) for line in response.read().decode().splitlines() if line.startswith(name + "{"))


alone, start, tokens = {}, time.time(), 0
for seed in range(16):
    alone[seed], count = stream(seed)
    tokens += count
single = tokens / (time.time() - start)

faults, total, lock = [], [0], threading.Lock()
start = time.time()


def client(seed):
    try:
        while time.time() < start + seconds:
            text, count = stream(seed)
            with lock:
                total[0] += count
            if text != alone[seed]:
                faults.append(f"seed {seed}: another text than alone")
                return
    except Exception as error:
        faults.append(f"seed {seed}: {error!r}")


threads = [threading.Thread(target=client, args=(seed,)) for seed in range(16)]
[t.start() for t in threads]
[t.join() for t in threads]
together = total[0] / (time.time() - start)
print(f"one client {single:.0f} tokens/s, sixteen {together:.0f} tokens/s: {together / single:.2f}x")

stream(99, leave_after=3)
for _ in range(100):
    if metric("hybrie_running_sequences") == 0:
        break
    time.sleep(0.02)
else:
    faults.append("the sequence of a client that left still runs")
if metric("hybrie_requests_abandoned_total") < 1:
    faults.append("the client that left wasn't noticed")
if wanted_ratio and together < wanted_ratio * single:
    faults.append(f"less than {wanted_ratio}x of one client")
if faults:
    sys.exit("\n".join(faults))
