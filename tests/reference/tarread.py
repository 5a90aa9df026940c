"""A tar reader that hides nothing: v7, ustar, PAX, GNU, star, old and new sparse files; names are bytes.

members(data) yields a Member for each entry. Nothing is normalised but the kind; nothing is skipped but what the rules
say. A damaged archive raises Refused("tar").

Where docs/layers.md says nothing:
  - global headers are read and ignored, as all engines do
  - `0`, NUL and `7` are regular; with a `/` at the end of the name they are directories, as libarchive has it
  - links, symlinks, directories, devices and FIFOs have no body whatever their size says. After a hard link with a size
    a body is skipped when what follows is neither a header nor zeros: pax writers store one, old writers only its size
  - the archive ends at the first zero block, or where the data ends at the place of a header
"""
import base64
import binascii
import urllib.parse

from refused import Refused

BLOCK = 512
PAX_LIMIT = 1 << 20
PATH_LIMIT = 1 << 16
KINDS = {b"0": "f", b"\0": "f", b"7": "f", b"S": "f", b"1": "h", b"2": "l", b"3": "c", b"4": "b", b"5": "d", b"6": "p"}


class Member:
    """One entry. kind: f d l c b p, or h for a hard link. spans: [(offset, bytes)] of a file of `size` bytes."""

    def __init__(self):
        self.name = self.link = b""
        self.kind, self.mode, self.uid, self.gid, self.mtime, self.dev = "f", 0, 0, 0, (0, 0), (0, 0)
        self.size, self.spans, self.xattrs, self.acl = 0, [], {}, {}


def number(raw, what):
    """A number field: octal text, or base-256 when the top bit is set."""
    if raw[0] & 0x80:
        value = int.from_bytes(raw, "big") & ((1 << (8 * len(raw) - 1)) - 1)
        return value - (1 << (8 * len(raw) - 1)) if raw[0] & 0x40 else value
    text = raw.split(b"\0")[0].strip(b" ")
    if any(c not in b"01234567" for c in text):
        raise Refused("tar", "%s is not a number: %r" % (what, raw))
    return int(text or b"0", 8)


def checksum_fits(block):
    """Whether the header's sum is right, counted with unsigned or signed bytes."""
    try:
        stored = number(block[148:156], "checksum")
    except Refused:
        return False
    rest = block[:148] + b" " * 8 + block[156:]
    total = sum(rest)
    return stored in (total, total - 256 * sum(b > 127 for b in rest))


def pax_records(body):
    """The (key, value) pairs of a PAX header in order."""
    found, at = [], 0
    while at < len(body):
        space = body.find(b" ", at, at + 20)
        digits = body[at:space] if space > 0 else b""
        if not digits.isdigit():
            raise Refused("tar", "bad PAX record at %d" % at)
        end = at + int(digits)
        key, equals, value = body[space + 1:end - 1].partition(b"=")
        if end > len(body) or end <= space or body[end - 1:end] != b"\n" or not equals or not key:
            raise Refused("tar", "bad PAX record at %d" % at)
        found.append((key, value))
        at = end
    return found


def pax_int(text, key):
    if not text.isdigit():
        raise Refused("tar", "PAX %s is not a number" % key)
    return int(text)


def pax_time(text):
    """Decimal seconds -> (seconds, nanoseconds); digits past the ninth are cut."""
    sign = -1 if text[:1] == b"-" else 1
    whole, _, frac = text.lstrip(b"-").partition(b".")
    if not (whole + frac).isdigit():
        raise Refused("tar", "PAX mtime is not a number")
    return divmod(sign * (int(whole or b"0") * 10**9 + int((frac + b"0" * 9)[:9])), 10**9)


