"""HybrIE on every node: its server, what it is asked, and pulls beside it."""
import json
import os
import time

import namespaces
from measure import HYBRIE, Failure, end, run, start
from swarm_files import NAME
from transfers import Way, ended, tail

PORT = 8080
KEY, SECRET = "key-of-the-swarm", "secret-of-the-swarm-0123456789abcdef"
PATIENCE = 90  # seconds for what takes a few


class Mesh(Way):
    """Servers on all nodes; the model's owner is node 0. Servers end with the `with`."""
    title = "HybrIE"

    def __init__(self, network, folder, model):
        self.network, self.folder, self.model = network, folder, model
        self.servers, self.pulls, self.logs = {}, {}, folder.make("logs")

    def __enter__(self):
        run(namespaces.inside(0, [HYBRIE, "models", "import", self.model.path, "--name", NAME]), 900, env=self.settings(0))
        for node in self.network.nodes:
            self.serve(node)
        for node in self.network.nodes:
            self.wait(f"n{node} to answer", lambda: self.ask(node, "/health") is not None)
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            end(server, patience=2)

    def settings(self, node):
        """The environment of a node's programs, and nothing of this process's own."""
        home = self.folder.make("homes", f"n{node}")
        return {
            "PATH": os.environ["PATH"], "HOME": home, "HYBRIE_HOME": home, "HYBRIE_NODE_NAME": f"n{node}", "HYBRIE_MESH": "on",
            "HYBRIE_MESH_ALLOW": "10.77.0.0/24", "HYBRIE_MESH_SECRET": SECRET, "HYBRIE_API_KEY": KEY,
            "HYBRIE_TAILSCALE_SOCKET": "",
        }

    def log(self, node, what):
        return os.path.join(self.logs, f"{what}-n{node}.log")

    def start(self, node, what, *arguments):
        """One of HybrIE's commands on a node; what it says is appended to its log."""
        with open(self.log(node, what), "a") as log:
            command = namespaces.inside(node, [HYBRIE, *arguments])
            return start(command, env=self.settings(node), stdout=log, stderr=log)

    def serve(self, node):
        self.servers[node] = self.start(
            node, "serve", "serve", "--host", namespaces.address(node), "--port", str(PORT))

    def pull(self, node):
        return self.start(node, "pull", "pull", f"peer://n0/{NAME}")

    # What the servers are asked.

    def curl(self, node, path, *more, to=None):
        """The command that asks a node's server, from that node or from another one."""
        url = f"http://{namespaces.address(node if to is None else to)}:{PORT}{path}"
        return namespaces.inside(node, ["curl", "-fsS", "-m", "10", "-H", f"Authorization: Bearer {KEY}", url, *more])

    def ask(self, node, path):
        """A node's own answer; `None` if there is none yet."""
        if self.servers[node].poll() is not None:
            raise Failure(f"the server of n{node} ended with {self.servers[node].returncode}: {tail(self.log(node, 'serve'))}")
        try:
            return json.loads(run(self.curl(node, path), 20))
        except (Failure, json.JSONDecodeError):
            return None

    def wait(self, what, condition, patience=PATIENCE):
        """Seconds until it is so."""
        began = time.monotonic()
        while not condition():
            if time.monotonic() - began > patience:
                raise Failure(f"waited {patience} s in vain for {what}")
            time.sleep(0.1)
        return time.monotonic() - began

    def introduce(self):
        """Tells every other node of node 0, and nobody of anybody else. Returns the seconds until all know all."""
        began = time.monotonic()
        for node in self.network.nodes[1:]:
            body = json.dumps({"node": f"{namespaces.address(0)}:{PORT}"})
            run(self.curl(0, "/v1/peers/register", "-X", "POST", "-H", "Content-Type: application/json", "-d", body, to=node), 30)
        self.wait_online()
        seconds = time.monotonic() - began
        self.wait("n0 to offer the model", lambda: self.offers(0))
        return seconds

    def wait_online(self):
        """Seconds until every node sees all others online."""
        began = time.monotonic()
        for node in self.network.nodes:
            others = sorted(f"n{other}" for other in self.network.nodes if other != node)
            self.wait(f"n{node} to see all others online, not only {self.online(node)}", lambda: self.online(node) == others)
        return time.monotonic() - began

    def online(self, node):
        peers = (self.ask(node, "/v1/peers") or {}).get("peers", [])
        return sorted(peer["name"] for peer in peers if peer["status"] == "online")

    def offers(self, node):
        """Whether a node says that it has the model whole."""
        own = (self.ask(node, "/v1/peers") or {}).get("self") or {}
        return any(model["id"] == NAME for model in own.get("models", []))

    # A transfer.

    def begin(self, receivers):
        self.pulls = {node: self.pull(node) for node in receivers}
        return {node: ended(child, self.log(node, "pull")) for node, child in self.pulls.items()}

    def path(self, node):
        return os.path.join(self.folder.path, "homes", f"n{node}", "models", NAME + ".gguf")

    def clear(self, receivers):
        """Also waits until their servers have seen it: who is still said to have the model would be asked for it."""
        for child in self.pulls.values():
            end(child)
        for node in receivers:
            if os.path.exists(self.path(node)):
                run(namespaces.inside(node, [HYBRIE, "models", "rm", NAME]), 60, env=self.settings(node))
        for node in receivers:
            self.wait(f"n{node} to forget the model", lambda: not self.offers(node))
