"""Child processes with deadlines, and what is asked of them: speeds, the machine's limits, who this machine is."""
import atexit
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FOLDER = os.path.join(ROOT, ".build-peers")
HYBRIE = os.path.join(ROOT, ".build/release/hybrie")
THREADS = "2"
_children = set()
_bench = {}  # what `hybrie bench --machine` said last


class Failure(Exception):
    """What was wrong, and what to do about it; and what a command printed before it failed."""

    def __init__(self, message, output=""):
        super().__init__(message)
        self.output = output


class Skip(Exception):
    """Why a row can't be measured here."""


def start(command, **options):
    """A child in a group of its own, so that what it starts ends with it."""
    child = subprocess.Popen(command, start_new_session=True, **options)
    _children.add(child)
    return child


def end(child, patience=10):
    """Asks the child to end, and makes it if it doesn't."""
    for number, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 10)):
        if child.poll() is None:
            try:
                os.killpg(child.pid, number)
                child.wait(wait)
            except (ProcessLookupError, subprocess.TimeoutExpired):
                pass
    _children.discard(child)


@atexit.register
def end_all():
    for child in list(_children):
        end(child, patience=2)


def end_all_on_signals():
    def leave(number, _):
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, leave)


def run(command, deadline=3600, echo=False, **options):
    """Standard output of a command that must succeed; with `echo` it is shown as it comes."""
    child = start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE if not echo else None, text=True, **options)
    try:
        if echo:
            lines = []
            timer = threading.Timer(deadline, end, [child])
            timer.start()
            for line in child.stdout:
                say(line.rstrip())
                lines.append(line)
            child.wait()
            if timer.finished.is_set():
                raise subprocess.TimeoutExpired(command, deadline)
            timer.cancel()
            output, errors = "".join(lines), ""
        else:
            output, errors = child.communicate(timeout=deadline)
    except subprocess.TimeoutExpired:
        raise Failure(f"{' '.join(command)} took longer than {deadline} s; look at what else the machine does") from None
    finally:
        end(child)
    if child.returncode != 0:
        reason = errors.strip()[-600:] or output.strip()[-600:]
        raise Failure(f"{' '.join(command)} ended with {child.returncode}: {reason}", output)
    return output


def speeds(binary, model, tests, flags=(), deadline=7200):
    """Tokens per second of each test, by name, as `hybrie bench` and llama-bench print them alike."""
    prompts, answers, depths = tests
    command = [binary, "bench"] if binary == HYBRIE else [binary]
    command += ["-m", model, "-p", str(prompts), "-n", str(answers), "-d", ",".join(map(str, depths))]
    output = run(command + ["-t", THREADS, "-r", "1", "-o", "json", *flags], deadline)
    rates = {}
    for test in json.loads(output):
        name = f"pp{test['n_prompt']}" if test["n_prompt"] else f"tg{test['n_gen']}"
        rates[name + (f" behind {test['n_depth']}" if test["n_depth"] else "")] = test["avg_ts"]
    if not rates or not all(rate > 0 for rate in rates.values()):
        raise Failure(f"{' '.join(command)} printed no speed: {output[:300]}")
    return rates


def limits(once=False):
    """(bytes read per second, int8 operations per second) at this moment; with `once`, at the first call's."""
    if not (once and _bench):
        _bench.update(json.loads(run([HYBRIE, "bench", "--machine", "-t", THREADS, "-o", "json"], 300)))
    return _bench["read_bytes_per_second"], _bench["int8_operations_per_second"]


def machine():
    """One line that names this machine, with the instruction set of its kernels."""
    cpu, memory = platform.processor() or platform.machine(), ""
    try:
        with open("/proc/cpuinfo") as file:
            cpu = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), cpu)
        memory = f", {meminfo('MemTotal') / 1e9:.0f} GB"
    except OSError:
        pass
    limits(once=True)
    system = f"{platform.system()} {'.'.join(platform.release().split('.')[:2])}"
    return f"{cpu} ({_bench['cpu_info']}), {os.cpu_count()} cores{memory}, {system}"


def meminfo(key):
    """Bytes under `key` of /proc/meminfo."""
    with open("/proc/meminfo") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith(key + ":"))


def revision():
    """HybrIE's commit, and whether sources differ from it."""
    git = ["git", "--no-optional-locks", "-C", ROOT]
    try:
        commit = run(git + ["rev-parse", "--short", "HEAD"], 30).strip()
        changed = run(git + ["status", "--porcelain", "-uno", "--", "Sources", "Package.swift"], 30).strip()
    except (Failure, OSError):
        return "unknown"
    return commit + (" with changes" if changed else "")


def median(values):
    return statistics.median(values)


def say(text):
    """Progress goes to standard error: standard output is the table."""
    print(text, file=sys.stderr, flush=True)
