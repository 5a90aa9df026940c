"""Rule 9: which xattrs an entry keeps, and what its POSIX ACLs become.

ACLs are kept as values of system.posix_acl_access and _default in the form of the kernel's getxattr (version 2). Decided
here, where docs/layers.md leaves it open:
  - an access ACL of three entries says no more than the mode; the kernel never stores one, so it is dropped. A default
    ACL of three entries is stored by the kernel and is kept. An ACL without entries is none
  - an ACL that the kernel would not accept (order, missing mask, unknown tag, bits past 7) is refused
  - a text without a mask but with named entries gets one (setfacl does the same); a name without a number is refused
  - what the kernel cannot show is dropped with a warning: user.* on anything but files and directories, ACLs of symlinks,
    default ACLs of anything but directories
"""
import struct

from refused import Refused

VALUE_LIMIT = 1 << 16
ACCESS, DEFAULT = b"system.posix_acl_access", b"system.posix_acl_default"
USER_OBJ, USER, GROUP_OBJ, GROUP, MASK, OTHER = 1, 2, 4, 8, 0x10, 0x20
NO_ID = 0xFFFFFFFF
WORDS = {b"user": (USER_OBJ, USER), b"u": (USER_OBJ, USER), b"group": (GROUP_OBJ, GROUP), b"g": (GROUP_OBJ, GROUP),
         b"mask": (MASK, None), b"m": (MASK, None), b"other": (OTHER, None), b"o": (OTHER, None)}


def acl_unpack(raw):
    """The (tag, permissions, id) of a raw ACL; refused if the kernel would refuse it."""
    if len(raw) < 4 or (len(raw) - 4) % 8 or struct.unpack_from("<I", raw)[0] != 2:
        raise Refused(9, "malformed ACL")
    entries = [struct.unpack_from("<HHI", raw, at) for at in range(4, len(raw), 8)]
    order = {USER_OBJ: 0, USER: 1, GROUP_OBJ: 2, GROUP: 3, MASK: 4, OTHER: 5}
    tags = [tag for tag, _, _ in entries]
    if any(tag not in order or perm > 7 for tag, perm, _ in entries):
        raise Refused(9, "ACL with an unknown tag or permission")
    if entries and (sorted(tags, key=order.get) != tags or any(tags.count(t) != 1 for t in (USER_OBJ, GROUP_OBJ, OTHER))):
        raise Refused(9, "ACL without the entries it needs in order")
    if tags.count(MASK) > 1 or ((USER in tags or GROUP in tags) and MASK not in tags):
        raise Refused(9, "ACL without a mask")
    if any(tag in (USER, GROUP) and ident == NO_ID for tag, _, ident in entries):
        raise Refused(9, "ACL with an invalid id")
    return [(tag, perm, ident if tag in (USER, GROUP) else NO_ID) for tag, perm, ident in entries]


def acl_pack(entries):
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *e) for e in entries)


def acl_from_text(text):
    """The raw form of a SCHILY.acl text: `user::rwx,user:1000:r--,user:name:r--:1000,...`."""
    entries = []
    for line in text.replace(b"\n", b",").split(b","):
        line = line.split(b"#")[0].strip()
        if not line:
            continue
        fields = [f.strip() for f in line.split(b":")]
        if len(fields) == 2 and fields[0] in (b"mask", b"m", b"other", b"o"):
            fields.insert(1, b"")
        if len(fields) not in (3, 4) or fields[0] not in WORDS or not fields[2] or fields[2].strip(b"rwx-"):
            raise Refused(9, "ACL text %r" % line)
        tag, named = WORDS[fields[0]]
        perm = sum(bit for bit, letter in ((4, b"r"), (2, b"w"), (1, b"x")) if letter in fields[2])
        ident = NO_ID
        if fields[1]:
            ident = fields[3] if len(fields) == 4 else fields[1]
            if named is None or not ident.isdigit():
                raise Refused(9, "ACL text %r" % line)
            tag, ident = named, int(ident)
        entries.append((tag, perm, ident))
    if any(e[0] in (USER, GROUP) for e in entries) and not any(e[0] == MASK for e in entries):
        entries.append((MASK, 7, NO_ID))
    if any(ident > NO_ID for _, _, ident in entries):
        raise Refused(9, "ACL with an invalid id")
    raw = acl_pack(sorted(entries, key=lambda e: (e[0], e[2])))
    acl_unpack(raw)
    return raw


def kept(name):
    """None if the xattr is kept, else True for a silent drop and False for one with a warning."""
    if name.startswith((b"trusted.", b"user.overlay.")) or name == b"security.selinux":
        return True
    if name in (ACCESS, DEFAULT) or (name.startswith((b"user.", b"security.")) and name.partition(b".")[2]):
        return None
    return False


def of_member(member, kind, warn):
    """The xattrs that an entry gives to something of that kind."""
    found = {}
    values = {b"system.posix_acl_" + which.encode(): acl_from_text(text) for which, text in member.acl.items()
              if b"system.posix_acl_" + which.encode() not in member.xattrs}
    for name, value in {**member.xattrs, **values}.items():
        if len(value) > VALUE_LIMIT:
            raise Refused("limit", "xattr %r of %d bytes" % (name, len(value)))
        drop = kept(name)
        if drop is None and name.startswith(b"user.") and kind not in "fd":
            drop = False
        if name in (ACCESS, DEFAULT):
            value = acl_pack(acl_unpack(value))
            drop = False if kind == "l" or (name == DEFAULT and kind != "d") else None
        if drop is None:
            found[name] = value
        elif drop is False:
            warn("rule 9: %r: xattr %r dropped" % (member.name, name))
    return found


def shown(xattrs, mode):
    """The xattrs as the kernel shows them: the access ACL takes the bits of the mode."""
    out = dict(xattrs)
    for name in (ACCESS, DEFAULT):
        entries = acl_unpack(out[name]) if name in out else []
        if name in out and (not entries or (name == ACCESS and len(entries) == 3)):
            del out[name]
        elif name == ACCESS and entries:
            middle = MASK if any(tag == MASK for tag, _, _ in entries) else GROUP_OBJ
            bits = {USER_OBJ: mode >> 6 & 7, middle: mode >> 3 & 7, OTHER: mode & 7}
            out[name] = acl_pack([(tag, bits.get(tag, perm), ident) for tag, perm, ident in entries])
    return out
