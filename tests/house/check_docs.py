#!/usr/bin/env python3
"""Paths named in texts and comments exist; nothing is marked as unfinished. usage: check_docs.py [ROOT]"""
import pathlib
import re
import sys

import files

FOLDERS = "src|tests|docs|include|bench|man|examples|completions|\\.ci"
# a path at the beginning of a word; capitals stand for something to fill in (tests/fuzz/fuzz_NAME.c)
PATH = re.compile(r"(?<![\w./<{$-])((?:%s)/[\w.*+-]+(?:/[\w.*+-]+)*)" % FOLDERS)
# headers of the kernel are named by their path in its tree
KERNEL = "include/uapi/"
# what ninja makes is named relative to the build directory
TARGET = re.compile(r"ninja -C \S+ \S+")
PLACEHOLDER = re.compile(r"[A-Z]{3,}|\*")
NAMED_SO = ("CHANGELOG", "README", "LICENSE")
# written so that this file does not find itself
UNFINISHED = re.compile("|".join(["TO" + "DO", "FIX" + "ME", r"not (yet )?imple" + "mented"]))
SOURCES = (".c", ".h", ".py", ".sh", ".md", ".build", ".1")


def exists(root, path):
    path = path.rstrip(".")
    if path.startswith(KERNEL):
        return True
    if PLACEHOLDER.search(path) and not any(n in path for n in NAMED_SO):
        return True
    return (root / path).exists() or any((root / (path + s)).exists() for s in (".c", ".h", ".py"))


def named_paths(name, line):
    """In source code only what follows a comment sign: strings hold the paths of images."""
    if name.suffix == ".md":
        return PATH.findall(TARGET.sub("", line))
    comment = re.search(r"(/\*|^\s*\*|//|#)(.*)", line) if name.suffix in (".c", ".h") else None
    found = PATH.findall(comment[2]) if comment else []
    # #include lines are the compiler's
    return [] if line.lstrip().startswith("#") else found


def check(root):
    for name in files.listed(root):
        if name.suffix not in SOURCES and name.name not in ("meson.build", "run"):
            continue
        for number, line in enumerate(files.text(root, name).split("\n"), 1):
            for path in named_paths(name, line):
                if not exists(root, path):
                    yield "%s:%d: %s does not exist" % (name, number, path)
            if UNFINISHED.search(line):
                yield "%s:%d: marked as unfinished: %s" % (name, number, line.strip()[:80])


if __name__ == "__main__":
    found = list(check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
    print("\n".join(found))
    sys.exit(1 if found else 0)
