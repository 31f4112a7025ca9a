"""A network of eight machines on this one: Linux network namespaces on one bridge, each on a link of its own rate.

Run as a program it says whether that works here: exit code 77 if not."""
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from measure import Failure, end, run, say, start

COUNT = 8
MEGABITS = 200  # per second, each way
PORT = 9000  # of the check
PREFIX = "hybrie-mesh-"
BRIDGE = PREFIX + "bridge"
LOCK = "/run/lock/hybrie-mesh.lock"
TOOLS = {"ip": "iproute2", "tc": "iproute2", "iptables": "iptables", "curl": "curl"}
# Each sends for itself and reads what the other sends; argv: the address to listen on, or to connect to, and the bytes.
BOTH_WAYS = """
import socket, sys, threading, time
role, address, size = sys.argv[1], (sys.argv[2], int(sys.argv[3])), int(sys.argv[4])
if role == "listen":
    server = socket.create_server(address)
    print("ready", flush=True)
    peer = server.accept()[0]
else:
    peer = socket.create_connection(address, 10)
began = time.monotonic()
threading.Thread(target=peer.sendall, args=(bytes(size),)).start()
left = size
while left > 0:
    left -= len(peer.recv(1 << 20)) or sys.exit("the other side left")
print(size * 8 / 1e6 / (time.monotonic() - began))
"""


class Unsupported(Exception):
    """Why there can be no such network here."""


def name(node):
    return f"{PREFIX}n{node}"


def address(node):
    return f"10.77.0.{node + 1}"


def inside(node, command):
    """The command that runs `command` on that node; its process is the command's own."""
    return ["ip", "netns", "exec", name(node), *command]


def install(tools):
    """Fetches by apt what is missing of `tools`: command to Debian package."""
    packages = sorted({package for tool, package in tools.items() if not shutil.which(tool)})
    apt(packages)


def apt(packages):
    if not packages:
        return
    if not shutil.which("apt-get"):
        raise Unsupported(f"{', '.join(packages)} must be installed, and there is no apt-get to do it")
    say(f"installing {', '.join(packages)}")
    command = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-y", "-q", "--no-install-recommends", *packages]
    try:
        run(command, 900)
    except Failure:
        run(["apt-get", "update", "-q"], 900)
        run(command, 900)


def require():
    """Fails unless this machine can be made into such a network."""
    if sys.platform != "linux":
        raise Unsupported("network namespaces are Linux's")
    if os.geteuid() != 0:
        raise Unsupported("network namespaces need root; run this as root, or in a virtual machine")
    install(TOOLS)
    probe = PREFIX + "probe"
    try:
        run(["ip", "netns", "add", probe], 30)
        try:
            run(["ip", "-n", probe, "link", "add", "one", "type", "veth", "peer", "name", "two"], 30)
            run(["tc", "-n", probe, "qdisc", "add", "dev", "one", "root", *shape(MEGABITS)], 30)
            run(["ip", "-n", probe, "link", "add", "bridge", "type", "bridge"], 30)
        finally:
            run(["ip", "netns", "delete", probe], 30)
    except Failure as failure:
        raise Unsupported(f"this machine permits no network namespaces with veth, bridge and tbf: {failure}") from None


def shape(megabits):
    # A burst of 5 ms: a timer's tick. What waits longer than 50 ms is dropped, as switches with small buffers do.
    return ["tbf", "rate", f"{megabits}mbit", "burst", "128kb", "latency", "50ms"]


