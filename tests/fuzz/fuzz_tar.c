/*
 * The tar reader and index on any bytes: fed whole and in chunks of random sizes, which
 * must give the same, and a layer must keep to its rules. The mutator mends checksums, so
 * that what lies behind them is reached.
 */
#include "fs/tar_index.h"
#include "fs/tar_header.h"
#include "layer_invariants.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(
	uint8_t *data, size_t size, size_t max_size, unsigned seed);

static uint64_t mix(uint64_t h, const void *p, size_t n)
{
	const unsigned char *c = p;

	while (n--)
		h = (h ^ *c++) * 0x100000001b3;
	return h;
}

static uint64_t hash_entry(uint64_t h, const struct entry *e)
{
	h = mix(h, e->path, e->path_len);
	h = e->link ? mix(h, e->link, e->link_len) : h;
	h = mix(h, &e->size, sizeof(e->size));
	h = mix(h, &e->mtime, sizeof(e->mtime));
	h = mix(h, &e->mode, sizeof(e->mode));
	if (e->kind != ENTRY_FILE || !e->map)
		h = mix(h, &e->data_off, sizeof(e->data_off));
	if (e->map)
		h = mix(h, e->map->runs, e->map->count * sizeof(e->map->runs[0]));
	for (uint32_t i = 0; e->xattrs && i < e->xattrs->count; i++)
		h = mix(h, e->xattrs->list[i].value, e->xattrs->list[i].value_len);
	return h;
}

static void require_message(const struct o2r_err *err)
{
	REQUIRE(err->cls == ERR_CORRUPT && err->code < 0 && err->text[0]);
	for (const char *p = err->text; *p; p++)
		REQUIRE((unsigned char)*p >= ' ' && *p != 0x7f);
}

/* seed 0: all at once. Returns a hash of the result. */
static uint64_t run(const uint8_t *data, size_t size, uint64_t seed)
{
	struct ctx ctx = {.threads = 1, .level = LOG_TRACE, .limits = LIMITS_DEFAULT};
	struct layer layer = {0};
	struct o2r_err err = {0};
	struct tar_index *t = NULL;
	uint64_t h = 0xcbf29ce484222325;
	int r = tar_index_create(&layer, "layer", &ctx, &t, &err);

	for (size_t at = 0, n; at < size && r == 0; at += n) {
		seed = seed * 6364136223846793005 + 1442695040888963407 * (seed != 0);
		n = seed ? seed >> 33 & (seed >> 60 > 8 ? 7 : 2047) : size;
		n = n > size - at ? size - at : n;
		r = tar_index_data(t, data + at, n, &err);
	}
	if (r == 0)
		r = tar_index_end(t, &err);
	if (r < 0)
		require_message(&err);
	else
		require_layer(&layer, size);
	for (size_t i = 0; i < layer.count && r == 0; i++)
		h = hash_entry(h, &layer.entries[i]);
	h = mix(h, err.text, strlen(err.text));
	tar_index_destroy(t);
	layer_finish(&layer);
	return h;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t seed = mix(size | 1, data, size < 2048 ? size : 2048);

	REQUIRE(run(data, size, 0) == run(data, size, seed | 1));
	return 0;
}

static void mend_checksum(uint8_t *block)
{
	unsigned sum = 8 * ' ';
	char text[16];

	for (size_t i = 0; i < TAR_BLOCK; i++)
		if (i < TAR_AT_CHKSUM || i >= TAR_AT_CHKSUM + 8)
			sum += block[i];
	snprintf(text, sizeof(text), "%06o", sum);
	memcpy(block + TAR_AT_CHKSUM, text, 7);
	block[TAR_AT_CHKSUM + 7] = ' ';
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed)
{
	size = LLVMFuzzerMutate(data, size, max_size);
	/* sometimes the sums stay wrong */
	if (seed % 16 == 0)
		return size;
	for (size_t at = 0; at + TAR_BLOCK <= size; at += TAR_BLOCK) {
		/* a header before it was changed, to judge by its magic or its sum's form
		 */
		if (memcmp(data + at + TAR_AT_MAGIC, "ustar", 5) == 0 ||
			data[at + TAR_AT_CHKSUM + 7] == ' ')
			mend_checksum(data + at);
	}
	return size;
}
