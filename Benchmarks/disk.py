"""Files that are dropped from the page cache, and read as fast as the disk gives them."""
import ctypes
import mmap
import os
import threading
import time

from measure import Failure

PIECE, READERS = 8 << 20, 4


def drop(path, gently=False):
    """Drops the file's pages from memory: all caches where that is permitted, else (or `gently`) this file alone."""
    os.sync()
    try:
        if gently:
            raise PermissionError
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("1")
    except OSError:
        handle = os.open(path, os.O_RDONLY)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
    if not gently and cached(path) > 0.02:
        raise Failure(f"{cached(path):.0%} of {path} stay in memory; end what has it open, or run as root")


def cached(path):
    """The share of the file's pages that are in memory."""
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_WRITE) as view:
        pages = (len(view) + mmap.PAGESIZE - 1) // mmap.PAGESIZE
        found = (ctypes.c_ubyte * pages)()
        first = ctypes.c_char.from_buffer(view)
        place = ctypes.addressof(first)
        del first  # or the view couldn't be closed
        if ctypes.CDLL(None, use_errno=True).mincore(ctypes.c_void_p(place), ctypes.c_size_t(len(view)), found):
            raise Failure(f"mincore: {os.strerror(ctypes.get_errno())}")
        return sum(byte & 1 for byte in found) / pages


def read(path):
    """Seconds that reading the whole file takes, in large pieces by several threads."""
    size, pieces, lock = os.path.getsize(path), iter(range(0, os.path.getsize(path), PIECE)), threading.Lock()
    handle, total = os.open(path, os.O_RDONLY), [0]

    def reader():
        buffer = mmap.mmap(-1, PIECE)
        while True:
            with lock:
                place = next(pieces, None)
            if place is None:
                return
            count = os.preadv(handle, [buffer], place)
            with lock:
                total[0] += count

    threads = [threading.Thread(target=reader) for _ in range(READERS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - began
    os.close(handle)
    if total[0] != size:
        raise Failure(f"read {total[0]} bytes of {path}, not {size}; is it being written?")
    return seconds
