"""What each fuzz target aims at: patterns of source files whose lines it must reach, together at least 80 %."""

AIMS = {
    "tar": ["src/fs/tar_*.c", "src/fs/posix_acl.c", "src/fs/xattr_coding.c", "src/fs/zero_runs.c"],
    "merge": ["src/fs/layer_tree.c", "src/fs/layer_walk.c", "src/fs/layer_links.c", "src/fs/overlay.c", "src/fs/build.c", "src/fs/freeze.c",
              "src/fs/merge.c", "src/fs/xattr_pool.c"],
    "json": ["src/sources/json.c", "src/sources/json_check.c", "src/sources/manifest.c", "src/sources/config.c", "src/sources/media_type.c"],
    "ref": ["src/sources/ref.c", "src/sources/name.c", "src/sources/platform.c", "src/sources/rfc3339.c"],
    "toml": ["src/sources/toml*.c", "src/sources/registry/registries_conf.c", "src/sources/registry/registries_match.c"],
    "challenge": ["src/sources/registry/challenge.c", "src/sources/registry/realm.c", "src/sources/registry/scopes.c",
                  "src/sources/registry/token_reply.c"],
    "authfile": ["src/sources/registry/auth_entry.c", "src/sources/registry/auth_key.c", "src/sources/registry/authfile.c"],
    "http": ["src/sources/registry/url.c", "src/sources/registry/http_headers.c", "src/sources/registry/http_proxy.c",
             "src/sources/registry/http_redirect.c"],
    "layout": ["src/sources/layout.c", "src/sources/search.c", "src/sources/select.c", "src/sources/image_read.c", "src/sources/choices.c"],
    "replies": ["src/sources/registry/retry_after.c", "src/sources/registry/warning.c", "src/sources/registry/error_document.c"],
    "kept": ["src/sources/store_ranges.c", "src/sources/name_note.c"],
    "state": ["src/o2r_state.c", "src/o2r_state_extra.c", "src/o2r_state_parts.c"],
    "plan": ["src/ext4/[!o]*.c", "src/ext4/object.c"],
    "gzip": ["src/blob/gzip.c", "src/blob/inflate_*.c", "src/blob/decoder.c"],
    "stream": ["src/blob/scan.c", "src/blob/hasher.c", "src/blob/reader.c", "src/blob/checkpoints.c", "src/blob/stream.c",
               "src/blob/zstd_dec.c", "src/blob/codec.c"],
    "pack": ["src/base/pack.c", "src/blob/stream_pack.c", "src/fs/layer_pack.c", "src/fs/layer_check.c", "src/fs/xattr_name.c"],
}
