"""Tar blocks written by hand, so that every form a tar can take, right or wrong, can be made on purpose.

An Entry says what one member is; Entry.blocks() gives its bytes. The format is chosen by name:

  v7     no magic; names to 100 bytes; octal numbers only
  ustar  magic "ustar\\0" "00"; names to 100 + 155 bytes; octal numbers only
  pax    ustar, and an `x` header for whatever does not fit (also xattrs, ACL text, nanoseconds, negative times)
  gnu    magic "ustar  \\0"; `L` and `K` members for long names; base-256 numbers; old sparse files
  star   ustar with the "tar\\0" trailer, a 131 byte prefix, atime and ctime; `x` headers as pax

What a format cannot hold raises ValueError: nothing is cut in silence. What should be wrong is asked for: `fields`
replaces raw header fields, `checksum` spoils the sum, `pax_raw` replaces the body of the `x` header.
"""
import base64
import urllib.parse

BLOCK = 512
FIELDS = {"name": (0, 100), "mode": (100, 8), "uid": (108, 8), "gid": (116, 8), "size": (124, 12), "mtime": (136, 12),
          "chksum": (148, 8), "typeflag": (156, 1), "linkname": (157, 100), "magic": (257, 8), "uname": (265, 32),
          "gname": (297, 32), "devmajor": (329, 8), "devminor": (337, 8), "prefix": (345, 155),
          # star
          "atime": (476, 12), "ctime": (488, 12), "trailer": (508, 4),
          # old GNU
          "sparse": (386, 96), "isextended": (482, 1), "realsize": (483, 12)}
MAGIC = {"v7": b"", "ustar": b"ustar\x0000", "pax": b"ustar\x0000", "star": b"ustar\x0000", "gnu": b"ustar  \0"}


def to_bytes(value):
    """Names and data may be given as str (UTF-8; surrogate escapes stand for raw bytes) or bytes."""
    return value.encode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(value)


def pad(data, unit=BLOCK):
    return data + b"\0" * (-len(data) % unit)


def octal(value, width):
    """A number field: zero-padded octal and a NUL. None if it does not fit."""
    if value < 0 or value >= 8 ** (width - 1):
        return None
    return b"%0*o\0" % (width - 1, value)


def base256(value, width):
    """A GNU binary number: two's complement, big endian, the top bit of the first byte set."""
    raw = bytearray((value & ((1 << (8 * width)) - 1)).to_bytes(width, "big"))
    raw[0] |= 0x80
    return bytes(raw)


def split_time(value):
    """Seconds as int, (seconds, nanoseconds), or a decimal string -> (seconds, nanoseconds), nanoseconds never negative."""
    if isinstance(value, tuple):
        return value
    if isinstance(value, int):
        return value, 0
    text = value.lstrip("-")
    whole, _, frac = text.partition(".")
    total = int(whole or 0) * 10**9 + int((frac + "0" * 9)[:9])
    return divmod(-total if value.startswith("-") else total, 10**9)


def time_text(sec, nsec):
    """The PAX decimal form of a time."""
    total = sec * 10**9 + nsec
    whole, frac = divmod(abs(total), 10**9)
    text = "%s%d" % ("-" if total < 0 else "", whole)
    return (text + (".%09d" % frac).rstrip("0") if frac else text).encode()


def pax_record(key, value):
    """One `LENGTH KEY=VALUE\\n` record; the length counts itself."""
    body = b" " + to_bytes(key) + b"=" + to_bytes(value) + b"\n"
    size = len(body) + 1
    while size != len(body) + len(str(size)):
        size = len(body) + len(str(size))
    return str(size).encode() + body


def header(fmt, fields, checksum="good"):
    """One 512 byte header block of raw fields. checksum: good, signed (bytes counted as signed), spaces, bad."""
    block = bytearray(BLOCK)
    for key, raw in {"magic": MAGIC[fmt], **fields}.items():
        at, width = FIELDS[key]
        if len(raw) > width:
            raise ValueError("field %s: %d bytes, room for %d" % (key, len(raw), width))
        block[at:at + len(raw)] = raw
    block[148:156] = b" " * 8
    total = sum(block)
    if checksum == "signed":
        total -= 256 * sum(b > 127 for b in block)
    if checksum == "bad":
        total += 1
    if "chksum" in fields:
        block[148:156] = fields["chksum"].ljust(8, b"\0")
    else:
        block[148:156] = b"%7o " % total if checksum == "spaces" else b"%06o\0 " % total
    return bytes(block)


def pseudo(typeflag, body, name, fmt="pax", checksum="good"):
    """A member that only carries information for the next one (x, g, L, K)."""
    fields = {"name": to_bytes(name)[:100], "mode": octal(0o644, 8), "uid": octal(0, 8), "gid": octal(0, 8),
              "size": octal(len(body), 12), "mtime": octal(0, 12), "typeflag": typeflag}
    return header(fmt, fields, checksum) + pad(body)


