#!/usr/bin/env python3
"""No source file over 600 lines, no function over 100. usage: check_length.py [ROOT]"""
import ast
import pathlib
import sys

import files

FILE_LINES = 600
FUNCTION_LINES = 100


def c_functions(content):
    """(last line, number of lines) of each: kernel style puts a function's braces into the first column."""
    start = None
    for number, line in enumerate(content.split("\n"), 1):
        if line == "{":
            start = number
        elif line.startswith("}") and start:
            yield number, number - start + 1
            start = None


def python_functions(content):
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.end_lineno, node.end_lineno - node.lineno + 1


def check(root):
    for name in files.listed(root, ".c", ".h", ".py", ".sh"):
        content = files.text(root, name)
        lines = content.count("\n")
        if lines > FILE_LINES:
            yield "%s: %d lines, more than %d" % (name, lines, FILE_LINES)
        functions = python_functions if name.suffix == ".py" else c_functions
        for end, length in functions(content):
            if length > FUNCTION_LINES:
                yield "%s:%d: the function that ends here has %d lines, more than %d" % (name, end, length, FUNCTION_LINES)


if __name__ == "__main__":
    found = list(check(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
    print("\n".join(found))
    sys.exit(1 if found else 0)
