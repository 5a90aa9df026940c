/*
 * The lists of stores of unpacked images. The first byte is the file that the rest is:
 *
 *   i  images.json of containers-storage
 *   l  layers.json: chains from its first layers are followed; v: volatile-layers.json
 *   r  repositories.json of Docker: names are looked for in it
 *   o  the file `lower` of an overlay driver's layer, over links that are good and bad
 *   u  /etc/subuid
 *   d  a document of containers-storage, of which only the key is of interest
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/subid.h"
#include "sources/containers_files.h"
#include "sources/docker_impl.h"
#include "sources/overlay_lower.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

#define IMAGE_DIR "overlay-images/" ID

static const struct ctx ctx = {.threads = 1, .limits = LIMITS_DEFAULT};
static char folder[] = "/tmp/o2r-fuzz-stores-XXXXXX";
static int folder_fd = -1;

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* What fails says so, in one line, and only input is to blame. */
static void check_err(int r, const struct o2r_err *err)
{
	must(r < 0 && err->code == r && err->text[0]);
	must(!strchr(err->text, '\n'));
	must(err->cls == ERR_CORRUPT || err->cls == ERR_NOT_FOUND ||
		err->cls == ERR_USAGE);
}

static void put(const char *name, const uint8_t *data, size_t n)
{
	AUTO_FD int fd =
		openat(folder_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	must(fd >= 0 && (n == 0 || write_full(fd, data, n) == 0));
}

static void make_dirs(void)
{
	static const char *const dirs[] = {"overlay-images", IMAGE_DIR, "overlay-layers",
		"image", "image/overlay2", "image/overlay2/imagedb",
		"image/overlay2/imagedb/content", "image/overlay2/imagedb/content/sha256",
		"l", "a"};

	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		must(mkdirat(folder_fd, dirs[i], 0700) == 0);
	put("image/overlay2/imagedb/content/sha256/" ID, NULL, 0);
	must(symlinkat("../a/diff", folder_fd, "l/A") == 0);
	must(symlinkat("../b/diff", folder_fd, "l/B") == 0);
	must(symlinkat("/etc", folder_fd, "l/C") == 0);
	must(symlinkat("../../diff", folder_fd, "l/D") == 0);
}

static void remove_folder(void)
{
	char command[80];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	(void)!system(command);
}

static void begin(void)
{
	if (folder_fd >= 0)
		return;
	must(mkdtemp(folder) != NULL);
	folder_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	must(folder_fd >= 0);
	make_dirs();
	atexit(remove_folder);
}

static int see_image(void *arg, struct stored_image *i, struct o2r_err *err)
{
	(void)arg, (void)err;
	must(stored_id_ok(i->id) && i->name_count <= STORED_NAMES_MAX);
	must(i->digest_count <= STORED_DIGESTS_MAX);
	for (size_t k = 0; k < i->name_count; k++)
		must(i->names[k] != NULL);
	/* what it takes it has */
	if (i->name_count > 1) {
		stored_image_finish(i);
		must(!i->id);
	}
	return 0;
}

static struct stores here(void)
{
	return (struct stores){
		.list = {{.root = folder, .driver = "overlay", .fd = folder_fd}},
		.count = 1,
		.ctx = &ctx};
}

static void try_images(const uint8_t *data, size_t n)
{
	struct stores s = here();
	struct o2r_err err = {0};
	int r;

	put("overlay-images/images.json", data, n);
	r = stores_images(&s, see_image, NULL, &err);
	if (r < 0)
		check_err(r, &err);
}

static void try_chain(const char *id)
{
	struct stored_chain *chain = calloc(1, sizeof(*chain));
	struct stores s = here();
	struct o2r_err err = {0};
	int r;

	must(chain != NULL);
	r = stores_chain(&s, 0, id, chain, &err);
	if (r < 0)
		check_err(r, &err);
	must(chain->count <= STORED_CHAIN_MAX);
	for (unsigned i = 0; r == 0 && i < chain->count; i++) {
		must(stored_id_ok(chain->list[i]->id));
		must(!chain->list[i]->parent == (i == 0));
	}
	stored_chain_finish(chain);
	free(chain);
}

static void try_layers(const uint8_t *data, size_t n, bool is_volatile)
{
	static const char *const files[] = {
		"layers/layers.json", "layers/volatile-layers.json"};
	struct stored_layers l = {0};
	struct stores s = here();
	struct o2r_err err = {0};
	char path[60];
	int r;

	snprintf(path, sizeof(path), "overlay-%s", files[!is_volatile]);
	(void)unlinkat(folder_fd, path, 0);
	snprintf(path, sizeof(path), "overlay-%s", files[is_volatile]);
	put(path, data, n);
	r = stored_layers_read(&l, &s, 0, files[is_volatile], &err);
	if (r < 0)
		check_err(r, &err);
	try_chain(ID);
	for (size_t i = 0; i < l.count && i < 3; i++)
		try_chain(l.list[i].id);
	stored_layers_finish(&l);
}

static void try_repositories(const uint8_t *data, size_t n)
{
	static const char *const names[] = {"img", "a/b:c", ID, "sha256:0123", "ffff"};

	put("image/overlay2/repositories.json", data, n);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const struct docker d = {
			.fd = folder_fd, .root = folder, .name = names[i], .ctx = &ctx};
		struct o2r_err err = {0};
		struct digest id = {0};
		int r = docker_find_image(&d, &id, &err);

		if (r < 0)
			check_err(r, &err);
		else
			must(id.algo != DIGEST_NONE);
	}
}

