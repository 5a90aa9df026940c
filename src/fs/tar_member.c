#include "fs/tar_member.h"

#include "base/text.h"
#include "fs/tar_number.h"

enum {
	/* what ext4 and the kernel's dev_t hold */
	MAJOR_MAX = 0xfff,
	MINOR_MAX = 0xfffff,
};

static int field(const struct tar_header *h, size_t at, size_t width, const char *what,
	int64_t *out, struct o2r_err *err)
{
	if (tar_number(h->block + at, width, out))
		return 0;
	return err_corrupt(err, "the %s is not a number: '%s'", what,
		text_quote(h->block + at, width).s);
}

static int number(const struct tar_member_parts *parts, enum pax_number key, size_t at,
	const char *what, int64_t *out, struct o2r_err *err)
{
	if (pax_has(parts->pax, key)) {
		*out = parts->pax->number[key];
		return 0;
	}
	return field(parts->header, at, 8, what, out, err);
}

/* Negative ids are how some writers put 4294967294 (nobody); 4294967295 is no id:
 * chown(2) takes it for "leave alone", and the kernel shows no owner for it. */
static int owner(const struct tar_member_parts *parts, enum pax_number key, size_t at,
	const char *what, uint32_t *out, struct o2r_err *err)
{
	int64_t v;
	int r = number(parts, key, at, what, &v, err);

	if (r < 0)
		return r;
	if (v < INT32_MIN || v > UINT32_MAX || (uint32_t)v == UINT32_MAX)
		return err_corrupt(
			err, "the %s %lld is out of range", what, (long long)v);
	*out = (uint32_t)v;
	return 0;
}

static int device_number(const struct tar_member_parts *parts, enum pax_number key,
	size_t at, int64_t max, uint32_t *out, struct o2r_err *err)
{
	const char *what =
		key == PAX_MAJOR ? "major device number" : "minor device number";
	int64_t v;
	int r = number(parts, key, at, what, &v, err);

	if (r < 0)
		return r;
	if (v < 0 || v > max)
		return err_corrupt(err, "the %s %lld is not in 0 .. %lld", what,
			(long long)v, (long long)max);
	*out = (uint32_t)v;
	return 0;
}

static int device(
	const struct tar_member_parts *parts, struct tar_member *m, struct o2r_err *err)
{
	int r;

	if (parts->header->format == TAR_V7)
		return err_corrupt(
			err, "a device in a v7 header, which has no numbers for it");
	r = device_number(parts, PAX_MAJOR, TAR_AT_MAJOR, MAJOR_MAX, &m->major, err);
	if (r < 0)
		return r;
	return device_number(parts, PAX_MINOR, TAR_AT_MINOR, MINOR_MAX, &m->minor, err);
}

static int inode(
	const struct tar_member_parts *parts, struct tar_member *m, struct o2r_err *err)
{
	const struct tar_header *h = parts->header;
	int64_t mode;
	int r;

	r = field(h, TAR_AT_MODE, 8, "mode", &mode, err);
	if (r < 0)
		return r;
	m->mode = mode & 07777;
	r = owner(parts, PAX_UID, TAR_AT_UID, "user id", &m->uid, err);
	if (r < 0)
		return r;
	r = owner(parts, PAX_GID, TAR_AT_GID, "group id", &m->gid, err);
	if (r < 0)
		return r;
	if (!pax_has(parts->pax, PAX_MTIME))
		return field(h, TAR_AT_MTIME, 12, "mtime", &m->mtime, err);
	m->mtime = parts->pax->mtime;
	m->mtime_nsec = parts->pax->mtime_nsec;
	return 0;
}

static int unsupported(unsigned char type, struct o2r_err *err)
{
	static const struct {
		char type;
		const char *what;
	} known[] = {
		{'A', "Solaris ACL"},
		{'D', "GNU directory dump"},
		{'E', "Solaris extended attribute"},
		{'I', "star inode metadata"},
		{'M', "continuation of a GNU multi-volume archive"},
		{'N', "old GNU long names"},
		{'V', "GNU volume label"},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].type == type)
			return err_corrupt(err,
				"entries of type '%c' (%s) are not supported", type,
				known[i].what);
	return err_corrupt(err, "unknown entry type '%s'", text_quote(&type, 1).s);
}

/* Old tars write a directory as a file whose name ends in a slash. Engines honour that
 * for the old type only, GNU tar and libarchive for all; data is never thrown away for
 * it. */
static bool is_directory_name(const struct tar_member *m, const struct tar_header *h)
{
	if (!m->path.n || m->path.p[m->path.n - 1] != '/')
		return false;
	return h->type == '\0' || !m->stored;
}

static int set_kind(const struct tar_header *h, struct tar_member *m, struct o2r_err *err)
{
	switch (h->type) {
	case '\0':
	case '0':
	case '7':
		m->kind = is_directory_name(m, h) ? ENTRY_DIR : ENTRY_FILE;
		return 0;
	case 'S':
		if (h->format != TAR_GNU)
			return err_corrupt(err, "sparse files of type 'S' are supported "
						"in GNU headers only");
		m->kind = ENTRY_FILE;
		m->map = TAR_MAP_OLD_GNU;
		return 0;
	case '1':
		m->kind = ENTRY_HARDLINK;
		return 0;
	case '2':
		m->kind = ENTRY_SYMLINK;
		return 0;
	case '3':
		m->kind = ENTRY_CHR;
		return 0;
	case '4':
		m->kind = ENTRY_BLK;
		return 0;
	case '5':
		m->kind = ENTRY_DIR;
		return 0;
	case '6':
		m->kind = ENTRY_FIFO;
		return 0;
	default:
		return unsupported(h->type, err);
	}
}

