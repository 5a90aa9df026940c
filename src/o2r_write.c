/* Writing the planned image: to a file that appears when whole, a device, a pipe. */
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <linux/fs.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/text.h"
#include "ext4/out.h"
#include "fs/data.h"
#include "handle_ext4.h"

/* Hands the pieces of one pass to the writer, and remembers whose an error is. */
struct passing {
	struct ext4_writer *writer;
	int pass;
	_Atomic bool writer_failed;
};

static int pass_pieces(
	void *arg, const struct data_piece *v, size_t n, struct o2r_err *err)
{
	struct passing *p = arg;
	int r = ext4_writer_pieces(p->writer, p->pass, v, n, err);

	if (r < 0)
		atomic_store(&p->writer_failed, true);
	return r;
}

static int pass_copy(void *arg, const struct data_span *s, struct o2r_err *err)
{
	struct passing *p = arg;
	int r = ext4_writer_copy(p->writer, p->pass, s, err);

	if (r < 0)
		atomic_store(&p->writer_failed, true);
	return r;
}

static int write_image(struct o2r_image *image, const struct ext4_plan *plan,
	const struct ext4_out *out, struct o2r_err *err)
{
	struct ext4_writer *w CLEANUP(o2r_cleanup_writer) = NULL;
	int r = o2r_open_blobs(image, err);

	if (r == 0)
		r = ext4_writer_create(plan, out, &image->ctx, &w, err);

	for (int pass = 0; r == 0 && pass < ext4_plan_passes(plan); pass++) {
		struct passing p = {.writer = w, .pass = pass};
		struct data_sink sink = {.pieces = pass_pieces,
			.copy = out->ops->copy ? pass_copy : NULL,
			.arg = &p,
			.ordered = out->ops->ordered};
		uint32_t count = 0;
		const uint32_t *items = ext4_plan_items(plan, pass, &count);

		r = data_read(image->tree, image->streams, items, count, &image->ctx,
			&sink, err);
		if (r < 0 && !atomic_load(&p.writer_failed))
			o2r_wrap_reference(image, err);
	}
	return r < 0 ? r : ext4_writer_end(w, err);
}

static int write_stream(struct o2r_image *image, const struct ext4_plan *plan, int fd,
	struct o2r_err *err)
{
	struct ext4_out_stream stream;
	struct ext4_out out = ext4_out_stream(&stream, fd);

	return write_image(image, plan, &out, err);
}

static int write_file(struct o2r_image *image, const struct ext4_plan *plan,
	const char *path, uint64_t bytes, bool force, struct o2r_err *err)
{
	struct tmpfile t CLEANUP(tmpfile_finish) = TMPFILE_INIT;
	struct ext4_out_file file;
	int r = tmpfile_open(&t, path, force, err);

	if (r < 0)
		return r;
	if (ftruncate(t.fd, (off_t)bytes) < 0)
		return err_errno(err, errno, "cannot make a file of %llu bytes",
			(unsigned long long)bytes);

	struct ext4_out out = ext4_out_file(&file, t.fd, false);

	r = write_image(image, plan, &out, err);
	return r < 0 ? r : tmpfile_publish(&t, force, err);
}

static int write_device(struct o2r_image *image, const struct ext4_plan *plan,
	const char *path, uint64_t bytes, struct o2r_err *err)
{
	AUTO_FD int fd = -1;
	uint64_t size = 0;

	/* O_EXCL: refused while the device is mounted or otherwise in use */
	fd = open(path, O_RDWR | O_EXCL | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, errno, "cannot open the block device");
	if (ioctl(fd, BLKGETSIZE64, &size) < 0)
		return err_errno(err, errno, "cannot tell the size of the block device");
	if (size < bytes)
		return err_set(err, ERR_SPACE, ENOSPC,
			"the block device has %llu bytes, the image needs %llu (try "
			"--size min)",
			(unsigned long long)size, (unsigned long long)bytes);

	struct ext4_out_file file;
	struct ext4_out out = ext4_out_file(&file, fd, true);
	int r = write_image(image, plan, &out, err);

	/* errors of a device may show up only here */
	if (r == 0 && fsync(fd) < 0)
		r = err_errno(err, errno, "cannot write to the block device");
	return r;
}

static int write_special(struct o2r_image *image, const struct ext4_plan *plan,
	const char *path, struct o2r_err *err)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, errno, "cannot open it");
	return write_stream(image, plan, fd, err);
}

/* What must be refused is refused before layers are read for minutes. */
static int check_target(const char *path, bool force, mode_t *type, struct o2r_err *err)
{
	struct quoted name = text_quote(path, strlen(path));
	struct stat st;

	*type = S_IFREG;
	if (stat(path, &st) == 0)
		*type = st.st_mode & S_IFMT;
	if (S_ISREG(*type)) {
		struct tmpfile t CLEANUP(tmpfile_finish) = TMPFILE_INIT;

		return tmpfile_open(&t, path, force, err);
	}
	if (S_ISDIR(*type))
		return err_set(err, ERR_USAGE, EISDIR, "%s is a directory", name.s);
	if (S_ISBLK(*type) && !force)
		return err_set(err, ERR_USAGE, EEXIST,
			"%s is a block device: --force overwrites what is on it", name.s);
	return 0;
}

int o2r_ext4_write(struct o2r_image *image, const struct o2r_ext4_options *options,
	const char *path, struct o2r_ext4_info *info, struct o2r_error *error)
{
	struct ext4_plan *plan CLEANUP(o2r_cleanup_plan) = NULL;
	struct o2r_ext4_info own;
	struct o2r_err err = {0};
	bool force = options && options->force;
	mode_t type;
	int r = check_target(path, force, &type, &err);

	if (!info)
		info = &own;
	if (r == 0)
		r = o2r_make_plan(image, options, &plan, info, &err);
	if (r < 0)
		return o2r_fail(error, &err);
	if (S_ISBLK(type))
		r = write_device(image, plan, path, info->image_bytes, &err);
	else if (S_ISREG(type))
		r = write_file(image, plan, path, info->image_bytes, force, &err);
	else
		r = write_special(image, plan, path, &err);
	if (r == 0)
		return 0;
	err_wrap(&err, "%s", text_quote(path, strlen(path)).s);
	return o2r_fail(error, &err);
}

int o2r_ext4_write_fd(struct o2r_image *image, const struct o2r_ext4_options *options,
	int fd, struct o2r_ext4_info *info, struct o2r_error *error)
{
	struct ext4_plan *plan CLEANUP(o2r_cleanup_plan) = NULL;
	struct o2r_err err = {0};
	int r = o2r_make_plan(image, options, &plan, info, &err);

	if (r == 0)
		r = write_stream(image, plan, fd, &err);
	return r < 0 ? o2r_fail(error, &err) : 0;
}
