#!/usr/bin/env python3
"""Seeds for fuzz_stat_text: what containers-storage and fuse-overlayfs write, and what they do not."""
import pathlib
import sys

TEXTS = ["0:0:755", "1000:5:4755:file", "0:0:40755:dir", "0:0:777:symlink", "0:0:600:pipe", "0:0:600:socket", "0:0:666:char-1-3",
         "0:6:660:block-4095-1048575", "4294967295:0:0", "0:0:8", "0:0:0:char-1", "0:0:0:file:", "", "::", "0:0:0:files"]


def main():
    out = pathlib.Path(sys.argv[1])
    out.mkdir(parents=True, exist_ok=True)
    for number, text in enumerate(TEXTS):
        (out / ("text-%02d" % number)).write_text(text)


if __name__ == "__main__":
    main()
