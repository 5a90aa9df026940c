"""Random images that engines unpack, and to what docs/layers.md says: the plain ones of randimage.py, each in a folder of its own.

Left out or changed is what merges.py has as cases of their own: names twice in a layer, what is deleted and there again in one layer,
times before 1970, links to what has capabilities or another time, holes. Each folder on the way to an entry gets an entry too, as the
tools write that make layers: what is implied has the time of unpacking in a store, and not the owner and mode of the rules.
"""
import randimage
import tarread
import tarwrite
from merge import merge
from mkimage import Image
from nodes import Dir

FLAGS = {"f": b"0", "h": b"1", "l": b"2", "c": b"3", "b": b"4", "d": b"5", "p": b"6"}
OPAQUE = b".wh..wh..opq"


def parents(path):
    parts = path.split(b"/")
    return [b"/".join(parts[:n]) for n in range(1, len(parts))]


def whited_out(path):
    """The path that a marker deletes, or None."""
    head, _, tail = path.rpartition(b"/")
    return (head + b"/" if head else b"") + tail[4:] if tail.startswith(b".wh.") and tail != OPAQUE else None


def chosen(tar):
    """{path: member} of what stays of a layer, in its order."""
    found, capable = {}, set()
    for member in tarread.members(tar):
        path = member.name.strip(b"/")
        target = found.get(member.link)
        if path in found or (member.kind == "h" and (target is None or target.mtime != member.mtime or member.link in capable)):
            continue
        if b"security.capability" in member.xattrs:
            capable.add(path)
        found[path] = member
    made = set(found) | {parent for path in found for parent in parents(path)}
    return {path: member for path, member in found.items() if whited_out(path) not in made}


def entry(path, member, folder, ordinary):
    """The bytes of a member in that folder. ordinary: such as an ordinary user's store holds."""
    kind, ids, xattrs = member.kind, [member.uid, member.gid], member.xattrs
    if ordinary:
        kind, ids = "p" if kind in "cb" else kind, [number % 65536 for number in ids]
        xattrs = {name: value for name, value in xattrs.items() if not name.startswith(b"security.")}
    data = bytearray(member.size if kind == "f" else 0)
    for at, raw in member.spans:
        data[at:at + len(raw)] = raw
    link = folder + b"/" + member.link if kind == "h" else member.link
    return tarwrite.Entry(folder + b"/" + path + (b"/" if kind == "d" else b""), FLAGS[kind], link=link, mode=member.mode, uid=ids[0], gid=ids[1],
                          mtime=(abs(member.mtime[0]), member.mtime[1]), dev=member.dev if kind in "cb" else (0, 0), xattrs=xattrs, data=data).blocks()


def look_up(node, path):
    for part in path.split(b"/"):
        node = node.children.get(part) if isinstance(node, Dir) else None
    return node


def folders(below, members, folder):
    """Entries for the folders that have none: with what they are in the layers below, else as new ones."""
    missing = {parent: member for path, member in reversed(members.items()) for parent in parents(folder + b"/" + path)}
    out = b""
    for path, member in sorted(missing.items()):
        inside = path[len(folder) + 1:]
        if inside not in members or members[inside].kind != "d":
            node = look_up(below, path)
            kw = {"mode": 0o755, "mtime": abs(member.mtime[0])}
            if isinstance(node, Dir):
                kw = {"mode": node.mode, "uid": node.uid, "gid": node.gid, "mtime": node.mtime, "xattrs": node.xattrs}
            out += tarwrite.Entry(path + b"/", b"5", **kw).blocks()
    return out


def layers(seed, ordinary=False):
    """The layers of a seed, in the folder of its name, without the blocks at the end of a tar."""
    folder, found = b"seed %d" % seed, []
    for tar in randimage.image(seed, plain=True).tars():
        members = chosen(tar)
        found.append(folders(merge(found), members, folder) + b"".join(entry(path, member, folder, ordinary) for path, member in members.items()))
    return found


def image(seeds, ordinary=False, **options):
    """One Image of these seeds."""
    several = [layers(seed, ordinary) for seed in seeds]
    depth = max(map(len, several))
    return Image([b"".join(one[n] for one in several if n < len(one)) + bytes(1024) for n in range(depth)], **options)
