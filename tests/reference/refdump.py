#!/usr/bin/env python3
"""Print the merged tree of an image as treedump.py would print the mounted result.

usage: refdump.py [--platform OS/ARCH] LAYOUT_DIR[:REF]
       refdump.py --tars [--created RFC3339] LAYER...          layers as files, lowest first; plain, gzip or zstd
       refdump.py --many LAYOUTS_DIR OUT_DIR                   each layout in it: OUT_DIR/NAME.dump, or NAME.refused

Warnings go to stderr. Exit 0; 6 with one line on stderr when the image must be refused.
"""
import argparse
import hashlib
import os
import sys

import layout
from attributes import shown
from merge import merge
from nodes import Dir
from refused import Refused


def escape(raw):
    return "".join(chr(b) if 0x20 < b < 0x7F and b != 0x5C else "\\x%02x" % b for b in raw) or "\\e"


def digest(inode):
    """sha256 of a file's bytes, holes as zeros."""
    total, at = hashlib.sha256(), 0
    for offset, data in inode.spans:
        total.update(b"\0" * (offset - at))
        total.update(data)
        at = offset + len(data)
    total.update(b"\0" * (inode.size - at))
    return total.hexdigest()


def content(node):
    if node.kind == "f":
        return "size:%d,sha256:%s" % (node.size, digest(node))
    if node.kind == "l":
        return "->" + escape(node.target)
    return "%d:%d" % node.dev if node.kind in "cb" else "-"


def paths(root):
    """(path, node, layer) of the whole tree; an empty /lost+found is left out, as treedump does."""
    stack = [(b"", root, root.layer)]
    while stack:
        path, node, layer = stack.pop()
        if path == b"/lost+found" and isinstance(node, Dir) and not node.children:
            continue
        yield path or b"/", node, layer
        if isinstance(node, Dir):
            stack.extend((path + b"/" + name, child, node.layers[name]) for name, child in node.children.items())


def dump(root, layers=False):
    """The lines of the canonical dump; with layers, one more column: which layer the path comes from, from 1."""
    found = sorted(paths(root), key=lambda pair: pair[0])
    names = {}
    for path, node, _ in found:
        names.setdefault(id(node), []).append(path)
    lines = []
    for path, node, layer in found:
        xattrs = ",".join("%s=%s" % (escape(k), v.hex()) for k, v in sorted(shown(node.xattrs, node.mode).items()))
        group = names[id(node)]
        lines.append("\t".join([
            escape(path), node.kind, "-" if node.kind == "l" else "%04o" % node.mode, "%d:%d" % (node.uid, node.gid),
            "%d.%09d" % node.mtime, content(node), xattrs or "-",
            "%s*%d" % (escape(group[0]), len(group)) if len(group) > 1 else "-", *(["%d" % (layer + 1)] if layers else [])]))
    return lines


def of_layout(path, ref=None, platform="linux/amd64", warn=lambda text: None, layers_too=False):
    """The dump of an image of a layout."""
    layers, created = layout.load(path, ref, platform)
    return dump(merge(layers, created, warn), layers_too)


def many(source, out):
    """Dump every layout of a directory; returns (dumped, refused)."""
    os.makedirs(out, exist_ok=True)
    counts = [0, 0]
    for name in sorted(os.listdir(source)):
        try:
            text, kind = "\n".join(of_layout(os.path.join(source, name))) + "\n", "dump"
        except Refused as e:
            text, kind = "%s\n" % e, "refused"
        counts[kind == "refused"] += 1
        with open(os.path.join(out, "%s.%s" % (name, kind)), "w") as f:
            f.write(text)
    return counts


def main(argv):
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tars", action="store_true")
    parser.add_argument("--many", action="store_true")
    parser.add_argument("--created")
    parser.add_argument("--platform", default="linux/amd64")
    parser.add_argument("args", nargs="+")
    opts = parser.parse_args(argv[1:])
    if opts.many:
        print("%d dumped, %d refused" % tuple(many(*opts.args)))
        return 0

    def warn(text):
        sys.stderr.write("warning: %s\n" % text)
    try:
        if opts.tars:
            layers = []
            for path in opts.args:
                with open(path, "rb") as f:
                    layers.append(layout.decode(f.read()))
            lines = dump(merge(layers, layout.parse_created(opts.created), warn))
        else:
            path, ref = opts.args[0], None
            if not os.path.isdir(path):
                path, _, ref = path.rpartition(":")
            lines = of_layout(path, ref, opts.platform, warn)
    except Refused as e:
        sys.stderr.write("refused: %s\n" % e)
        return 6
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
