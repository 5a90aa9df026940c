#!/usr/bin/env python3
"""C files look as .clang-format says; other text has no tabs where it should not, no trailing blanks, a newline at its end.

usage: check_format.py [ROOT]
"""
import pathlib
import subprocess
import sys

import files


def clang_format(root):
    names = files.listed(root, ".c", ".h")
    if not names:
        return ["no C files"]
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *names], cwd=root, capture_output=True, text=True)
    return done.stderr.splitlines() if done.returncode else []


def plain_text(root):
    faults = []
    for name in files.listed(root, ".c", ".h", ".py", ".sh", ".md", ".build", ".txt", ".1"):
        content = files.text(root, name)
        if content and not content.endswith("\n"):
            faults.append("%s: no newline at its end" % name)
        for number, line in enumerate(content.split("\n"), 1):
            if line != line.rstrip():
                faults.append("%s:%d: blanks at the end of the line" % (name, number))
            if name.suffix == ".py" and "\t" in line:
                faults.append("%s:%d: tab" % (name, number))
    return faults


if __name__ == "__main__":
    here = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = clang_format(here) + plain_text(here)
    print("\n".join(found))
    sys.exit(1 if found else 0)
