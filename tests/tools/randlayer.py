"""Random layers: members drawn so that every merge rule is met often, within a layer and between layers.

A Story remembers roughly what the layers before hold, and what this layer holds so far, so that links, whiteouts and
parents mostly hit something, and few images are refused by chance. What it believes may be wrong; nothing depends on it.
"""
import randpick
import tarwrite
from layerbuild import Layer

FORMATS = ("pax",) * 7 + ("gnu",) * 2 + ("ustar",) * 2 + ("star",)


class Story:
    """What was made so far: clean path -> kind (one of f d l c b p), for the layers below and for this one."""

    def __init__(self, rng, plain=False):
        self.rng, self.plain = rng, plain
        self.lower, self.here, self.layer, self.late = {}, {}, None, []
        self.targets, self.gone = {}, []     # of symlinks of this layer; lower names that its markers take away
        self.known = {}                      # plain images: metadata by path, for links that must not change it
        # plain images: lower directories relied on, names that markers take away, directories that hold markers
        self.leaned, self.wiped, self.marked = [], [], []

    # ---- helpers -------------------------------------------------------------------------------------------------

    def add(self, name, typeflag, **kw):
        """Put one member into the layer, in a format that can hold it."""
        if self.place(name.rstrip(b"/")) is None:
            return
        if not self.plain:
            name = randpick.spelling(self.rng, name)
        if typeflag == b"5" and not name.endswith(b"/") and self.rng.random() < 0.9:
            name += b"/"
        fmt = kw.pop("fmt", None) or self.rng.choice(FORMATS)
        if self.rng.random() < 0.05:
            kw["pax_names"], fmt = True, "pax"
            if kw.get("sparse_format") == "gnu":      # its map has no place in a header of another format
                kw["sparse_format"] = "1.0"
        try:
            raw = tarwrite.Entry(name, typeflag, fmt=fmt, **kw).blocks()
        except ValueError:
            raw = tarwrite.Entry(name, typeflag, fmt="pax", **kw).blocks()
        self.layer.raw(raw)
        self.known[name] = {k: kw[k] for k in ("mode", "uid", "gid", "mtime") if k in kw}

    def place(self, clean):
        """Where an entry of this path lands when the symlinks of this layer are followed; None if they lead in a circle."""
        todo, done, hops = clean.split(b"/")[::-1], [], 0
        while len(todo) > 1:
            part = todo.pop()
            if part == b"..":
                done = done[:-1]
                continue
            target = self.targets.get(b"/".join(done + [part]))
            if target is None:
                done.append(part)
                continue
            hops += 1
            if hops > 60 or len(target) > 255:
                return None
            done = [] if target.startswith(b"/") else done
            todo.extend(p for p in target.split(b"/")[::-1] if p not in (b"", b"."))
        return b"/".join(done + todo)

    def note(self, clean, kind, target=None):
        """Remember an entry, the directories that it implies, and what it replaces."""
        clean = self.place(clean)
        if clean is None:
            return
        for parent in parents(clean):
            self.here[parent] = "d"
            self.targets.pop(parent, None)
        if kind != "d":
            forget(self.here, clean)
            forget(self.targets, clean)
        self.here[clean] = kind
        self.targets.pop(clean, None)
        if target is not None:
            self.targets[clean] = target

    def holds(self, target):
        """Whether a hard link to that name can be made now: kind of the target, or None."""
        landed = self.place(target)
        if landed is None:
            return None
        found = self.here.get(landed) or self.lower.get(landed)
        return None if found == "d" else found

    def meta(self, kind):
        kw = randpick.meta(self.rng, plain=self.plain)
        if self.rng.random() < 0.25:
            kw["xattrs"] = randpick.xattrs(self.rng, kind, self.plain)
            if self.rng.random() < 0.15 and not self.plain:
                kw["xattr_style"] = self.rng.choice(("libarchive", "both"))
        if self.rng.random() < 0.08 and kind in "fd" and not self.plain:
            found = randpick.acls(self.rng, kind)
            kw["xattrs"] = {**kw.get("xattrs", {}), **found.pop("xattrs")}
            kw.update(found)
        return kw

    def clean(self):
        """A path: new, of this layer, of the layers below, or a new name in a directory of those."""
        rng, draw = self.rng, self.rng.random()
        found = None
        if draw < 0.25:
            found = self.one(self.here)
        elif draw < 0.45:
            found = self.one(self.lower)
        elif draw < 0.75:
            inside = self.one({**self.lower, **self.here}, "d")
            found = inside and inside + b"/" + randpick.name(rng)
        found = found or randpick.path(rng)
        return self.safe(found) if self.plain else found

    def one(self, where, kinds="fdlcbp"):
        """Any path of these kinds, or None."""
        found = [p for p, k in where.items() if k in kinds]
        return self.rng.choice(found) if found else None

    def safe(self, clean):
        """Plain images: make every parent a directory of this layer first, or fall back to a path that works."""
        parts = clean.split(b"/")
        for i in range(1, len(parts)):
            parent = b"/".join(parts[:i])
            known = self.here.get(parent) or self.lower.get(parent)
            if known == "d" and parent in self.here:
                continue
            if known == "d" and self.rng.random() < 0.5 and not any(under(parent, w) for w in self.wiped):
                self.leaned.append(parent)
                continue
            if known not in (None, "d"):
                return parts[0] if self.here.get(parts[0]) != "d" else parts[0] + b"/q"
            self.add(parent, b"5", **self.meta("d"))
            self.note(parent, "d")
        return clean

    def free(self, clean, kind):
        """Plain images: may this path become that kind without touching a directory of this layer?"""
        if self.plain and kind != "d" and clean in self.marked:
            return False
        return not self.plain or self.here.get(clean) in (None, kind) or (self.here[clean] != "d" and kind != "d")

    # ---- members -------------------------------------------------------------------------------------------------

    def file(self, clean=None):
        clean = clean or self.clean()
        if self.free(clean, "f"):
            kw = self.meta("f")
            flag = b"0"
            if not self.plain and self.rng.random() < 0.08:
                flag = self.rng.choice((b"\0", b"7"))
            self.add(clean, flag, data=randpick.data(self.rng), **kw)
            self.note(clean, "f")

    def dir(self, clean=None):
        clean = clean or self.clean()
        if self.free(clean, "d"):
            if not self.plain and self.rng.random() < 0.05:
                self.add(clean + b"/", self.rng.choice((b"0", b"\0")), **self.meta("d"))     # the way of old tars
            else:
                self.add(clean, b"5", **self.meta("d"))
            self.note(clean, "d")

    def special(self):
        clean, kind = self.clean(), self.rng.choice("cbbp")
        if not self.free(clean, kind):
            return
        dev = (0, 0) if kind == "p" else self.rng.choice(((1, 3), (8, 0), (8, 1_048_575), (4095, 5), (259, 256), (4095, 1_048_575)))
        self.add(clean, {"c": b"3", "b": b"4", "p": b"6"}[kind], dev=dev, **self.meta(kind))
        self.note(clean, kind)

    def target(self):
        """Some target for a symlink."""
        rng = self.rng
        found = rng.choice((self.one(self.here, "d"), self.one(self.lower, "d"), self.one(self.lower), randpick.path(rng),
                            b"../" + randpick.path(rng), b"..", b".", b"missing/x", b"t" * rng.choice((59, 60, 101, 4094))))
        found = found or randpick.name(rng)
        return b"/" + found if rng.random() < 0.25 and found[:1] != b"/" else found

    def circular(self, clean, target):
        """Whether that symlink would lead in a circle."""
        landed = self.place(clean)
        if landed is None:
            return True
        before = self.targets.get(landed)
        self.targets[landed] = target
        found = self.place(clean + b"/x") is None
        self.targets.pop(landed)
        if before is not None:
            self.targets[landed] = before
        return found

    def symlink(self, clean=None):
        clean = clean or self.clean()
        if self.free(clean, "l"):
            target = self.target()
            if self.circular(clean, target) and self.rng.random() < 0.9:
                target = b"missing/x"
            self.add(clean, b"2", link=target, **self.meta("l"))
            self.note(clean, "l", target)

    def sparse(self):
        clean, rng = self.clean(), self.rng
        if not self.free(clean, "f"):
            return
        at, chunks = 0, []
        for _ in range(rng.choice((0, 1, 2, 3, 6, 30))):
            at += rng.choice((0, 512, 4096, 5000, 65536))
            raw = bytes([rng.randint(1, 255)]) * rng.choice((1, 512, 4096))
            chunks.append((at, raw))
            at += len(raw)
        kind = rng.choice(("0.0", "0.1", "1.0") + (("gnu",) if not self.plain else ()))
        size = at + rng.choice((0, 0, 1, 4096, 70000))
        kw = self.meta("f")
        if kind == "gnu":
            kw = {k: v for k, v in kw.items() if k in ("mode", "uid", "gid")}
        self.add(clean, b"0", sparse=chunks, size=size, sparse_format=kind, fmt="gnu" if kind == "gnu" else "pax", **kw)
        self.note(clean, "f")

    def link(self):
        """A hard link: backward, to a layer below, forward, or to itself; with differing metadata, xattrs or a body."""
        rng, clean = self.rng, self.clean()
        if self.plain and (self.here.get(clean) is not None or clean in self.marked):
            return
        draw, target = rng.random(), None
        if draw < 0.5 or self.plain:
            target = self.one(self.here, "flcbp")
        elif draw < 0.75:
            target = self.one({p: k for p, k in self.lower.items() if p not in self.here}, "flcbp")
        elif draw < 0.92:
            target = self.forward()
        elif clean in self.lower or clean in self.here:
            target = clean
        late = target in self.late
        if target is None or (not late and self.holds(target) is None) or (self.plain and (target == clean or target.startswith(clean + b"/"))):
            return
        kw = {"link": randpick.spelling(rng, target)} if not self.plain else {"link": target, **self.known[target]}
        if rng.random() < 0.5 and not self.plain:
            kw.update(self.meta("f" if late else self.holds(target)))
        if rng.random() < 0.1 and not self.plain:
            # POSIX pax writers put a body behind a link; old writers only the size
            kw.update({"data": b"body", "fmt": "pax", "pax_names": True} if rng.random() < 0.5 else {"size": 4, "fmt": "gnu"})
            if kw["fmt"] == "gnu":
                kw = {k: v for k, v in kw.items() if k in ("link", "size", "fmt", "mode", "uid", "gid")}
        self.add(clean, b"1", **kw)
        landed = self.place(target)
        self.note(clean, self.here.get(landed, "f"), self.targets.get(landed))

    def forward(self):
        """A path that a later member of this layer will make."""
        clean = randpick.path(self.rng)
        if clean in self.here or any(p in self.here and self.here[p] != "d" for p in parents(clean)):
            return None
        if self.place(clean) is None:
            return None
        self.late.append(clean)
        return clean

    def through_symlink(self):
        """Something below a symlink of this layer (perhaps made just now), or of a layer below."""
        rng = self.rng
        where = self.one(self.here, "l") if rng.random() < 0.5 else self.one(self.lower, "l")
        if where is None or rng.random() < 0.4:
            where = self.clean()
            self.symlink(where)
        below = where + b"/" + randpick.name(rng)
        rng.choice((self.file, self.file, self.dir, self.symlink, self.whiteout, self.opaque))(below)

    def whiteout(self, clean=None):
        rng = self.rng
        if clean is None:
            clean = (self.one(self.lower) if rng.random() < 0.75 else None) or randpick.path(rng)
        if self.plain:
            clean = self.one(self.lower)
            if clean is None or any(self.here.get(p, "d") != "d" for p in parents(clean)) or any(under(d, clean) for d in self.leaned):
                return
            self.wiped.append(clean)
            self.marked += parents(clean)
        head, _, tail = clean.rpartition(b"/")
        if tail.startswith(b".wh") or len(tail) > 251 or tail in (b".", b".."):
            return
        self.gone.append(self.place(clean))
        if rng.random() < 0.15 and not self.plain:
            self.add(clean, b"3", dev=(0, 0), **randpick.meta(rng))
            return
        marker = (head + b"/" if head else b"") + b".wh." + tail
        flag = rng.choice((b"0",) * 6 + (b"1", b"5", b"2", b"3")) if not self.plain else b"0"
        kw = {"link": self.one(self.lower) or b"nowhere"} if flag in b"12" else {}
        self.add(marker, flag, dev=(1, 1) if flag == b"3" else (0, 0), **kw, **randpick.meta(rng, far=0))

    def opaque(self, clean=None):
        rng = self.rng
        if clean is None:
            everything = {**self.lower, **self.here}
            clean = (self.one(everything, "d") if rng.random() < 0.8 else self.one(everything)) or b"a"
            if rng.random() < 0.1:
                clean = b""
        if self.plain and (clean == b"" or any(self.here.get(p, self.lower.get(p)) != "d" for p in parents(clean) + [clean])):
            return
        if self.plain and any(d != clean and under(d, clean) for d in self.leaned):
            return
        self.wiped.append(clean + b"/x")
        self.marked += parents(clean) + [clean]
        self.gone.append(self.place(clean + b"/x"))
        self.add((clean + b"/" if clean else b"") + b".wh..wh..opq", b"0", **randpick.meta(rng, far=0))

    def aufs(self):
        """Bookkeeping of AUFS, and perhaps a hard link to a file below it."""
        rng = self.rng
        inside = b".wh..wh.plnk/" + rng.choice((b"1.2", b"3.4"))
        draw = rng.random()
        if draw < 0.3:
            self.add(b".wh..wh.aufs", b"0", **randpick.meta(rng))
        elif draw < 0.5:
            self.add(b".wh..wh.plnk", b"5", **randpick.meta(rng))
        else:
            self.add(inside, b"0", data=randpick.data(rng), **randpick.meta(rng))
            if rng.random() < 0.7:
                clean = self.clean()
                self.add(clean, b"1", link=inside, **randpick.meta(rng))
                self.note(clean, "f")

    def root(self):
        """An entry for the root itself."""
        raw = tarwrite.Entry(self.rng.choice((b"./", b"/", b".", b"../", b"a/../")), b"5", **self.meta("d")).blocks()
        self.layer.raw(raw)

    def global_header(self):
        records = [("comment", "0123456789abcdef")]
        if self.rng.random() < 0.3:
            records += [self.rng.choice((("mtime", "77.5"), ("uid", "77"), ("SCHILY.xattr.user.g", "g")))]
        self.layer.global_header(records)

    def again(self):
        """A path of this layer once more, as something else."""
        clean = self.one(self.here)
        if clean is not None:
            self.rng.choice((self.file, self.dir, self.symlink))(clean)


