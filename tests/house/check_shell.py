#!/usr/bin/env python3
"""shellcheck finds nothing in our shell scripts. usage: check_shell.py [ROOT]"""
import pathlib
import subprocess
import sys

import files


def scripts(root):
    for name in files.listed(root):
        try:
            first = (root / name).open(errors="replace").readline()
        except OSError:
            continue
        if first.startswith("#!") and first.rstrip().endswith(("/bash", "/sh")):
            yield name


if __name__ == "__main__":
    here = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    found = list(scripts(here))
    if not found:
        sys.exit("no shell scripts")
    sys.exit(subprocess.run(["shellcheck", "--severity=warning", *found], cwd=here).returncode)
