"""Read every file of a tree by several processes at once in random order, while others list it; every byte by digest.

    problems = readall.read_all(root, readall.files(dump), seed)

`files` takes the lines of treedump.py. A reader takes its files in random order, and each in one of several ways: straight
through, in chunks of odd sizes in random order, past the page cache (O_DIRECT), through a mapping. Large files are read by
two readers. Meanwhile `ls -lR` runs over and over: all its rounds must say the same. The same seed draws the same.
"""
import hashlib
import mmap
import multiprocessing
import os
import random
import re
import subprocess

LARGE = 1 << 20
WAYS = ("straight", "chunks", "chunks", "direct", "mapped")


def files(dump):
    """[(path, size, SHA-256)] of the regular files."""
    found = []
    for line in dump:
        parts = line.split("\t")
        if parts[1] == "f":
            size, digest = re.fullmatch(r"size:(\d+),sha256:([0-9a-f]+)", parts[5]).groups()
            path = re.sub(rb"\\x([0-9a-f]{2})", lambda m: bytes([int(m[1], 16)]), parts[0].encode())
            found.append((path, int(size), digest))
    return found


def chunks(rng, size):
    """Ranges that cover the file, in random order: from single bytes to more than one request."""
    cuts, at = [], 0
    while at < size:
        n = min(size - at, rng.choice((1, 511, 4096, 5000, 65536, 100_003, 1 << 20, rng.randrange(1, 3 << 20))))
        cuts.append((at, n))
        at += n
    rng.shuffle(cuts)
    return cuts


def content(path, size, way, rng):
    """The bytes of a file."""
    fd = os.open(path, os.O_RDONLY | (os.O_DIRECT if way == "direct" else 0))
    try:
        if way == "mapped" and size:
            with mmap.mmap(fd, size, access=mmap.ACCESS_READ) as m:
                return m[:]
        data = bytearray(size)
        ranges = [(at, min(1 << 20, size - at)) for at in range(0, size, 1 << 20)] if way == "straight" else chunks(rng, size)
        for at, n in ranges:
            done = 0
            while done < n:
                piece = os.pread(fd, n - done, at + done)
                if not piece:
                    raise EOFError("only %d bytes" % (at + done))
                data[at + done:at + done + len(piece)] = piece
                done += len(piece)
        if os.pread(fd, 10, size):
            raise EOFError("more than %d bytes" % size)
        return data
    finally:
        os.close(fd)


def read_some(job):
    """A reader: what is wrong with its files."""
    root, mine, seed = job
    rng, problems = random.Random(seed), []
    rng.shuffle(mine)
    for path, size, digest in mine:
        way = rng.choice(WAYS)
        try:
            if hashlib.sha256(content(root + path, size, way, rng)).hexdigest() != digest:
                problems.append("%r: wrong bytes (%s)" % (path, way))
        except (OSError, EOFError) as e:
            problems.append("%r: %s (%s)" % (path, e, way))
    return problems


def listing(root):
    done = subprocess.run(["ls", "-lR", root], capture_output=True, env={**os.environ, "LC_ALL": "C"})
    return done.returncode, hashlib.sha256(done.stdout).hexdigest(), done.stderr.decode(errors="replace")[:500]


def drop_caches():
    with open("/proc/sys/vm/drop_caches", "w") as f:
        f.write("3")


def read_all(root, wanted, seed, readers=8, drop=False):
    """What went wrong, as lines. drop: the kernel forgets everything again and again (root only)."""
    root = os.fsencode(root)
    jobs = [(root, [f for n, f in enumerate(wanted) if n % readers == r or (f[1] > LARGE and (n + 1) % readers == r)],
             "%s %d" % (seed, r)) for r in range(readers)]
    with multiprocessing.get_context("fork").Pool(readers) as pool:
        first = listing(root)
        problems = [] if first[0] == 0 else ["ls -lR: exit %d %s" % (first[0], first[2])]
        result, rounds = pool.map_async(read_some, jobs, chunksize=1), 0
        while not result.ready() or not rounds:
            if drop:
                drop_caches()
            if (again := listing(root)) != first:
                problems.append("ls -lR: another listing, exit %d %s" % (again[0], again[2]))
                break
            rounds += 1
        return problems + [line for some in result.get() for line in some]
