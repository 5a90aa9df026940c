"""What the tests of `o2r ls`, `cat`, `cp`, `inspect` and `diff` share: the command's JSON as lines of treedump, two dumps compared
by Python, and which blobs a command opens."""
import base64
import json
import os
import re

import judge
from treedump import escape

LETTER = {"file": "f", "directory": "d", "symlink": "l", "char": "c", "block": "b", "fifo": "p", "socket": "s"}
AMD64 = ("--platform", "linux/amd64")
LINKS, LAYER = 7, 8     # columns


def exact(value, name):
    """The bytes of a member."""
    return base64.b64decode(value[name + "_base64"]) if name + "_base64" in value else value[name].encode()


def line(entry):
    """What treedump --no-hash prints of an entry of `ls --format json`, but for the links; and the layer."""
    kind = LETTER[entry["type"]]
    content = {"f": "size:%d" % entry["size"], "c": "%d:%d" % (entry.get("major", 0), entry.get("minor", 0))}.get(kind, "-")
    if kind == "b":
        content = "%d:%d" % (entry["major"], entry["minor"])
    if kind == "l":
        content = "->" + escape(exact(entry, "target"))
    xattrs = ",".join("%s=%s" % (escape(exact(x, "name")), exact(x, "value").hex()) for x in entry["xattrs"])
    return [escape(exact(entry, "path")), kind, "-" if kind == "l" else entry["mode"], "%d:%d" % (entry["uid"], entry["gid"]),
            "%d.%09d" % (entry["mtime"], entry["mtime_nsec"]), content, xattrs or "-", "-", "%d" % entry["layer"]]


def listed(*args, env=None):
    """The entries of `ls --format json`."""
    done = judge.o2r("ls", "--format", "json", *AMD64, *args, env=env)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["entries"]


def dump_of(reference, layers=False):
    """The whole tree as treedump --no-hash prints it, by `ls`; with layers, one more column."""
    entries = listed("-d", reference) + listed("-R", reference)
    names = {}
    for entry in entries:
        names.setdefault(entry["ino"], []).append(exact(entry, "path"))
    empty = {os.path.dirname(exact(entry, "path")) for entry in entries}
    lines = []
    for entry in sorted(entries, key=lambda entry: exact(entry, "path")):
        path, group = exact(entry, "path"), sorted(names[entry["ino"]])
        if path == b"/lost+found" and path not in empty and entry["type"] == "directory":
            continue
        columns = line(entry)
        if len(group) > 1:
            columns[LINKS] = "%s*%d" % (escape(group[0]), len(group))
        lines.append("\t".join(columns[:LAYER + layers]))
    return lines


def without_hash(lines):
    return [re.sub(r",sha256:[0-9a-f]{64}", "", one) for one in lines]


# ---- differences

def rows(lines):
    """path -> (columns, the set of paths that are the same inode)."""
    groups, found = {}, {}
    for one in lines:
        columns = one.split("\t")
        if columns[LINKS] != "-":
            groups.setdefault(columns[LINKS], set()).add(columns[0])
        found[columns[0]] = columns
    return {path: (columns, groups.get(columns[LINKS], {path})) for path, columns in found.items()}


def changed(a, b):
    """What differs of a path that both have: the names that `diff` gives it."""
    (one, links_a), (two, links_b) = a, b
    if one[1] != two[1]:
        return ["type"]
    what = {"f": "data", "l": "target", "c": "device", "b": "device"}.get(one[1], "content")
    names = ((2, "mode"), (3, "owner"), (4, "mtime"), (6, "xattrs"), (5, what))
    found = [name for column, name in names if one[column] != two[column]]
    return found + ["links"] * (one[1] != "d" and links_a != links_b)


def compare(before, after):
    """(change, path, differences) of two dumps, sorted by path."""
    a, b, found = rows(before), rows(after), []
    for path in sorted(set(a) | set(b)):
        if path not in a or path not in b:
            found.append(("added" if path in b else "removed", path, []))
        elif differences := changed(a[path], b[path]):
            found.append(("changed", path, differences))
    return found


def as_told(told):
    """The same of the JSON of `diff`."""
    return sorted(((c["change"], escape(exact(c, "path")), c["differences"]) for c in told["changes"]), key=lambda c: c[1])


# ---- what is opened

def blobs_opened(args, env):
    """(what the command did, the digests of the blobs that it opened)."""
    done, calls = judge.traced("open,openat,openat2", *args, env=env)
    # what is opened to be read (O_PATH looks only); two threads at once cut each other's lines in two
    opened = [one for one in calls.splitlines() if re.search(r"= \d|<unfinished", one) and "O_PATH" not in one]
    return done, set(re.findall(r'sha256/([0-9a-f]{64})"', "".join(one for one in opened if "index/sha256" not in one)))
