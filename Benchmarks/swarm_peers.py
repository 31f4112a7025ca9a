"""Other ways to spread a file: rsync from one, and libtorrent's swarm."""
import os
import shutil
import subprocess
import threading

import namespaces
from measure import ROOT, Failure, end, run, start
from transfers import Way, ended, tail

# Debian's package for libtorrent belongs to Debian's own Python.
PYTHON = "/usr/bin/python3"
NODE = os.path.join(ROOT, "Benchmarks/torrent_node.py")


def install():
    namespaces.install({"rsync": "rsync"})
    try:
        run([PYTHON, "-c", "import libtorrent"], 60)
    except (Failure, OSError):
        namespaces.apt(["python3-libtorrent"])


def versions():
    rsync = run(["rsync", "--version"], 30).split("\n")[0].split()[2]
    torrent = run([PYTHON, "-c", "import libtorrent; print(libtorrent.__version__)"], 60).strip()
    return f"rsync {rsync}, libtorrent {torrent}"


class Files(Way):
    """What both have in common: a folder for each receiver, and children."""

    def __init__(self, folder, model):
        self.folder, self.model, self.children = folder, model, []
        self.logs = folder.make("logs")

    def place(self, node):
        return self.folder.make(self.title.replace(" ", "-"), f"n{node}")

    def path(self, node):
        return os.path.join(self.place(node), os.path.basename(self.model.path))

    def log(self, node):
        return os.path.join(self.logs, f"{self.title.replace(' ', '-')}-n{node}.log")

    def start(self, node, command, **options):
        with open(self.log(node), "w") as log:
            options.setdefault("stdout", log)
            child = start(namespaces.inside(node, command), stderr=log, **options)
        self.children.append(child)
        return child

    def clear(self, receivers):
        for child in self.children:
            end(child, patience=0.2)
        self.children.clear()
        for node in receivers:
            shutil.rmtree(self.place(node))


class Rsync(Files):
    """Each receiver fetches from node 0's daemon."""
    title = "rsync from one"

    def prepare(self, receivers):
        settings = os.path.join(self.folder.path, "rsyncd.conf")
        with open(settings, "w") as file:
            file.write("use chroot = no\nuid = root\ngid = root\nmax connections = 0\n"
                       f"[model]\npath = {os.path.dirname(self.model.path)}\nread only = yes\n")
        self.start(0, ["rsync", "--daemon", "--no-detach", f"--config={settings}", f"--address={namespaces.address(0)}"])
        source = f"rsync://{namespaces.address(0)}/model/"
        run(["sh", "-c", 'for i in $(seq 100); do "$@" >/dev/null 2>&1 && exit; sleep 0.1; done; exit 1', "sh",
             *namespaces.inside(0, ["rsync", source])], 60)

    def begin(self, receivers):
        source = f"rsync://{namespaces.address(0)}/model/{os.path.basename(self.model.path)}"
        children = {
            node: self.start(node, ["rsync", "--whole-file", "--no-compress", source, self.place(node) + "/"])
            for node in receivers}
        return {node: ended(child, self.log(node)) for node, child in children.items()}


class Torrent(Files):
    """Node 0 seeds; all are told each other's addresses."""

    def __init__(self, folder, model, seed="seed"):
        self.title = "libtorrent"
        if seed == "super-seed":
            # A super-seed shows one receiver a few pieces at a time, and waits in vain for them to appear elsewhere.
            self.title, self.alone = "libtorrent, super-seeding", "libtorrent"
        super().__init__(folder, model)
        self.seed, self.torrent = seed, os.path.join(folder.path, "model.torrent")
        if not os.path.exists(self.torrent):
            run([PYTHON, NODE, "make", model.path, self.torrent], 300)

    def prepare(self, receivers):
        """Everybody's session runs and the seed has checked its file: only the transfer is measured."""
        everybody = [0, *receivers]
        self.said = {node: (threading.Event(), threading.Event()) for node in everybody}
        self.nodes = {}
        for node in everybody:
            peers = [namespaces.address(other) for other in everybody if other != node]
            role, place = ("fetch", self.place(node)) if node else (self.seed, os.path.dirname(self.model.path))
            child = self.start(
                node, [PYTHON, NODE, role, self.torrent, place, namespaces.address(node), *peers], stdin=subprocess.PIPE,
                stdout=subprocess.PIPE, text=True)
            self.nodes[node] = child
            threading.Thread(target=self.listen, args=(child, *self.said[node]), daemon=True).start()
        for node in everybody:
            if not self.said[node][0].wait(120):
                raise Failure(f"libtorrent on n{node} doesn't begin: {tail(self.log(node))}")

    @staticmethod
    def listen(child, ready, done):
        for line in child.stdout:
            (ready if line.startswith("ready") else done).set()

    def begin(self, receivers):
        for child in self.nodes.values():
            print(file=child.stdin, flush=True)
        return {node: self.has_file(node) for node in receivers}

    def has_file(self, node):
        def is_done():
            if self.nodes[node].poll() is not None:
                raise Failure(f"libtorrent on n{node} ended: {tail(self.log(node))}")
            return self.said[node][1].is_set()
        return is_done