class Reader:
    """Walks the blocks of one decoded layer."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, size, what):
        """The next bytes; it is an error if the archive ends before."""
        if size < 0 or self.at + size > len(self.data):
            raise Refused("tar", "%s reaches past the end" % what)
        self.at += size
        return self.data[self.at - size:self.at]

    def body(self, size, what):
        """The next bytes and the padding after them."""
        found = self.take(size, what)
        self.take(-size % BLOCK, what)
        return found

    def members(self):
        pax, long_name, long_link = [], None, None
        while self.at < len(self.data):
            block = self.take(BLOCK, "header")
            if block == b"\0" * BLOCK:
                return
            if not checksum_fits(block):
                raise Refused("tar", "bad header checksum at %d" % (self.at - BLOCK))
            flag = block[156:157]
            if flag in (b"x", b"g", b"L", b"K"):
                size = number(block[124:136], "size")
                if size > PAX_LIMIT:
                    raise Refused("limit", "a header of %d bytes" % size)
                body = self.body(size, "extended header")
                if flag == b"x":
                    pax += pax_records(body)
                elif flag == b"g":
                    pax_records(body)
                elif flag == b"L":
                    long_name = body.split(b"\0")[0]
                else:
                    long_link = body.split(b"\0")[0]
                continue
            yield self.member(block, pax, long_name, long_link)
            pax, long_name, long_link = [], None, None
        if pax or long_name is not None or long_link is not None:
            raise Refused("tar", "an extended header without its entry")

    def member(self, block, pax, long_name, long_link):
        """The entry of a header block and of what went before it."""
        found = Member()
        flag = block[156:157]
        if flag not in KINDS:
            raise Refused(10, "unknown entry type %r" % flag)
        records = {k: v for k, v in pax if v or k.startswith((b"SCHILY.xattr.", b"LIBARCHIVE.xattr."))}
        found.name, found.link = names(block, records, long_name, long_link)
        found.kind = KINDS[flag]
        if found.kind == "f" and found.name.endswith(b"/"):
            found.kind = "d"
        found.mode = number(block[100:108], "mode") & 0o7777
        found.uid = self.identity(block[108:116], records, b"uid")
        found.gid = self.identity(block[116:124], records, b"gid")
        found.mtime = pax_time(records[b"mtime"]) if b"mtime" in records else (number(block[136:148], "mtime"), 0)
        if found.kind in "cb":
            found.dev = tuple(self.device(block[a:a + 8], records, k) for a, k in ((329, b"SCHILY.devmajor"), (337, b"SCHILY.devminor")))
        size = pax_int(records[b"size"], "size") if b"size" in records else number(block[124:136], "size")
        if size < 0:
            raise Refused("tar", "negative size")
        read_xattrs(records, found)
        if found.kind == "f":
            self.contents(block, pax, records, size, found)
        elif found.kind == "h" and size and not self.header_follows():
            self.body(size, "body of a link")
        return found

    def identity(self, raw, records, key):
        value = pax_int(records[key], key) if key in records else number(raw, key)
        if not 0 <= value < 1 << 32:
            raise Refused("filesystem", "%s %d" % (key.decode(), value))
        return value

    def device(self, raw, records, key):
        value = pax_int(records[key], key) if key in records else number(raw, key)
        if not 0 <= value < (1 << 12 if key.endswith(b"major") else 1 << 20):
            raise Refused("filesystem", "device number %d" % value)
        return value

    def header_follows(self):
        block = self.data[self.at:self.at + BLOCK]
        return block == b"\0" * BLOCK or (len(block) == BLOCK and checksum_fits(block))

    def contents(self, block, pax, records, size, found):
        """Size and spans of a regular file, sparse or not."""
        sparse = None
        if block[156:157] == b"S":
            found.size = number(block[483:495], "real size")
            sparse = self.old_map(block)
        elif b"GNU.sparse.major" in records:
            if (records[b"GNU.sparse.major"], records.get(b"GNU.sparse.minor")) != (b"1", b"0"):
                raise Refused("tar", "unknown sparse version")
            found.size = pax_int(records.get(b"GNU.sparse.realsize", b""), "GNU.sparse.realsize")
        elif b"GNU.sparse.size" in records:
            found.size = pax_int(records[b"GNU.sparse.size"], "GNU.sparse.size")
            sparse = pax_map(pax, records)
        body = self.body(size, "data of %r" % found.name[:80])
        if b"GNU.sparse.major" in records and block[156:157] != b"S":
            sparse, body = stored_map(body)
        if sparse is None:
            found.size, found.spans = size, [(0, body)]
        else:
            found.spans = spans(sparse, body, found.size)

    def old_map(self, block):
        """The map of an old GNU sparse header and of the blocks that continue it."""
        found = []
        area, count, more = block[386:482], 4, block[482]
        while True:
            for i in range(count):
                raw = area[24 * i:24 * i + 24]
                if raw[:1] == b"\0":
                    break
                found.append((number(raw[:12], "sparse offset"), number(raw[12:], "sparse length")))
            if not more:
                return found
            area = self.take(BLOCK, "sparse map")
            count, more = 21, area[504]


def names(block, records, long_name, long_link):
    """Name and link target of an entry: PAX, else GNU, else the header's."""
    name = block[:100].split(b"\0")[0]
    if block[257:263] == b"ustar\0":
        room = 131 if block[508:512] == b"tar\0" else 155
        prefix = block[345:345 + room].split(b"\0")[0]
        name = prefix + b"/" + name if prefix else name
    link = block[157:257].split(b"\0")[0]
    name = name if long_name is None else long_name
    link = link if long_link is None else long_link
    name = records.get(b"GNU.sparse.name", records.get(b"path", name))
    link = records.get(b"linkpath", link)
    if len(name) > PATH_LIMIT or len(link) > PATH_LIMIT:
        raise Refused("limit", "a path of %d bytes" % max(len(name), len(link)))
    return name, link


