#include "blob/library_build.h"

#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/checked.h"

struct search {
	uintptr_t fn;
	struct library_build *out;
	int result;
};

/* The notes of a segment: header, name, content, each padded to 4 bytes (elf(5)). */
static bool build_id(const unsigned char *p, size_t n, struct library_build *out)
{
	while (n >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) note;
		uint64_t name, size;

		memcpy(&note, p, sizeof(note));
		p += sizeof(note);
		n -= sizeof(note);
		if (!align_u64(note.n_namesz, 4, &name) ||
			!align_u64(note.n_descsz, 4, &size) || name + size > n)
			return false;
		if (note.n_type == NT_GNU_BUILD_ID && note.n_namesz == 4 &&
			memcmp(p, "GNU", 4) == 0 && note.n_descsz) {
			size_t at = (size_t)snprintf(
				out->text, sizeof(out->text), "build-id ");

			for (size_t i = 0; i < note.n_descsz && i < 64; i++)
				at += (size_t)snprintf(out->text + at,
					sizeof(out->text) - at, "%02x", p[name + i]);
			return true;
		}
		p += name + size;
		n -= name + size;
	}
	return false;
}

static bool holds(const struct dl_phdr_info *info, uintptr_t fn)
{
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];

		if (h->p_type == PT_LOAD && fn >= info->dlpi_addr + h->p_vaddr &&
			fn - (info->dlpi_addr + h->p_vaddr) < h->p_memsz)
			return true;
	}
	return false;
}

static int by_file(const char *name, struct library_build *out)
{
	struct stat st;

	/* the program itself has no name here */
	if (stat(*name ? name : "/proc/self/exe", &st) < 0)
		return -ENOENT;
	snprintf(out->text, sizeof(out->text), "file %llu %llu %lld.%09ld %lld.%09ld",
		(unsigned long long)st.st_ino, (unsigned long long)st.st_size,
		(long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		(long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;

	(void)size;
	if (!holds(info, s->fn))
		return 0;
	for (unsigned i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *h = &info->dlpi_phdr[i];
		const unsigned char *p =
			(const unsigned char *)(info->dlpi_addr + h->p_vaddr);

		if (h->p_type == PT_NOTE && build_id(p, h->p_memsz, s->out)) {
			s->result = 0;
			return 1;
		}
	}
	s->result = by_file(info->dlpi_name, s->out);
	return 1;
}

int library_build(const void *fn, struct library_build *out)
{
	struct search s = {.fn = (uintptr_t)fn, .out = out, .result = -ENOENT};

	dl_iterate_phdr(look, &s);
	return s.result;
}