class Network:
    """Namespaces n0 to n7 with the addresses 10.77.0.1 to .8, as long as the `with` lasts."""

    def __init__(self, count=COUNT, megabits=MEGABITS):
        self.nodes, self.megabits = range(count), megabits
        self.rules = []

    def __enter__(self):
        require()
        self.lock = open(LOCK, "w")
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another run has the network; wait until it has ended") from None
        # Whoever held the lock before is gone: what it left is nobody's.
        remove_all()
        try:
            self._build()
        except BaseException:
            remove_all()
            raise
        return self

    def __exit__(self, *_):
        # Who loses patience now would leave half of it behind.
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        remove_all()
        self.lock.close()

    def _build(self):
        run(["ip", "netns", "add", BRIDGE], 30)
        run(["ip", "-n", BRIDGE, "link", "add", "bridge", "type", "bridge"], 30)
        run(["ip", "-n", BRIDGE, "link", "set", "bridge", "up"], 30)
        for node in self.nodes:
            here, there = ["ip", "-n", name(node)], ["ip", "-n", BRIDGE]
            run(["ip", "netns", "add", name(node)], 30)
            run([*there, "link", "add", f"port{node}", "type", "veth", "peer", "name", "eth0", "netns", name(node)], 30)
            run([*there, "link", "set", f"port{node}", "master", "bridge", "up"], 30)
            run([*here, "address", "add", f"{address(node)}/24", "dev", "eth0"], 30)
            run([*here, "link", "set", "lo", "up"], 30)
            run([*here, "link", "set", "eth0", "up"], 30)
        self.shape(self.megabits)

    def shape(self, megabits):
        """Gives all links this rate, each way: a token bucket at either end of the veth."""
        self.megabits = megabits
        for node in self.nodes:
            for place, device in ((name(node), "eth0"), (BRIDGE, f"port{node}")):
                run(["tc", "-n", place, "qdisc", "replace", "dev", device, "root", *shape(megabits)], 30)

    def sent(self, node):
        """Bytes that left the node; of what the kernel segments as it leaves, headers are counted once."""
        return self._counter(node, "tx")

    def received(self, node):
        return self._counter(node, "rx")

    def _counter(self, node, way):
        (link,) = json.loads(run(["ip", "-n", name(node), "-s", "-j", "link", "show", "eth0"], 30))
        return link["stats64"][way]["bytes"]

    def rates(self, seconds=1.5):
        """Megabits of payload per second that two nodes get at once, each from the other."""
        size = str(int(self.megabits * 1e6 / 8 * seconds))
        python = [sys.executable, "-c", BOTH_WAYS]
        command = lambda node, role: inside(node, [*python, role, address(0), str(PORT), size])
        listener = start(command(0, "listen"), stdout=subprocess.PIPE, text=True)
        try:
            listener.stdout.readline()
            found = [float(run(command(1, "connect"), 60)), float(listener.communicate(timeout=60)[0])]
        except (ValueError, subprocess.TimeoutExpired) as error:
            raise Failure(f"two nodes don't reach each other: {error}") from None
        finally:
            end(listener)
        if max(found) > 1.05 * self.megabits:
            raise Failure(f"links of {self.megabits} Mbit/s carried {max(found):.0f}; does this kernel's tbf work?")
        return found

    def part(self, first, second):
        """Drops everything between two groups of nodes, until `heal`."""
        others = ",".join(map(address, second))
        for node in first:
            for chain, end_of in (("INPUT", "-s"), ("OUTPUT", "-d")):
                run(inside(node, ["iptables", "-w", "-A", chain, end_of, others, "-j", "DROP"]), 30)
                self.rules.append((node, chain))

    def heal(self):
        while self.rules:
            node, chain = self.rules.pop()
            run(inside(node, ["iptables", "-w", "-F", chain]), 30)


def remove_all():
    """Removes all namespaces of this kind with every process in them."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    names = [line.split()[0] for line in listed.splitlines() if line.startswith(PREFIX)]
    for name in names:
        pids = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True).stdout.split()
        for pid in map(int, pids):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    for name in names:
        subprocess.run(["ip", "netns", "delete", name], capture_output=True)


def main():
    try:
        require()
    except (Unsupported, Failure) as reason:
        say(f"no network of namespaces here: {reason}")
        sys.exit(77)


if __name__ == "__main__":
    main()
