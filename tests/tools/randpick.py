"""Draw single values for random images: names, spellings of names, times, owners, modes, xattrs, ACLs.

Everything is drawn from the random.Random that is given, and only through methods whose result depends on the seed alone.
The pools are small, so that layers collide often.
"""
import struct

NAMES = [b"a", b"b", b"c", b"d", b"e", b"lib", b"usr"]
ODD_NAMES = [b"sp ace", b"\xff\xfe", b"new\nline", b"back\\slash", b"\xc3\xa9", b".hid", b"..x", b"...", b"\x01", b"-", b".wh",
             b".whx", b"n" * 255, b"m" * 120, b"100%", b"a\tb", b"wh.a", b"{}", b".wh-x"]
TIMES = [0, 1, 5, 7, 1_000_000_000, 1_234_567_890, 1_600_000_000, 2**31 - 1, 2**31]
ODD_TIMES = [-1, -315_619_200, -2**31, 2_208_988_800, 13_569_465_600, 15_032_385_535, (1_600_000_001, 123_456_789), (5, 1),
             (-2, 500_000_000), (-1, 999_999_999), (13_569_465_600, 999_999_999), "1500000000.5", "-0.25"]
FAR_TIMES = [-2**31 - 1, -2**33, -2**40, 15_032_385_536, 2**40, (-2**31 - 1, 500_000_000), (15_032_385_536, 7)]
PLAIN_TIMES = [-315_619_200, -2**31, 2_208_988_800, (1_600_000_001, 123_456_789), (5, 1), "1500000000.5"]   # umoci has them right
OWNERS = [0, 0, 0, 1, 1000, 65534]
ODD_OWNERS = [2**21, 2**31, 4_294_967_294]
MODES = [0o644, 0o755, 0o600, 0o640, 0o700, 0o777]
ODD_MODES = [0o4755, 0o2755, 0o1777, 0, 0o7777, 0o444]
CAPABILITY = struct.pack("<IIIII", 0x02000001, 0x2400, 0, 0, 0)
TEXTS = [b"", b"x", b"hello\n", b"0123456789" * 60, b"\0" * 700, b"\x1f\x8b\x08", b"ustar\0" * 90]


def name(rng, odd=0.06):
    return rng.choice(ODD_NAMES) if rng.random() < odd else rng.choice(NAMES)


def path(rng, odd=0.06):
    """A clean path of one to four parts."""
    depth = rng.choice((1, 1, 1, 2, 2, 2, 3, 3, 4))
    return b"/".join(name(rng, odd) for _ in range(depth))


def spelling(rng, clean):
    """Another way to write a clean path (a `/` at its end stays): `./`, `/`, `//`, `..` and dots between."""
    if clean.endswith(b"/"):
        return spelling(rng, clean[:-1]) + b"/"
    draw = rng.random()
    if draw < 0.68:
        return clean
    if draw < 0.82:
        return b"./" + clean
    if draw < 0.86:
        return b"/" + clean
    if draw < 0.90:
        return clean.replace(b"/", b"//")
    if draw < 0.93:
        return b"../" * rng.randint(1, 3) + clean
    if draw < 0.96:
        return rng.choice(NAMES) + b"/../" + clean
    head, _, tail = clean.rpartition(b"/")
    return (head + b"/./" if head else b"/./") + tail


def mtime(rng, odd=0.2, far=0.02, plain=False):
    draw = rng.random()
    if plain:
        return rng.choice(PLAIN_TIMES if draw < 0.3 else TIMES)
    if draw < far:
        return rng.choice(FAR_TIMES)
    return rng.choice(ODD_TIMES) if draw < far + odd else rng.choice(TIMES)


def meta(rng, far=0.02, plain=False):
    """mode, uid, gid and mtime as keyword arguments of an entry."""
    def owner():
        return rng.choice(ODD_OWNERS) if rng.random() < 0.05 else rng.choice(OWNERS)
    mode = rng.choice(ODD_MODES) if rng.random() < 0.15 else rng.choice(MODES)
    return {"mode": mode, "uid": owner(), "gid": owner(), "mtime": mtime(rng, far=far, plain=plain)}


