"""Things that the rules refuse, for random images. Each function puts one of them into a layer.

They use names of their own (`zz...`), so that nothing drawn later can take them away again.
"""
import randpick


def unknown_type(rng, layer):
    layer.entry("zz1", rng.choice((b"Z", b"8", b"D")))


def empty_whiteout(rng, layer):
    layer.file(rng.choice((b"", b"a/", b"zz/")) + rng.choice((b".wh.", b".wh..", b".wh...")))


def whiteout_parent(rng, layer):
    layer.file(rng.choice((b".wh.zz/x", b"a/.wh.b/c", b".wh..wh..opq/x", b".wh.zz/.wh.y")))


def long_part(rng, layer):
    layer.file(rng.choice((b"", b"zz/")) + b"z" * 256 + rng.choice((b"", b"/x")))


def nul_in_name(rng, layer):
    layer.file("zz2", pax=[("path", rng.choice((b"zz\0x", b"zz2\0")))])


def no_target(rng, layer):
    layer.link("zz3", rng.choice((b"zz-none", b"zz/none", b"zz3", b"a/zz-none")))


def link_cycle(rng, layer):
    layer.link("zz4", "zz5").link("zz5", "zz4")


def link_to_directory(rng, layer):
    if rng.random() < 0.5:
        layer.dir("zz6").link("zz7", rng.choice((b"zz6", b"zz6/", b"./zz6")))
    else:
        layer.link("zz7", "zz6").dir("zz6")


def symlink_loop(rng, layer):
    layer.symlink("zz8", "zz9").symlink("zz9", "zz8").file("zz8/x")


def self_symlink(rng, layer):
    layer.symlink("zza", rng.choice((b"zza", b"zza/b", b"./zza"))).file("zza/x", b"")


def many_hops(rng, layer):
    """A chain of symlinks one longer than the limit."""
    for i in range(256):
        layer.symlink("zzh%d" % i, "zzh%d" % (i + 1) if i < 255 else "zzd", fmt="ustar")
    layer.file("zzh0/x")


def long_symlink(rng, layer):
    layer.symlink("zzb", b"t" * 4096)


def big_xattr(rng, layer):
    layer.file("zzc", xattrs={"user.big": b"x" * 65537})


def long_path(rng, layer):
    layer.file(b"zz/" * 22000 + b"x")


def bad_checksum(rng, layer):
    layer.file("zzd", checksum="bad")


def bad_number(rng, layer):
    field = rng.choice(("uid", "size", "mtime", "mode"))
    layer.file("zze", fields={field: b"12x4567\0"}, fmt="ustar")


def negative_size(rng, layer):
    layer.file("zzf", fields={"size": b"\xff" * 12}, fmt="gnu")


def truncated(rng, layer):
    """The layer ends in the middle of this file's data."""
    layer.file("zzg", b"x" * 700, padding=False, size=5000, fmt="ustar")
    layer.end = 0


def bad_sparse(rng, layer):
    layer.file("zzi", b"data", pax=[("GNU.sparse.size", "100"), ("GNU.sparse.numblocks", "1"),
                                    ("GNU.sparse.map", rng.choice(("200,4", "0,4,2", "x,4", "98,4")))])


def bad_acl(rng, layer):
    entries = rng.choice(([(1, 7, 0xFFFFFFFF)], [(1, 9, 0xFFFFFFFF), (4, 1, 0xFFFFFFFF), (0x20, 1, 0xFFFFFFFF)]))
    layer.file("zzj", xattrs={"system.posix_acl_access": randpick.acl_raw(entries)})


LAST = (truncated,)         # must come last in its layer
ALL = (unknown_type, empty_whiteout, whiteout_parent, long_part, nul_in_name, no_target, link_cycle, link_to_directory,
       symlink_loop, self_symlink, many_hops, long_symlink, big_xattr, long_path, bad_checksum, bad_number, negative_size,
       truncated, bad_sparse, bad_acl)
