"""One layer as a tree of its own: rules 1 to 8 of docs/layers.md, without the layers below.

LayerTree.add() takes the members in order; finish() then resolves the links that wait and puts the markers in place.
Markers (whiteouts, opaque marks) are kept aside until the end, because their order must not matter.
"""
from attributes import of_member
from nodes import Dir, Inode, NAME_LIMIT, Pending, SYMLINK_LIMIT, clamp
from refused import Refused

OPAQUE = b".wh..wh..opq"
MAX_HOPS = 255


def hidden(name):
    """AUFS bookkeeping (rule 6)."""
    return name.startswith(b".wh..wh.") and name != OPAQUE


def clean(name):
    """Rule 1: the parts of a name; `..` is lexical and stops at the root."""
    if b"\0" in name:
        raise Refused(1, "NUL in a name")
    parts = []
    for part in name.split(b"/"):
        if part == b"..":
            del parts[-1:]
        elif part not in (b"", b"."):
            parts.append(part)
    if any(len(part) > NAME_LIMIT for part in parts):
        raise Refused(1, "a part of over %d bytes" % NAME_LIMIT)
    return parts


class LayerTree:
    """number: which layer this is, from 0. lower: root Dir of the merged tree below, only looked at."""

    def __init__(self, number, lower, warn):
        self.number, self.lower, self.warn = number, lower, warn
        self.root = Dir("implied", (0, 0))
        self.root_mtime = None
        self.markers = []       # (parts of the directory, name or OPAQUE, mtime)
        self.pending = []

    # ---- members in order ----------------------------------------------------------------------------------------

    def add(self, member):
        parts = clean(member.name)
        if not parts:
            return self.add_root(member)
        for part in parts[:-1]:
            self.check_parent(part)
        last = parts[-1]
        mtime = clamp(member.mtime, self.warn)
        if last == OPAQUE:
            self.markers.append((parts[:-1], OPAQUE, mtime))
        elif last.startswith(b".wh.") and not hidden(last):
            if last[4:] in (b"", b".", b".."):
                raise Refused(6, "a whiteout without a name")
            self.markers.append((parts[:-1], last[4:], mtime))
        elif member.kind == "c" and member.dev == (0, 0):
            self.markers.append((parts[:-1], last, mtime))
        else:
            self.add_entry(member, parts, mtime)

    def check_parent(self, part):
        if part.startswith(b".wh.") and not hidden(part):
            raise Refused(6, "%r as a parent" % part)

    def add_root(self, member):
        """Rule 8: only the mtime counts."""
        if member.kind != "d":
            raise Refused(8, "the root is not a directory")
        of_member(member, "d", lambda text: None)       # limits hold for it too
        self.root_mtime = clamp(member.mtime, self.warn)

    def add_entry(self, member, parts, mtime):
        node = self.node_of(member)
        parent = self.walk(parts[:-1], lambda directory, name, child: self.imply(directory, name, child, mtime))[-1][1]
        name, old = parts[-1], parent.children.get(parts[-1])
        if member.kind == "d":
            if not isinstance(old, Dir):
                old = parent.children[name] = Dir("entry", mtime)
            old.describe(member, self.warn)
            return
        if isinstance(old, Dir):
            self.warn("rule 4: %r: a directory of this layer and its children are dropped" % member.name)
        parent.children[name] = node

    def node_of(self, member):
        """The inode of an entry, None for a directory; for a hard link the inode of its target if there is one yet."""
        if member.kind == "d":
            return None
        if member.kind == "h":
            return self.link(member)
        if member.kind == "l":
            if not member.link or b"\0" in member.link:
                raise Refused(1, "%r: an empty symlink target or one with NUL" % member.name)
            if len(member.link) > SYMLINK_LIMIT:
                raise Refused("filesystem", "%r: symlink target of %d bytes" % (member.name, len(member.link)))
        return Inode(member, self.number, self.warn)

    def imply(self, directory, name, child, mtime):
        """Rule 3: a missing parent, or a non-directory in the way."""
        if child is not None:
            self.warn("rule 3: %r is replaced by a directory" % name)
        directory.children[name] = Dir("implied", mtime)
        return directory.children[name]

    # ---- names ---------------------------------------------------------------------------------------------------

    def walk(self, parts, otherwise):
        """Rule 2: follow parts from the root through the symlinks of this layer.

        Returns the way as [(name, Dir)], the root first, or None. otherwise(directory, name, child) gives the Dir to go
        into where there is none (child None) or something else is in the way; None ends the walk.
        """
        way, todo, hops = [(b"", self.root)], list(reversed(parts)), 0
        while todo:
            part = todo.pop()
            if part == b"..":
                if len(way) > 1:
                    way.pop()
                continue
            directory = way[-1][1]
            child = directory.children.get(part)
            if child is not None and child.kind == "l" and child.layer == self.number:
                hops += 1
                if hops > MAX_HOPS:
                    raise Refused(2, "more than %d symlinks" % MAX_HOPS)
                if child.target.startswith(b"/"):
                    del way[1:]
                todo.extend(p for p in reversed(child.target.split(b"/")) if p not in (b"", b"."))
                continue
            if not isinstance(child, Dir):
                self.check_parent(part)
                if len(part) > NAME_LIMIT:
                    raise Refused(1, "a part of over %d bytes" % NAME_LIMIT)
                child = otherwise(directory, part, child)
                if child is None:
                    return None
            way.append((part, child))
        return way

    def find(self, target):
        """Rule 5: what a link's target is in this layer (or None), and its parts after the symlinks of its parents."""
        parts = clean(target)
        if not parts:
            raise Refused(5, "a link to the root")
        way = self.walk(parts[:-1], lambda directory, name, child: Dir("ghost", (0, 0)))
        return way[-1][1].children.get(parts[-1]), [name for name, _ in way[1:]] + parts[-1:]

    def find_below(self, parts):
        """What those parts are in the merged tree below; its symlinks are not followed."""
        node = self.lower
        for part in parts:
            node = node.children.get(part) if isinstance(node, Dir) else None
        return node

    # ---- hard links ----------------------------------------------------------------------------------------------

    def link(self, member):
        node, _ = self.find(member.link)
        if isinstance(node, Dir):
            raise Refused(5, "%r: a link to a directory" % member.name)
        if isinstance(node, Inode):
            node.apply(member, self.warn)
            return node
        self.pending.append(Pending(member, member.link))
        return self.pending[-1]

    def resolve(self, link):
        """The inode of a waiting link; where links only lead to each other, each takes what is below."""
        chain = []
        while link.inode is None and link not in chain:
            node, link.parts = self.find(link.target)
            chain.append(link)
            if not isinstance(node, Pending):
                self.settle(link, node)
                break
            link = node
        if link.inode is None:
            for one in chain[chain.index(link):]:
                self.settle(one, None)
        for one in reversed(chain):
            if one.inode is None:
                self.settle(one, link.inode)
            link = one

    def settle(self, link, node):
        if node is None:
            node = self.find_below(link.parts)
        if isinstance(node, Dir):
            raise Refused(5, "%r: a link to a directory" % link.member.name)
        if node is None:
            raise Refused(5, "%r: no target %r" % (link.member.name, link.target))
        link.inode, link.below = node, node.layer != self.number

    # ---- the end of the layer ------------------------------------------------------------------------------------

    def finish(self):
        """Resolve what waits; nothing may be added after."""
        places = []
        stack = [self.root]
        while stack:
            directory = stack.pop()
            for name, child in directory.children.items():
                if isinstance(child, Dir):
                    stack.append(child)
                elif isinstance(child, Pending):
                    places.append((directory, name, child))
        alive = {id(child) for _, _, child in places}
        for link in self.pending:
            if id(link) in alive:
                self.resolve(link)
        for link in self.pending:
            if id(link) in alive and link.below:
                self.warn("rule 5: %r: metadata of a link to a lower layer is ignored" % link.member.name)
            elif id(link) in alive:
                link.inode.apply(link.member, self.warn)
        for directory, name, link in places:
            directory.children[name] = link.inode
        for parts, name, mtime in self.markers:
            self.mark(parts, name, mtime)

    def mark(self, parts, name, mtime):
        """Rules 6 and 7: note a marker at its directory; what is not a directory in this layer hides all below anyway."""
        def ghost(directory, part, child):
            if child is None:
                child = directory.children[part] = Dir("ghost", mtime)
                return child
            return None
        way = self.walk(parts, ghost)
        if way is None:
            return
        if name == OPAQUE:
            way[-1][1].opaque = True
        else:
            way[-1][1].whiteouts.add(name)
