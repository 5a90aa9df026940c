#include "differences.h"

#include <stdlib.h>
#include <string.h>

#include "fs/tar_header.h"
#include "fs/tar_number.h"

static void look_at(struct facts *facts, const unsigned char *block)
{
	unsigned char type = block[TAR_AT_TYPE];
	int64_t size;

	for (int i = 0; i < 8; i++)
		if (!memchr("01234567 \0", block[TAR_AT_CHKSUM + i], 10))
			facts->odd_sum = true;

	if (type == 'g')
		facts->global = true;
	if (type == '1' && tar_number(block + TAR_AT_SIZE, 12, &size) && size)
		facts->link_body = true;
	if (type != 'S' && memcmp(block + TAR_AT_MAGIC, "ustar  ", 8) == 0 &&
		(block[TAR_AT_GNU_SPARSE] || block[TAR_AT_GNU_REALSIZE]))
		facts->gnu_map = true;
}

/* Headers as they follow each other when extensions have their bodies. */
static bool has_piled(const unsigned char *p, size_t n)
{
	int before = 0;

	for (size_t at = 0; at + TAR_BLOCK <= n; at += TAR_BLOCK) {
		const unsigned char *block = p + at;
		int64_t size;

		if (tar_block_is_zero(block) || !tar_checksum_ok(block))
			continue;
		if (!strchr("xXLKg", block[TAR_AT_TYPE])) {
			before = 0;
			continue;
		}
		if (!tar_number(block + TAR_AT_SIZE, 12, &size) || size <= 0)
			return true;
		/* a long name that begins with NUL is empty too */
		if (at + TAR_BLOCK < n && !block[TAR_BLOCK])
			return true;
		/* K and L belong together, in either order */
		if (before &&
			!(strchr("LK", before) && strchr("LK", block[TAR_AT_TYPE]) &&
				before != block[TAR_AT_TYPE]))
			return true;
		before = block[TAR_AT_TYPE];
		at += ((uint64_t)size + TAR_BLOCK - 1) / TAR_BLOCK * TAR_BLOCK;
	}
	return false;
}

void facts_gather(struct facts *facts, const void *tar, size_t n, bool mutated)
{
	const unsigned char *p = tar;

	*facts = (struct facts){.mutated = mutated};
	for (size_t at = 0; at + TAR_BLOCK <= n; at += TAR_BLOCK)
		if (!tar_block_is_zero(p + at) && tar_checksum_ok(p + at))
			look_at(facts, p + at);
	facts->piled = has_piled(p, n);
	facts->acl_text = memmem(p, n, "SCHILY.acl", 10) != NULL;
	facts->sparse_text = memmem(p, n, "GNU.sparse", 10) != NULL;
}

#define ALL ((1u << FIELD_COUNT) - 1)
#define F(name) (1u << FIELD_##name)

static bool has_damaged_acl(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	(void)ours, (void)theirs;
	return facts->mutated && facts->acl_text;
}

static bool has_acl_text(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	(void)ours, (void)theirs;
	return facts->acl_text;
}

static bool has_piled_extensions(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	(void)ours, (void)theirs;
	return facts->mutated && facts->piled;
}

static bool has_odd_sum(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	(void)ours, (void)theirs;
	return facts->odd_sum;
}

/* The name that K gives reaches only those links that have one themselves. */
static bool is_link_without_type(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	return facts->mutated && strchr("hl", ours->field[FIELD_KIND][0]) &&
	       !theirs->field[FIELD_LINK][0];
}

static bool has_gnu_map(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	(void)ours, (void)theirs;
	return facts->gnu_map;
}

static bool has_damaged_sparse(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	(void)ours, (void)theirs;
	return facts->mutated && facts->sparse_text;
}

static bool is_file_named_directory(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	return facts->mutated && ours->field[FIELD_KIND][0] == 'f' &&
	       theirs->field[FIELD_KIND][0] == 'd';
}