static int pax_sparse_kind(
	const struct tar_pax *pax, enum tar_map *map, struct o2r_err *err)
{
	int64_t major =
		pax_has(pax, PAX_SPARSE_MAJOR) ? pax->number[PAX_SPARSE_MAJOR] : 0;
	int64_t minor =
		pax_has(pax, PAX_SPARSE_MINOR) ? pax->number[PAX_SPARSE_MINOR] : 0;

	if (major == 0 && (minor == 0 || minor == 1))
		*map = TAR_MAP_RECORDS;
	else if (major == 1 && minor == 0)
		*map = TAR_MAP_DATA;
	else
		return err_corrupt(err, "unknown sparse format %lld.%lld",
			(long long)major, (long long)minor);
	return 0;
}

static int real_size(
	const struct tar_member_parts *parts, struct tar_member *m, struct o2r_err *err)
{
	const struct tar_pax *pax = parts->pax;
	int64_t v = (int64_t)m->stored;

	if (pax_has(pax, PAX_SPARSE_SIZE))
		v = pax->number[PAX_SPARSE_SIZE];
	else if (pax_has(pax, PAX_SPARSE_REALSIZE))
		v = pax->number[PAX_SPARSE_REALSIZE];
	else if (m->map == TAR_MAP_OLD_GNU && pax_has(pax, PAX_STAR_REALSIZE))
		v = pax->number[PAX_STAR_REALSIZE];
	else if (m->map == TAR_MAP_OLD_GNU &&
		 !tar_number(parts->header->block + TAR_AT_GNU_REALSIZE, 12, &v))
		return err_corrupt(err, "the size of the sparse file is not a number");
	if (v < 0)
		return err_corrupt(err, "the size of the sparse file is negative");
	m->size = (uint64_t)v;
	return 0;
}

static int file_size(
	const struct tar_member_parts *parts, struct tar_member *m, struct o2r_err *err)
{
	const struct tar_pax *pax = parts->pax;
	int r = 0;

	if (m->map == TAR_MAP_NONE &&
		(pax->sparse_map.p || pax->pair_count || pax_has(pax, PAX_SPARSE_MAJOR) ||
			pax_has(pax, PAX_SPARSE_NUMBLOCKS)))
		r = pax_sparse_kind(pax, &m->map, err);
	if (r < 0)
		return r;
	if (m->map != TAR_MAP_NONE)
		return real_size(parts, m, err);
	if (pax_has(pax, PAX_STAR_REALSIZE) &&
		pax->number[PAX_STAR_REALSIZE] != (int64_t)m->stored)
		return err_corrupt(
			err, "sparse files in the format of star are not supported");
	m->size = m->stored;
	return 0;
}

static int stored_size(
	const struct tar_member_parts *parts, struct tar_member *m, struct o2r_err *err)
{
	int64_t v = (int64_t)parts->header->size;

	if (pax_has(parts->pax, PAX_SIZE))
		v = parts->pax->number[PAX_SIZE];
	if (v < 0)
		return err_corrupt(err, "the size is negative (%lld)", (long long)v);
	m->stored = (uint64_t)v;
	return 0;
}

static int set_size(
	const struct tar_member_parts *parts, struct tar_member *m, struct o2r_err *err)
{
	switch (m->kind) {
	case ENTRY_FILE:
		return file_size(parts, m, err);
	case ENTRY_HARDLINK:
		return 0; /* what follows will tell */
	default:
		/* whatever the size says, nothing follows: Go and libarchive agree, for
		 * the directories of old tars too */
		m->stored = 0;
		return 0;
	}
}

static struct pax_str first_given(
	struct pax_str a, struct pax_str b, const char *p, size_t n)
{
	return a.n ? a : b.n ? b : (struct pax_str){p, n};
}

int tar_member_build(
	const struct tar_member_parts *parts, struct tar_member *m, struct o2r_err *err)
{
	const struct tar_header *h = parts->header;
	int r;

	*m = (struct tar_member){.pax = parts->pax};
	m->path = first_given(parts->long_name, parts->pax->path, h->name, h->name_len);
	r = stored_size(parts, m, err);
	if (r == 0)
		r = set_kind(h, m, err);
	if (r < 0)
		return r;
	if (parts->pax->sparse_name.n)
		m->path = parts->pax->sparse_name;
	if (m->kind == ENTRY_SYMLINK || m->kind == ENTRY_HARDLINK)
		m->link = first_given(
			parts->long_link, parts->pax->linkpath, h->link, h->link_len);
	r = set_size(parts, m, err);
	if (r < 0)
		return r;
	if (m->kind == ENTRY_CHR || m->kind == ENTRY_BLK)
		r = device(parts, m, err);
	return r < 0 ? r : inode(parts, m, err);
}
