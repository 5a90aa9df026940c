#!/usr/bin/env python3
"""Compare the reference with `umoci raw unpack` on seeded plain images. Needs root and umoci (Debian's 0.4.7 does).

usage: versus_umoci.py [FROM COUNT]          (default 0 100); prints the first differences; exit 1 if there are any

The dumps must be equal but for two mtimes: the root's, which umoci leaves at the time of unpacking, and those of directories
at or below a name that a marker of any layer takes away, when that layer has a directory there too: umoci removes the lower
names from under it and does not put the time back. The images are made by
`randimage.py --plain`, which leaves out what umoci is known to do otherwise, each for this reason:

  symlinks of lower layers as parents    umoci follows them; docs/layers.md hides them (as overlay filesystems do)
  names below a lower non-directory      umoci 0.4.7 fails
  parents without an entry               umoci gives new ones the time of unpacking
  the root entry                         umoci applies its mode and owner
  hard link headers                      umoci ignores their metadata; so they carry the target's here
  forward links, AUFS names, char 0:0    umoci fails, shows them, makes a device
  trusted.*, other dropped xattrs        umoci sets them; an empty xattr it loses (Go's Xattrs)
  POSIX ACLs                             umoci sets raw ones after the mode, and knows no text
  times that no ext4 can hold, zstd      umoci fails or leaves them to the host; 0.4.7 knows no zstd
  a name made twice as directory and     umoci keeps no rule of ours for it
  as something else in one layer
"""
import os
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.path.join(os.path.dirname(HERE), "tools")
sys.path[:0] = [HERE, TOOLS]

import randimage        # noqa: E402
import refdump          # noqa: E402
import tarread          # noqa: E402


def touched(tars):
    """The paths that markers name, as the dump writes them."""
    found = []
    for tar in tars:
        for member in tarread.members(tar):
            head, _, tail = member.name.rpartition(b"/")
            if tail.startswith(b".wh."):
                name = head if tail == b".wh..wh..opq" else (head + b"/" if head else b"") + tail[4:]
                found.append("/" + refdump.escape(name))
    return found


def at_or_below(path, marked):
    """Whether one of the marked paths is this one or above it."""
    while path:
        if path in marked:
            return True
        path = path.rpartition("/")[0]
    return False


def comparable(lines, marked):
    """The dump without the mtimes that umoci does not keep."""
    out, marked = [], set(marked)
    for line in lines:
        columns = line.split("\t")
        if columns[0] == "/" or (columns[1] == "d" and at_or_below(columns[0], marked)):
            columns[4] = "-"
        out.append("\t".join(columns))
    return out


def unpacked(layout, out):
    """What umoci makes of the layout, as a dump."""
    done = subprocess.run(["umoci", "--log=error", "raw", "unpack", "--image", layout + ":latest", out], capture_output=True, text=True)
    if done.returncode:
        return ["umoci\tfails\t" + done.stderr.strip() + "\t-\t-"]
    dump = subprocess.run([sys.executable, os.path.join(TOOLS, "treedump.py"), out], capture_output=True, text=True, check=True)
    return dump.stdout.splitlines()


def compare(seed, work):
    """The lines that differ: (umoci's only, the reference's only)."""
    layout, out = os.path.join(work, "layout"), os.path.join(work, "out")
    randimage.write(seed, layout, plain=True)
    marked = touched(randimage.image(seed, plain=True).tars())
    theirs, ours = comparable(unpacked(layout, out), marked), comparable(refdump.of_layout(layout), marked)
    for path in (layout, out):
        shutil.rmtree(path, ignore_errors=True)
    return sorted(set(theirs) - set(ours)), sorted(set(ours) - set(theirs)), len(ours)


def main(argv):
    start, count = (int(argv[1]), int(argv[2])) if len(argv) == 3 else (0, 100)
    differing, lines = 0, 0
    with tempfile.TemporaryDirectory(prefix="versus-umoci-") as work:
        for seed in range(start, start + count):
            theirs, ours, number = compare(seed, work)
            lines += number
            if theirs or ours:
                differing += 1
                print("seed %d" % seed)
                print("".join("  umoci     %s\n" % line for line in theirs[:5]) + "".join("  reference %s\n" % line for line in ours[:5]))
    print("%d images, %d lines, %d images differ" % (count, lines, differing))
    return 1 if differing or not lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