def global_header(records, fmt="pax"):
    """A PAX global header; records are (key, value) pairs."""
    return pseudo(b"g", b"".join(pax_record(k, v) for k, v in records), "pax_global_header", fmt)


def split_prefix(name, room):
    """Divide a long name at a slash into (prefix, name) for ustar; None if it cannot be done."""
    if len(name) <= 100:
        return b"", name
    for at in range(min(room, len(name) - 1), 0, -1):
        if name[at:at + 1] == b"/" and 0 < len(name) - at - 1 <= 100:
            return name[:at], name[at + 1:]
    return None


class Entry:
    """One member of a tar. See the module text for the formats; every argument but the name has a default."""

    def __init__(self, name, typeflag=b"0", fmt="pax", mode=0o644, uid=0, gid=0, mtime=0, link=b"", data=b"", size=None,
                 dev=(0, 0), uname=b"", gname=b"", xattrs=None, xattr_style="schily", acl=None, default_acl=None,
                 pax=(), pax_raw=None, sparse=None, sparse_format=None, fields=None, checksum="good",
                 numbers="auto", pax_names=False, padding=True):
        self.name, self.typeflag, self.fmt = to_bytes(name), to_bytes(typeflag), fmt
        self.mode, self.uid, self.gid, self.mtime = mode, uid, gid, split_time(mtime)
        self.link, self.data, self.size, self.dev = to_bytes(link), to_bytes(data), size, dev
        self.uname, self.gname = to_bytes(uname), to_bytes(gname)
        self.xattrs = {to_bytes(k): to_bytes(v) for k, v in (xattrs or {}).items()}
        self.xattr_style = xattr_style        # schily, libarchive, or both
        self.acl, self.default_acl = acl, default_acl
        self.pax, self.pax_raw = list(pax), pax_raw
        self.sparse, self.sparse_format = sparse, sparse_format   # [(offset, bytes)]; gnu, 0.0, 0.1 or 1.0
        self.fields, self.checksum = fields or {}, checksum
        self.numbers = numbers                # auto, or base256 for every number field
        self.pax_names = pax_names            # write path and linkpath records even where they would fit
        self.padding = padding

    def blocks(self):
        """The bytes of this member, with the members that go before it."""
        records, before, fields = [], b"", {}
        body, size = self.data, len(self.data)
        if self.sparse is not None:
            body, size = self._sparse(records, fields)
        name = self._sparse_name(records) or self.name
        before += self._names(name, records, fields)
        self._numbers(size if self.size is None or self.sparse is not None else self.size, records, fields)
        self._extras(records)
        old_sparse = self.sparse is not None and self._sparse_kind() == "gnu"
        fields.update(typeflag=b"S" if old_sparse else self.typeflag, uname=self.uname, gname=self.gname)
        if self.fmt == "star":
            fields.update(trailer=b"tar\0", atime=octal(0, 12), ctime=octal(0, 12))
        fields.update({k: to_bytes(v) for k, v in self.fields.items()})
        if records or self.pax_raw is not None:
            if self.fmt not in ("pax", "star"):
                raise ValueError("%s cannot hold %s" % (self.fmt, records[0][0]))
            raw = b"".join(pax_record(k, v) for k, v in records) if self.pax_raw is None else self.pax_raw
            before += pseudo(b"x", raw, b"PaxHeaders.0/" + self.name.rstrip(b"/").rpartition(b"/")[2], self.fmt)
        extended = fields.pop("_more", b"")
        return before + header(self.fmt, fields, self.checksum) + extended + (pad(body) if self.padding else body)

    def _names(self, name, records, fields):
        """Fill name, prefix and linkname; returns the GNU members for long ones."""
        before = b""
        room = {"v7": 0, "gnu": 0, "star": 131}.get(self.fmt, 155)
        parts = split_prefix(name, room) if room or len(name) <= 100 else None
        if parts is None or self.pax_names:
            if self.fmt in ("pax", "star"):
                records.append((b"path", name))
            elif self.fmt == "gnu":
                before += pseudo(b"L", name + b"\0", b"././@LongLink", "gnu")
            else:
                raise ValueError("%s cannot hold a name of %d bytes" % (self.fmt, len(name)))
            parts = b"", name[:100]
        fields["name"] = parts[1]
        if parts[0]:
            fields["prefix"] = parts[0]
        if len(self.link) > 100 or (self.link and self.pax_names):
            if self.fmt in ("pax", "star"):
                records.append((b"linkpath", self.link))
            elif self.fmt == "gnu":
                before += pseudo(b"K", self.link + b"\0", b"././@LongLink", "gnu")
            else:
                raise ValueError("%s cannot hold a link of %d bytes" % (self.fmt, len(self.link)))
        fields["linkname"] = self.link[:100]
        return before

    def _numbers(self, size, records, fields):
        """Fill the number fields, in the way of the format where octal does not reach."""
        sec, nsec = self.mtime
        values = {"mode": self.mode, "uid": self.uid, "gid": self.gid, "size": size, "mtime": sec,
                  "devmajor": self.dev[0], "devminor": self.dev[1]}
        if nsec:
            records.append((b"mtime", time_text(sec, nsec)))
        for key, value in values.items():
            width = FIELDS[key][1]
            raw = octal(value, width)
            if self.numbers == "base256":
                raw = base256(value, width)
            elif raw is None and self.fmt == "gnu":
                raw = base256(value, width)
            elif raw is None and self.fmt in ("pax", "star"):
                if not (key == "mtime" and nsec):
                    records.append((b"SCHILY." + key.encode() if key.startswith("dev") else key.encode(), b"%d" % value))
                raw = octal(0, width)
            elif raw is None:
                raise ValueError("%s cannot hold %s=%d" % (self.fmt, key, value))
            fields[key] = raw

    def _extras(self, records):
        """Xattrs, ACL text and whatever records were asked for."""
        for key, value in self.xattrs.items():
            if self.xattr_style in ("schily", "both"):
                records.append((b"SCHILY.xattr." + key, value))
            if self.xattr_style in ("libarchive", "both"):
                coded = urllib.parse.quote_from_bytes(key, safe=".").encode()
                records.append((b"LIBARCHIVE.xattr." + coded, base64.b64encode(value).rstrip(b"=")))
        if self.acl is not None:
            records.append((b"SCHILY.acl.access", to_bytes(self.acl)))
        if self.default_acl is not None:
            records.append((b"SCHILY.acl.default", to_bytes(self.default_acl)))
        records.extend((to_bytes(k), to_bytes(v)) for k, v in self.pax)

    def _sparse_kind(self):
        return self.sparse_format or ("gnu" if self.fmt == "gnu" else "1.0")

    def _sparse_name(self, records):
        """The stand-in name of PAX sparse 0.1 and 1.0; the real one goes into GNU.sparse.name."""
        if self.sparse is None or self._sparse_kind() not in ("0.1", "1.0"):
            return None
        records.append((b"GNU.sparse.name", self.name))
        head, _, tail = self.name.rpartition(b"/")
        return (head + b"/" if head else b"") + b"GNUSparseFile.0/" + tail

    def _sparse(self, records, fields):
        """Fill the sparse map; returns the stored bytes and their number. `data` is not used, `size` is the real size."""
        chunks = [(at, to_bytes(raw)) for at, raw in self.sparse]
        end = max([at + len(raw) for at, raw in chunks], default=0)
        real = end if self.size is None else self.size
        spans = [(at, len(raw)) for at, raw in chunks]
        if not spans or real > end:
            spans.append((real, 0))
        packed = b"".join(raw for _, raw in chunks)
        kind = self._sparse_kind()
        if kind == "gnu":
            pairs = [octal(a, 12) + octal(n, 12) for a, n in spans]
            fields.update(sparse=b"".join(pairs[:4]), isextended=b"\1" if len(pairs) > 4 else b"\0", realsize=octal(real, 12))
            rest, more = pairs[4:], b""
            while rest:
                more += b"".join(rest[:21]).ljust(504, b"\0") + (b"\1" if len(rest) > 21 else b"\0") + b"\0" * 7
                rest = rest[21:]
            fields["_more"] = more
        elif kind == "0.0":
            records += [(b"GNU.sparse.size", b"%d" % real), (b"GNU.sparse.numblocks", b"%d" % len(spans))]
            for at, length in spans:
                records += [(b"GNU.sparse.offset", b"%d" % at), (b"GNU.sparse.numbytes", b"%d" % length)]
        elif kind == "0.1":
            records += [(b"GNU.sparse.size", b"%d" % real), (b"GNU.sparse.numblocks", b"%d" % len(spans)),
                        (b"GNU.sparse.map", ",".join("%d,%d" % s for s in spans).encode())]
        elif kind == "1.0":
            records += [(b"GNU.sparse.major", b"1"), (b"GNU.sparse.minor", b"0"), (b"GNU.sparse.realsize", b"%d" % real)]
            text = "%d\n" % len(spans) + "".join("%d\n%d\n" % s for s in spans)
            packed = pad(text.encode()) + packed
        else:
            raise ValueError("sparse format %r" % kind)
        return packed, len(packed)