/* A file named "/": ours ignores it, and is at the next entry. */
static bool is_root_file(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	return facts->mutated && ours->field[FIELD_PATH][0] &&
	       !theirs->field[FIELD_PATH][0] && theirs->field[FIELD_KIND][0] == 'd';
}

static bool has_link_body(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	(void)ours, (void)theirs;
	return facts->link_body;
}

static bool is_link_to_nothing(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	(void)facts, (void)theirs;
	return ours->field[FIELD_KIND][0] == 'h' && !ours->field[FIELD_LINK][0];
}

/* The kernel's 32 bits of a negative number. */
static bool is_negative_id(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	static const int fields[] = {FIELD_UID, FIELD_GID};

	(void)facts;
	for (int i = 0; i < 2; i++) {
		long long a = atoll(ours->field[fields[i]]),
			  b = atoll(theirs->field[fields[i]]);

		if (a != b && (b >= 0 || (uint32_t)b != a))
			return false;
	}
	return true;
}

static bool is_negative_fraction(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	const char *dot = strchr(ours->field[FIELD_MTIME], '.');

	(void)facts, (void)theirs;
	return ours->field[FIELD_MTIME][0] == '-' && dot &&
	       strcmp(dot, ".000000000") != 0;
}

static bool has_go_prefix(
	const struct facts *facts, const struct record *ours, const struct record *theirs)
{
	size_t a = strlen(ours->field[FIELD_PATH]), b = strlen(theirs->field[FIELD_PATH]);

	(void)facts;
	return a > b &&
	       strcmp(ours->field[FIELD_PATH] + a - b, theirs->field[FIELD_PATH]) == 0;
}

static const struct {
	unsigned fields;
	bool (*match)(const struct facts *facts, const struct record *ours,
		const struct record *theirs);
	const char *reason;
} field_rules[] = {
	{ALL, has_link_body, "libarchive takes the body of a hard link for headers"},
	{ALL, has_piled_extensions,
		"of several extension headers libarchive takes one, and empty ones too"},
	{ALL, has_odd_sum,
		"libarchive skips headers with other bytes in the checksum field"},
	{F(KIND) | F(LINK), is_link_without_type,
		"libarchive misses a long link target where the header names none "
		"itself"},
	{ALL, has_gnu_map,
		"libarchive reads a sparse map in every GNU header, ours with type S "
		"only"},
	{F(SIZE) | F(CONTENT) | F(PATH) | F(KIND), has_damaged_sparse,
		"libarchive guesses at incomplete sparse records"},
	{F(KIND) | F(SIZE) | F(CONTENT), is_file_named_directory,
		"a name with a slash is a directory for libarchive, for ours without "
		"data only"},
	{ALL, is_root_file, "libarchive takes a file named / for the root directory"},
	{ALL, is_link_to_nothing,
		"libarchive takes a hard link without a target for a file"},
	{F(UID) | F(GID), is_negative_id, "libarchive does not cut ids to 32 bits"},
	{F(MODE), has_acl_text,
		"libarchive lets ACL text change the mode; ours is the header's"},
	{F(ACL), has_damaged_acl,
		"libarchive keeps names without numbers, and one entry for each number"},
	{F(MTIME), is_negative_fraction,
		"libarchive adds the fraction of a negative time instead of taking it "
		"off"},
	{F(PATH), has_go_prefix, "prefix in a GNU header, as Go before 1.8 wrote it"},
};

const char *known_field_difference(enum record_field field, const struct record *ours,
	const struct record *theirs, const struct facts *facts)
{
	for (size_t i = 0; i < sizeof(field_rules) / sizeof(field_rules[0]); i++)
		if ((field_rules[i].fields >> field & 1) &&
			field_rules[i].match(facts, ours, theirs))
			return field_rules[i].reason;
	return NULL;
}

struct text_rule {
	const char *text; /* part of the message */
	const char *reason;
};

