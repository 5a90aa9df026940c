#!/usr/bin/env python3
"""Includes go downwards only, and each third-party header stands where it is allowed to. usage: check_includes.py [ROOT]

The tables below are docs/architecture.md's rooms: a change there is a change here.
"""
import fnmatch
import pathlib
import re
import sys

import files

# file or folder -> what may be included from the project; the first match counts
DIRECTION = [
    ("include/*", []),
    ("src/base/*", ["base/*"]),
    ("src/blob/*", ["blob/*", "base/*"]),
    ("src/fs/*", ["fs/*", "blob/*", "base/*"]),
    ("src/sources/*", ["sources/*", "blob/*", "base/*"]),
    # data.h describes pieces of file data and includes base alone
    ("src/ext4/*", ["ext4/*", "fs/tree.h", "fs/data.h", "base/*"]),
    ("src/cli/*", ["cli/*", "base/*", "o2r.h"]),
    ("src/*", ["*"]),
    ("examples/*", ["o2r.h"]),
]
NO_CONFIG = ("src/cli/*", "include/*", "examples/*")

# third-party header -> files that may include it
THIRD_PARTY = {
    # as users of the installed library write it
    "o2r.h": ["examples/*"],
    "openssl/*": ["src/base/digest.c", "src/base/sha256.c"],
    "isa-l/crc.h": ["src/blob/piece_sum.h"],
    "isa-l.h": ["src/blob/*isal*"],
    "isa-l/*": ["src/blob/*isal*"],
    "zlib.h": ["src/blob/inflate_zlib.c", "src/blob/gzip.c"],
    # decoding; and compressing the saved states of decoders
    "zstd*.h": ["src/blob/zstd_dec.c", "src/blob/checkpoints.c", "src/blob/reader.c"],
    "cjson/*": ["src/sources/json.c"],
    "archive*.h": ["src/sources/archive.c", "src/sources/archive_convert.c", "src/sources/archive_input.c", "src/sources/archive_tar_out.c"],
    "curl/*": ["src/sources/registry/http*.c", "src/sources/registry/http_impl.h"],
    "fuse*": ["src/fs/view*"],
    "uuid/*": ["src/o2r_ext4.c"],
}
SYSTEM = """assert.h ctype.h endian.h errno.h fcntl.h immintrin.h inttypes.h limits.h linux/* math.h poll.h pthread.h pwd.h sched.h signal.h
stdarg.h stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h sys/* time.h unistd.h cpuid.h stdckdint.h locale.h
getopt.h dirent.h byteswap.h link.h spawn.h malloc.h search.h syslog.h arpa/inet.h termios.h""".split()

INCLUDE = re.compile(r'^\s*#\s*include\s+([<"])([^>"]+)[>"]')


def matches(name, patterns):
    return any(fnmatch.fnmatch(str(name), p) for p in patterns)


def check_own(name, header, root):
    if header == "config.h":
        if matches(name, NO_CONFIG):
            yield "config.h does not belong here"
        return
    if not (root / "src" / header).exists() and not (root / "include" / header).exists():
        yield "%s: no such header under src/ or include/" % header
    for place, allowed in DIRECTION:
        if fnmatch.fnmatch(str(name), place):
            if not matches(header, allowed):
                yield "%s may not be included by %s" % (header, place)
            return


def check_foreign(name, header):
    for pattern, places in THIRD_PARTY.items():
        if fnmatch.fnmatch(header, pattern):
            if not matches(name, places):
                yield "<%s> may stand only in %s" % (header, ", ".join(places))
            return
    if not matches(header, SYSTEM):
        yield "<%s> is not in the list of system or third-party headers" % header


def check(root):
    for name in files.listed(root, ".c", ".h"):
        if name.parts[0] not in ("src", "include", "examples"):
            continue
        for number, line in enumerate(files.text(root, name).split("\n"), 1):
            m = INCLUDE.match(line)
            if not m:
                continue
            kind, header = m.groups()
            for fault in check_own(name, header, root) if kind == '"' else check_foreign(name, header):
                yield "%s:%d: %s" % (name, number, fault)


if __name__ == "__main__":
    found = list(check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
    print("\n".join(found))
    sys.exit(1 if found else 0)