def parents(clean):
    parts = clean.split(b"/")
    return [b"/".join(parts[:i]) for i in range(1, len(parts))]


def under(path, top):
    """Whether a path is the top or below it; a top that ends in /x stands for all below its parent."""
    return path == top or path.startswith(top + b"/") or (top.endswith(b"/x") and path.startswith(top[:-1]))


def forget(where, clean):
    """Take a path and all below it out of a dict."""
    for path in [p for p in where if p == clean or p.startswith(clean + b"/")]:
        del where[path]


FULL = ((Story.file, 20), (Story.dir, 12), (Story.special, 6), (Story.symlink, 8), (Story.link, 14), (Story.sparse, 3),
        (Story.through_symlink, 8), (Story.whiteout, 12), (Story.opaque, 5), (Story.aufs, 2), (Story.root, 2),
        (Story.global_header, 2), (Story.again, 5))
PLAIN = ((Story.file, 20), (Story.dir, 12), (Story.special, 6), (Story.symlink, 6), (Story.link, 8), (Story.sparse, 3),
         (Story.whiteout, 10), (Story.opaque, 4))


def build(story, count, codec=None):
    """One layer of about that many members; the story then takes it for a layer below."""
    rng = story.rng
    story.layer, story.here, story.late, story.targets, story.gone = Layer(codec=codec), {}, [], {}, []
    story.leaned, story.wiped, story.marked = [], [], []
    menu = PLAIN if story.plain else FULL
    actions, weights = zip(*menu)
    for action in rng.choices(actions, weights, k=count):
        action(story)
    for clean in story.late:
        if story.here.get(story.place(clean) or b"") in (None, "d"):
            story.file(clean)
    for landed in story.gone:
        forget(story.lower, landed.rpartition(b"/")[0] if landed and landed.endswith(b"/x") else landed or b"?")
    for clean, kind in story.here.items():
        if kind != "d":
            forget(story.lower, clean)
    story.lower = {**story.lower, **story.here}
    return story.layer
