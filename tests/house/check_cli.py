#!/usr/bin/env python3
"""Every option that the command's help lists is in its man page and in the completions. usage: check_cli.py O2R [ROOT]"""
import pathlib
import re
import subprocess
import sys

OPTION = re.compile(r"^\s+(?:-(\w), )?\s*--([a-z-]+)", re.M)
COMMAND = re.compile(r"^  ([a-z]+) ", re.M)


def helped(o2r, *args):
    return subprocess.run([o2r, *args], capture_output=True, text=True, check=True).stdout


def check(o2r, root):
    commands = [c for c in COMMAND.findall(helped(o2r, "--help")) if c != "help"]
    completions = {shell: (root / "completions" / name).read_text()
                   for shell, name in (("bash", "o2r.bash"), ("zsh", "_o2r"), ("fish", "o2r.fish"))}
    program_page = (root / "man/o2r.1").read_text()
    if not commands:
        yield "the help lists no commands"
    for command in commands:
        page = (root / ("man/o2r-%s.1" % command)).read_text().replace("\\-", "-")
        options = OPTION.findall(helped(o2r, "help", command))
        if len(options) < 4:
            yield "help %s lists %d options" % (command, len(options))
        if command not in program_page:
            yield "man/o2r.1 does not name %s" % command
        for letter, name in options:
            if "--" + name not in page:
                yield "man/o2r-%s.1 has no --%s" % (command, name)
            if letter and not re.search(r"-%s\b" % letter, page):
                yield "man/o2r-%s.1 has no -%s" % (command, letter)
            for shell, text in completions.items():
                if not re.search(r"\b%s\b" % name, text):
                    yield "the completion for %s has no --%s" % (shell, name)


if __name__ == "__main__":
    found = list(check(sys.argv[1], pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else ".")))
    print("\n".join(found))
    sys.exit(1 if found else 0)