def data(rng):
    if rng.random() < 0.5:
        return rng.choice(TEXTS)
    return bytes(rng.getrandbits(8) for _ in range(rng.choice((1, 3, 17, 40))))


KEPT = [(b"user.a", b"1"), (b"user.b", b"2"), (b"user.a", b"other"), (b"security.foo", b"s"), (b"user.n", b"a\nb=c\0d"),
        (b"user.\xc3\xa9 x", b"odd"), (b"user.long", b"v" * 200), (b"security.ima", b"\1\2\3")]
EMPTY = [(b"user.empty", b""), (b"security.empty", b"")]
DROPPED = [(b"trusted.x", b"t"), (b"trusted.overlay.opaque", b"y"), (b"security.selinux", b"system_u:object_r:x:s0\0"),
           (b"user.overlay.opaque", b"y"), (b"user.overlay.redirect", b"/a"), (b"system.nfs4_acl", b"\0"), (b"foo.bar", b"z"),
           (b"noprefix", b"q"), (b"system.other", b"q"), (b"os2.x", b"1")]


def xattrs(rng, kind, plain=False):
    """A set of xattrs for an entry of that kind (f, d, l, ...); user.* only where the kernel allows it."""
    pool = list(KEPT)
    if not plain:
        pool += EMPTY + DROPPED
    if kind not in "fd":
        pool = [p for p in pool if not p[0].startswith(b"user.") or p[0].startswith(b"user.overlay.")]
    found = dict(rng.choice(pool) for _ in range(rng.randint(1, 3)))
    if kind == "f" and rng.random() < 0.3:
        found[b"security.capability"] = CAPABILITY
    return found


UNDEFINED = 0xFFFFFFFF


def acl_entries(rng, minimal=False):
    """(tag, permissions, id) of a valid ACL, in the order of the kernel."""
    def perm():
        return rng.randint(0, 7)
    found = [(1, perm(), UNDEFINED)]
    users = sorted(rng.sample((1, 5, 1000, 4_294_967_294), rng.randint(0, 2))) if not minimal else []
    groups = sorted(rng.sample((2, 6, 2000), rng.randint(0, 2))) if not minimal else []
    found += [(2, perm(), uid) for uid in users] + [(4, perm(), UNDEFINED)] + [(8, perm(), gid) for gid in groups]
    if users or groups or (not minimal and rng.random() < 0.5):
        found.append((0x10, perm(), UNDEFINED))
    return found + [(0x20, perm(), UNDEFINED)]


def acl_raw(entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


def acl_text(rng, entries):
    """The text form, as star and GNU tar (numeric) or bsdtar (with a fourth field) write it."""
    tags = {1: "user", 2: "user", 4: "group", 8: "group", 0x10: "mask", 0x20: "other"}
    star = rng.random() < 0.5
    lines = []
    for tag, perm, ident in entries:
        text = "%s%s%s" % ("r" if perm & 4 else "-", "w" if perm & 2 else "-", "x" if perm & 1 else "-")
        if ident == UNDEFINED:
            lines.append("%s::%s" % (tags[tag], text))
        elif star:
            lines.append("%s:name%d:%s:%d" % (tags[tag], ident % 1000, text, ident))
        else:
            lines.append("%s:%d:%s" % (tags[tag], ident, text))
    return ("\n" if rng.random() < 0.3 else ",").join(lines)


def acls(rng, kind):
    """Keyword arguments that put ACLs on an entry: raw, text, or both; an access one, a default one on directories."""
    found = {"xattrs": {}}
    for which in ("access", "default") if kind == "d" else ("access",):
        if rng.random() < 0.35:
            continue
        entries = acl_entries(rng, rng.random() < 0.15)
        form = rng.choice(("raw", "raw", "text", "both"))
        if form != "text":
            found["xattrs"][b"system.posix_acl_" + which.encode()] = acl_raw(entries)
        if form == "both":
            entries = acl_entries(rng)
        if form != "raw":
            found["acl" if which == "access" else "default_acl"] = acl_text(rng, entries)
    return found
