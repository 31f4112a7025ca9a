"""Servers that are started, asked and ended, and a client of OpenAI's streaming completions that is the same for both."""
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from measure import HYBRIE, THREADS, Failure, end, start


class Refused(Exception):
    """The server answered, but not yet with an answer."""


class Answer:
    """When a stream's tokens came, in seconds, and what the server counted."""

    def __init__(self, began, stamps, usage):
        self.began, self.stamps = began, stamps
        self.prompt, self.generated = usage["prompt_tokens"], usage["completion_tokens"]
        self.cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)

    @property
    def first(self):
        return self.stamps[0] - self.began

    @property
    def gaps(self):
        return [after - before for before, after in zip(self.stamps, self.stamps[1:])]


def tokens(count, seed):
    """Random ids of ordinary tokens, in every vocabulary used here."""
    generator = random.Random(seed)
    return [generator.randrange(1000, 30000) for _ in range(count)]


def complete(port, prompt, count, deadline):
    """Streams `count` tokens behind `prompt`; every answer has exactly that many, or this fails."""
    body = json.dumps({
        "prompt": prompt, "max_tokens": count, "temperature": 0, "ignore_eos": True, "stream": True,
        "stream_options": {"include_usage": True},
    })
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=deadline)
    stamps, usage, began = [], None, time.perf_counter()
    try:
        connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
        response = connection.getresponse()
        if response.status == 503:
            raise Refused(response.read(500).decode(errors="replace"))
        if response.status != 200:
            raise Failure(f"the server answered {response.status}: {response.read(500).decode(errors='replace')}")
        for line in response:
            now = time.perf_counter()
            if not line.startswith(b"data: ") or line.startswith(b"data: [DONE]"):
                continue
            event = json.loads(line[6:])
            if "error" in event:
                raise Failure(f"the server's stream ended with {event['error']}")
            usage = event.get("usage") or usage
            # The last chunk only tells why the answer ended.
            if event["choices"] and not event["choices"][0].get("finish_reason"):
                stamps.append(now)
    except TimeoutError:
        raise Failure(f"a request took longer than {deadline} s") from None
    finally:
        connection.close()
    if not usage or usage["completion_tokens"] != count or not stamps:
        raise Failure(f"asked for {count} tokens, the server says {usage} in {len(stamps)} chunks")
    return Answer(began, stamps, usage)


class Server:
    """A server process on a free port; use it in a `with`."""

    def __init__(self, command):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.command = [*command, "--host", "127.0.0.1", "--port", str(self.port)]

    @classmethod
    def hybrie(cls, model, *flags):
        return cls([HYBRIE, "serve", model, "-t", THREADS, *flags])

    def __enter__(self):
        self.home = tempfile.mkdtemp()
        self.log = os.path.join(self.home, "log")
        self.began = time.perf_counter()
        with open(self.log, "w") as log:
            # A home of its own: no settings of the user's count.
            self.child = start(self.command, stdout=subprocess.DEVNULL, stderr=log, env=os.environ | {"HYBRIE_HOME": self.home})
        return self

    def __exit__(self, *_):
        end(self.child)
        shutil.rmtree(self.home, ignore_errors=True)

    def ask(self, prompt, count, deadline=1800):
        return complete(self.port, prompt, count, deadline)

    def first_token(self, prompt, deadline, pause=0.005):
        """Asks until the server answers; seconds from its start to the first token."""
        until = self.began + deadline
        while time.perf_counter() < until:
            if self.child.poll() is not None:
                break
            try:
                return self.ask(prompt, 1, deadline).stamps[0] - self.began
            except (ConnectionError, http.client.HTTPException, Refused):
                time.sleep(pause)
        with open(self.log, errors="replace") as log:
            what = "ended" if self.child.poll() is not None else f"wasn't ready in {deadline} s"
            raise Failure(f"{' '.join(self.command)} {what}: {log.read()[-600:]}")

    def text(self, path):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def burst(self, prompts, count, deadline):
        """All prompts at once; (seconds from the first request to the last token, answers)."""
        answers, faults, gate = [], [], threading.Barrier(len(prompts))

        def client(prompt):
            try:
                gate.wait(60)
                answers.append(self.ask(prompt, count, deadline))
            except Exception as fault:  # told by the thread that waits
                faults.append(f"{type(fault).__name__}: {fault}")

        clients = [threading.Thread(target=client, args=(prompt,), daemon=True) for prompt in prompts]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join(deadline + 60)
        if faults or len(answers) != len(prompts):
            raise Failure(f"{len(answers)} of {len(prompts)} streams ended: {'; '.join(faults) or 'the others hang'}")
        return max(a.stamps[-1] for a in answers) - min(a.began for a in answers), answers
