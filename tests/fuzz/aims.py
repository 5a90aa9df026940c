"""What each fuzz target aims at: patterns of source files whose lines it must reach, together at least 80 %."""

AIMS = {
    "tar": ["src/fs/tar_*.c", "src/fs/posix_acl.c", "src/fs/xattr_coding.c", "src/fs/zero_runs.c"],
}
