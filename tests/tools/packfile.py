"""The packs of the cache folder, read and written by docs/cache.md alone: to damage them, and to make damage look right."""
import hashlib
import struct

HEADER, SECTIONS, SECTION = 1032, 104, 56
ZEROS = bytes(32)


class Pack:
    """kind, version, key (the digest's bytes), and sections: a list of [tag, bytearray, has a digest]."""

    def __init__(self, path):
        with open(path, "rb") as f:
            data = f.read()
        head = data[:HEADER]
        assert head[:8] == b"o2r pack" and hashlib.sha256(head[:-32]).digest() == head[-32:], "no pack: %s" % path
        self.format, kind, self.version, count, size, self.algo, zero = struct.unpack_from("<IIIIQII", head, 8)
        assert size == len(data) and zero == 0
        self.path, self.kind, self.key = path, struct.pack("<I", kind), head[40:104]
        self.sections, end = [], HEADER
        for i in range(count):
            tag, zero, off, length = struct.unpack_from("<IIQQ", head, SECTIONS + i * SECTION)
            digest = head[SECTIONS + i * SECTION + 24:SECTIONS + (i + 1) * SECTION]
            assert off == end and zero == 0
            end = off + length
            body = bytearray(data[off:end])
            assert digest == ZEROS or hashlib.sha256(body).digest() == digest
            self.sections.append([struct.pack("<I", tag).decode(), body, digest])
        assert end == len(data)

    def __getitem__(self, tag):
        return next(body for name, body, _ in self.sections if name == tag)

    def tags(self):
        return [name for name, _, _ in self.sections]

    def save(self, reseal=True):
        """Write it back with a right header; reseal: with right digests of the sections too, else with those it had."""
        head = b"o2r pack" + struct.pack("<I4sIIQII", self.format, self.kind, self.version, len(self.sections),
                                         HEADER + sum(len(body) for _, body, _ in self.sections), self.algo, 0) + self.key
        end = HEADER
        for tag, body, digest in self.sections:
            if reseal and digest != ZEROS:
                digest = hashlib.sha256(body).digest()
            head += struct.pack("<4sIQQ", tag.encode(), 0, end, len(body)) + digest
            end += len(body)
        head = head.ljust(HEADER - 32, b"\0")
        with open(self.path, "r+b") as f:       # the same file: owner and mode stay
            f.write(head + hashlib.sha256(head).digest() + b"".join(bytes(body) for _, body, _ in self.sections))
            f.truncate()