static const char *find_text(
	const struct text_rule *rules, size_t count, const char *text)
{
	for (size_t i = 0; i < count; i++)
		if (strstr(text, rules[i].text))
			return rules[i].reason;
	return NULL;
}

static const struct text_rule refusals[] = {
	{"the checksum does not match", "libarchive skips a damaged header and goes on"},
	{"unknown entry type", "libarchive takes unknown types for files"},
	{"are not supported", "libarchive takes types it does not know for files"},
	{"is not a number",
		"libarchive reads numbers up to the first byte that is no digit"},
	{"not a number",
		"libarchive reads numbers up to the first byte that is no digit"},
	{"is negative", "libarchive takes a negative size for none"},
	{"malformed PAX record",
		"libarchive leaves the rest of a damaged PAX header out"},
	{"PAX record without a key", "libarchive leaves records that it cannot read out"},
	{"NUL in the PAX key", "libarchive leaves records that it cannot read out"},
	{"NUL in the name", "libarchive cuts names at a NUL"},
	{"not a time", "libarchive reads times up to the first byte that is no digit"},
	{"global PAX header at", "libarchive does not look into global PAX headers"},
	{"extension headers of", "libarchive's own limits differ"},
	{"bytes of data, but a layer has at most", "libarchive has no limit here"},
	{"more than 255", "libarchive has no limit for parts of names"},
	{"has no numbers for it",
		"libarchive gives devices of v7 headers the numbers 0, 0"},
	{"device number", "libarchive takes any device number"},
	{"id ", "libarchive takes any number for an id"},
	{"symbolic link without a target", "libarchive takes empty targets"},
	{"sparse map", "libarchive believes sparse maps that contradict the data"},
	{"unknown sparse format", "libarchive guesses at unknown sparse formats"},
	{"in GNU headers only", "libarchive takes them for ordinary files"},
	{"sparse files in the format of star",
		"libarchive takes them for GNU sparse files"},
	{"not a valid ACL", "libarchive leaves malformed ACLs out"},
	{"LIBARCHIVE.xattr", "libarchive leaves malformed attributes out"},
	{"in a header", "libarchive ignores a rest that is less than a block"},
	{"in an extension header",
		"libarchive takes what there is of an extension header"},
	{"behind the extension header",
		"libarchive ignores an extension without its entry"},
	{"before the end of the entry's data",
		"libarchive does not miss data it need not read"},
};

const char *known_refusal(const char *our_text)
{
	return find_text(refusals, sizeof(refusals) / sizeof(refusals[0]), our_text);
}

static const struct text_rule their_failures[] = {
	{"Unrecognized archive format", "libarchive wants the first header to look good"},
	{"Non-regular file cannot be sparse",
		"libarchive refuses sparse files of type 7"},
	{"Truncated input file (needed ",
		"libarchive wants the padding of the last entry"},
};

const char *known_their_failure(const char *their_text, const struct facts *facts)
{
	if (facts->link_body)
		return "libarchive takes the body of a hard link for headers";
	if (facts->odd_sum)
		return "libarchive skips headers with other bytes in the checksum field";
	if (facts->gnu_map && strstr(their_text, "sparse"))
		return "libarchive reads a sparse map in every GNU header";
	if (facts->mutated && facts->sparse_text)
		return "libarchive guesses at incomplete sparse records";
	if (facts->global && strcmp(their_text, "?") == 0)
		return "libarchive wants an entry behind a global header";
	return find_text(their_failures,
		sizeof(their_failures) / sizeof(their_failures[0]), their_text);
}

const char *known_count_difference(const struct reading *ours,
	const struct reading *theirs, const struct facts *facts)
{
	if (facts->odd_sum)
		return "libarchive skips headers with other bytes in the checksum field";
	if (facts->link_body || facts->piled)
		return "libarchive takes the body of a hard link for headers";
	if (ours->count > theirs->count)
		return "libarchive stops at a single zero block";
	return NULL;
}
