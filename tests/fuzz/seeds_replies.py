#!/usr/bin/env python3
"""Seeds for fuzz_replies: Retry-After, Warning, error documents, right and wrong."""
import pathlib
import sys

RETRY = ["0", "7", " 120 ", "4294967296", "-1", "7 s", "Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT",
         "Sun Nov  6 08:49:37 1994", "Sun, 31 Dec 9999 23:59:60 GMT", "Sunday, 06-Nov--4 08:49:37 GMT", "Sun, 99 Nox 1 99:99:99 GMT", "soon"]
WARN = ['299 - "a"', '299 h "say \\"hi\\""', '299 - "a" "Sun, 06 Nov 1994 08:49:37 GMT", 199 - "b", 299 - "c"', '299 - "a', '299 - ""',
        "299 - a", '299 - "a" x', '299 - "a" "x', "x", '110 - "stale"', '299 "a"', ",".join(['299 - "x"'] * 20)]
BODIES = ['{"errors":[{"code":"DENIED","message":"no","detail":"why"}]}', '{"errors":[{"code":"A"},{"message":"b"},{"code":"C"},{"code":"D"}]}',
          '{"errors":[{"code":"A","message":"\\u001b[31m\\n","detail":{}}]}', '{"errors":[7]}', '{"errors":{}}', "{}", "[]", "{", "",
          '{"errors":[{"code":7,"message":null}]}', '{"errors":[{"code":"%s","message":"%s"}]}' % ("c" * 60, "m" * 500)]
TYPES = ["", "application/json\n", "text/plain\n", "text/html\n"]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    texts = ["r" + t for t in RETRY] + ["w" + t for t in WARN] + ["e" + t + b for t in TYPES for b in BODIES]
    texts += ["etext/plain\n404 page not found\r\n\n", "etext/plain\ntwo\nlines", "etext/plain\n" + "x" * 300, "etext/plain\n \n"]
    for i, text in enumerate(texts):
        (out / ("seed-%03d" % i)).write_bytes(text.encode())


if __name__ == "__main__":
    main()