static void try_lower(const uint8_t *data, size_t n)
{
	struct overlay_stack s = {.count = 0};
	struct o2r_err err = {0};
	int r;

	must(overlay_stack_push(&s, "top", 3, &err) == 0);
	put("lower", data, n);
	r = overlay_lower_read(&s, folder_fd, folder_fd, &err);
	if (r < 0)
		check_err(r, &err);
	must(s.count >= 1 && s.count <= 3);
	for (unsigned i = 0; i < s.count; i++)
		must(overlay_id_ok(s.ids[i], strlen(s.ids[i])));
	overlay_stack_finish(&s);
}

static void try_subid(const uint8_t *data, size_t n)
{
	struct subid *ids = malloc(sizeof(*ids));
	struct o2r_err err = {0};
	char path[sizeof(folder) + 16];

	must(ids != NULL);
	put("subuid", data, n);
	snprintf(path, sizeof(path), "%s/subuid", folder);
	for (int i = 0; i < 2; i++) {
		must((i ? subid_read(path, 1000, ids, &err)
			: subid_read_first(path, 100000, ids, &err)) == 0);
		must(ids->count <= SUBID_RANGES_MAX);
		for (size_t k = 0; k < ids->count; k++)
			must(ids->list[k].count &&
				ids->list[k].first + ids->list[k].count >
					ids->list[k].first);
	}
	free(ids);
}

static void try_key(const uint8_t *data, size_t n)
{
	struct stores s = here();
	AUTO_FREE char *key = strndup((const char *)data, n);
	AUTO_BUF struct buf name = {0}, text = {0};
	struct o2r_err err = {0};
	int r;

	must(key && stored_data_name(key, &name, &err) == 0);
	must(name.data == NULL || name.data[0] != '.');
	if (strlen(key) > 100)
		return;
	r = stored_data(&s.list[0], ID, key, 100, &text, &err);
	if (r < 0)
		must(err.text[0] && !strchr(err.text, '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin();
	if (!size)
		return 0;
	switch (data[0]) {
	case 'i':
		try_images(data + 1, size - 1);
		break;
	case 'l':
	case 'v':
		try_layers(data + 1, size - 1, data[0] == 'v');
		break;
	case 'r':
		try_repositories(data + 1, size - 1);
		break;
	case 'o':
		try_lower(data + 1, size - 1);
		break;
	case 'u':
		try_subid(data + 1, size - 1);
		break;
	case 'd':
		try_key(data + 1, size - 1);
		break;
	}
	return 0;
}
