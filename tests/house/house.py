#!/usr/bin/env python3
"""Run the house checks on the project, and each of them on a small tree with a fault that it must find.

usage: house.py O2R      (the command, for the check of its help against the man pages)
"""
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent

GOOD = {
    ".clang-format": (ROOT / ".clang-format").read_text(),
    "src/base/a.h": "int a(void);\n",
    "src/base/a.c": '#include "base/a.h"\n\n#include <stdio.h>\n\n/* docs/a.md says why */\nint a(void)\n{\n\treturn 1;\n}\n',
    "src/fs/tree.h": "struct tree;\n",
    "src/fs/merge.h": "struct merge;\n",
    "src/ext4/b.c": '#include "fs/tree.h"\n#include "base/a.h"\n',
    "docs/a.md": "See `src/base/a.c`, `src/ROOM/NAME.c` and docs/.\n",
    "man/a.1": ".TH A 1\n.SH NAME\na \\- nothing\n",
    "a.sh": "#!/bin/sh\necho hello\n",
}
# check -> faults: (file, content), each of which it must refuse
BAD = {
    "check_format.py": [("src/base/a.c", "int a(void) { return 1; }\n"), ("docs/a.md", "blank \n"), ("docs/a.md", "no newline"),
                        ("a.py", "if True:\n\tpass\n")],
    "check_length.py": [("src/base/a.c", "int a;\n" * 601), ("src/base/a.c", "int a(void)\n{\n" + "\n" * 99 + "}\n"),
                        ("a.py", "def f():\n" + "    a = 1\n" * 100), ("a.sh", "#!/bin/sh\n" + "true\n" * 600)],
    "check_includes.py": [("src/base/a.c", '#include "fs/tree.h"\n'), ("src/ext4/b.c", '#include "fs/merge.h"\n'),
                          ("src/base/a.c", '#include "base/none.h"\n'), ("src/fs/c.c", "#include <zlib.h>\n"),
                          ("src/fs/c.c", "#include <unheard_of.h>\n"), ("src/cli/d.c", '#include "fs/tree.h"\n'),
                          ("src/cli/d.c", '#include "config.h"\n'), ("include/o2r.h", '#include "base/a.h"\n')],
    "check_docs.py": [("docs/a.md", "See `src/base/none.c`.\n"), ("src/base/a.h", "/* docs/none.md, rule 5 */\nint a(void);\n"),
                      ("src/base/a.h", "/* " + "TO" + "DO */\nint a(void);\n")],
    "check_man.py": [("man/a.1", ".TH A 1\n.SH NAME\na \\- nothing\n.nosuchmacro x\n")],
    "check_shell.py": [("a.sh", "#!/bin/sh\nif [ $# = 1 ]; then\n")],
}


def run(check, *args):
    done = subprocess.run([sys.executable, HERE / check, *args], capture_output=True, text=True, errors="backslashreplace", cwd=ROOT)
    return done.returncode, done.stdout + done.stderr


def report(ok, name, output):
    if not ok:
        print(output)
    print("%s %s" % ("PASS" if ok else "FAIL", name), flush=True)


def fault_is_found(check, place, content):
    with tempfile.TemporaryDirectory() as folder:
        for name, text in {**GOOD, **({place: content} if place else {})}.items():
            path = pathlib.Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return run(check, folder)


def main(argv):
    for check, faults in BAD.items():
        code, output = run(check, ".")
        report(code == 0, check, output)
        code, output = fault_is_found(check, None, None)
        report(code == 0, "%s on a good sample" % check, output)
        for number, (place, content) in enumerate(faults, 1):
            code, output = fault_is_found(check, place, content)
            # a check that crashed has found nothing
            report(code == 1 and "Traceback" not in output, "%s finds fault %d" % (check, number),
                   "accepted %s:\n%s\n%s" % (place, content[:200], output))
    code, output = run("check_cli.py", argv[1], ".")
    report(code == 0, "check_cli.py", output)


if __name__ == "__main__":
    main(sys.argv)
