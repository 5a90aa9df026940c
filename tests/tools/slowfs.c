/*
 * usage: slowfs BACKING MOUNTPOINT        (in the foreground, until it is unmounted)
 *
 * A read-only filesystem that shows the folder BACKING, and a gate before the data of its
 * files: a read waits, or fails with EIO, while the gate says so. The file
 * MOUNTPOINT/gate is the gate: writing "open", "hold" or "fail" to it sets it, reading it
 * gives what it is and how many reads wait: "hold 3\n". Nothing is cached, so every read
 * of a file arrives here. For tests of what goes on while data does not come: no
 * sleeping, no guessing.
 */
#define FUSE_USE_VERSION 31

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fuse.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char gate_path[] = "/gate";
static const char *const gate_names[] = {"open", "hold", "fail"};
enum gate {
	GATE_OPEN,
	GATE_HOLD,
	GATE_FAIL,
	GATE_COUNT,
};

static struct {
	int backing; /* the folder */
	pthread_mutex_t lock;
	pthread_cond_t moved;
	enum gate gate;
	unsigned waiting;
} fs = {.lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER};

static int is_gate(const char *path)
{
	return strcmp(path, gate_path) == 0;
}

/* The path below the folder. */
static const char *below(const char *path)
{
	return path[1] ? path + 1 : ".";
}

static int fs_getattr(const char *path, struct stat *st, struct fuse_file_info *fi)
{
	(void)fi;
	if (is_gate(path)) {
		*st = (struct stat){.st_mode = S_IFREG | 0666, .st_nlink = 1};
		return 0;
	}
	return fstatat(fs.backing, below(path), st, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}

static int fs_readdir(const char *path, void *buf, fuse_fill_dir_t fill, off_t off,
	struct fuse_file_info *fi, enum fuse_readdir_flags flags)
{
	int fd = openat(fs.backing, below(path), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	(void)off, (void)fi, (void)flags;
	if (!dir)
		return -errno;
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		fill(buf, e->d_name, NULL, 0, 0);
	closedir(dir);
	return 0;
}

static int fs_open(const char *path, struct fuse_file_info *fi)
{
	int fd = -1;

	if (!is_gate(path)) {
		if ((fi->flags & O_ACCMODE) != O_RDONLY)
			return -EROFS;
		fd = openat(fs.backing, below(path), O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return -errno;
	}
	fi->fh = (uint64_t)(int64_t)fd;
	fi->direct_io = 1;
	return 0;
}

static int read_gate(char *buf, size_t size, off_t off)
{
	char text[64];
	int n;

	pthread_mutex_lock(&fs.lock);
	n = snprintf(text, sizeof(text), "%s %u\n", gate_names[fs.gate], fs.waiting);
	pthread_mutex_unlock(&fs.lock);
	if (off >= n)
		return 0;
	if (size > (size_t)(n - off))
		size = (size_t)(n - off);
	memcpy(buf, text + off, size);
	return (int)size;
}

static int pass_gate(void)
{
	int r;

	pthread_mutex_lock(&fs.lock);
	fs.waiting++;
	while (fs.gate == GATE_HOLD)
		pthread_cond_wait(&fs.moved, &fs.lock);
	fs.waiting--;
	r = fs.gate == GATE_FAIL ? -EIO : 0;
	pthread_mutex_unlock(&fs.lock);
	return r;
}

static int fs_read(
	const char *path, char *buf, size_t size, off_t off, struct fuse_file_info *fi)
{
	ssize_t n;
	int r;

	if (is_gate(path))
		return read_gate(buf, size, off);
	r = pass_gate();
	if (r < 0)
		return r;
	n = pread((int)fi->fh, buf, size, off);
	return n < 0 ? -errno : (int)n;
}

static int fs_write(const char *path, const char *buf, size_t size, off_t off,
	struct fuse_file_info *fi)
{
	(void)off, (void)fi;
	if (!is_gate(path))
		return -EROFS;
	for (unsigned g = 0; g < GATE_COUNT; g++)
		if (size == strlen(gate_names[g]) &&
			memcmp(buf, gate_names[g], size) == 0) {
			pthread_mutex_lock(&fs.lock);
			fs.gate = (enum gate)g;
			pthread_cond_broadcast(&fs.moved);
			pthread_mutex_unlock(&fs.lock);
			return (int)size;
		}
	return -EINVAL;
}

static int fs_release(const char *path, struct fuse_file_info *fi)
{
	if (!is_gate(path))
		close((int)fi->fh);
	return 0;
}

static int fs_truncate(const char *path, off_t size, struct fuse_file_info *fi)
{
	(void)size, (void)fi;
	return is_gate(path) ? 0 : -EROFS;
}

static const struct fuse_operations operations = {
	.getattr = fs_getattr,
	.readdir = fs_readdir,
	.open = fs_open,
	.read = fs_read,
	.write = fs_write,
	.release = fs_release,
	.truncate = fs_truncate,
};

int main(int argc, char **argv)
{
	char *args[] = {argv[0], "-f", "-o",
		"allow_other,default_permissions,fsname=slowfs,attr_timeout=0,"
		"entry_timeout=0",
		NULL, NULL};

	if (argc != 3) {
		fprintf(stderr, "usage: slowfs BACKING MOUNTPOINT\n");
		return 2;
	}
	fs.backing = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fs.backing < 0) {
		perror(argv[1]);
		return 1;
	}
	args[4] = argv[2];
	return fuse_main(5, args, &operations, NULL);
}
