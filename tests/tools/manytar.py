"""Layers of very many small members, made quickly: ustar headers by patching one template.

    many(names, b"0", mode=0o644)      the bytes of a run of members; names of at most 100 bytes
    finish(parts)                      the whole layer
"""
import tarwrite


def many(names, typeflag=b"0", link=b"", mode=0o644, mtime=1_600_000_000, uid=0, gid=0, data=b""):
    """One member for each name, all with the same metadata, link target and data."""
    fields = {"mode": tarwrite.octal(mode, 8), "uid": tarwrite.octal(uid, 8), "gid": tarwrite.octal(gid, 8),
              "size": tarwrite.octal(len(data), 12), "mtime": tarwrite.octal(mtime, 12), "typeflag": typeflag,
              "linkname": link, "devmajor": tarwrite.octal(0, 8), "devminor": tarwrite.octal(0, 8)}
    block = tarwrite.header("pax", fields)
    total = sum(block[:148]) + sum(block[156:]) + 8 * 32
    before, after, body = block[100:148], block[156:], tarwrite.pad(data)
    out = []
    for name in names:
        if not 0 < len(name) <= 100:
            raise ValueError("name of %d bytes" % len(name))
        out.append(b"%b%b%06o\0 %b%b" % (name.ljust(100, b"\0"), before, total + sum(name), after, body))
    return b"".join(out)


def finish(*parts):
    return b"".join(parts) + b"\0" * 1024