def read_xattrs(records, found):
    """Xattrs of both spellings (SCHILY's wins) and the ACL texts."""
    for key, value in records.items():
        if key.startswith(b"LIBARCHIVE.xattr."):
            name = urllib.parse.unquote_to_bytes(key[17:])
            try:
                found.xattrs.setdefault(name, base64.b64decode(value + b"=" * (-len(value) % 4), validate=True))
            except binascii.Error:
                raise Refused("tar", "bad base64 of %r" % key)
        elif key.startswith(b"SCHILY.xattr."):
            found.xattrs[key[13:]] = value
        elif key in (b"SCHILY.acl.access", b"SCHILY.acl.default"):
            found.acl[key[11:].decode()] = value


def pax_map(pax, records):
    """The map of PAX sparse 0.1 (one record) or 0.0 (a pair of records for each span)."""
    if b"GNU.sparse.map" in records:
        found = [pax_int(n, "GNU.sparse.map") for n in records[b"GNU.sparse.map"].split(b",")]
    else:
        found = [pax_int(v, k) for k, v in pax if k in (b"GNU.sparse.offset", b"GNU.sparse.numbytes")]
    if len(found) % 2:
        raise Refused("tar", "odd sparse map")
    return list(zip(found[::2], found[1::2]))


def stored_map(body):
    """The map of PAX sparse 1.0, which stands before the data: decimal lines, padded to a block. -> (map, data)"""
    at, lines, wanted = 0, [], 1
    while len(lines) < wanted:
        end = body.find(b"\n", at, at + 24)
        if end < 0:
            raise Refused("tar", "bad sparse map")
        lines.append(pax_int(body[at:end], "sparse map"))
        at, wanted = end + 1, 1 + 2 * lines[0]
    return list(zip(lines[1::2], lines[2::2])), body[at + -at % BLOCK:]


def spans(sparse, body, size):
    """Put the stored bytes at their places; the map must be in order, inside the file, and use up the bytes."""
    found, at, end = [], 0, 0
    for offset, length in sparse:
        if offset < end or offset + length > size or at + length > len(body):
            raise Refused("tar", "bad sparse map")
        if length:
            found.append((offset, body[at:at + length]))
        at, end = at + length, offset + length
    if at != len(body):
        raise Refused("tar", "sparse map and data differ in length")
    return found


def members(data):
    """The entries of a decoded layer."""
    return Reader(data).members()
