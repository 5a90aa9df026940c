#!/usr/bin/env python3
"""Man pages are formatted without a warning. usage: check_man.py [ROOT]"""
import os
import pathlib
import subprocess
import sys

import files


def check(root):
    pages = files.listed(root, ".1")
    if not pages:
        yield "no man pages"
    for name in pages:
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", name], cwd=root,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8", "MANROFFSEQ": "", "MANWIDTH": "80"})
        for line in done.stderr.splitlines():
            yield "%s: %s" % (name, line)
        if done.returncode:
            yield "%s: man ended with %d" % (name, done.returncode)


if __name__ == "__main__":
    found = list(check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
    print("\n".join(found))
    sys.exit(1 if found else 0)
