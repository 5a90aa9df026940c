#include "archive_case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/file.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void add(struct buf *tar, char type, const char *name, const char *link,
	const void *p, size_t n)
{
	unsigned char block[512] = {0};
	unsigned sum = 0;

	must(strlen(name) <= 100 && strlen(link) <= 100);
	memcpy(block, name, strlen(name));
	memcpy(block + 100, "0000644", 7);
	memcpy(block + 108, "0000000", 7);
	memcpy(block + 116, "0000000", 7);
	snprintf((char *)block + 124, 12, "%011zo", n);
	memcpy(block + 136, "00000000000", 11);
	memset(block + 148, ' ', 8);
	block[156] = (unsigned char)type;
	memcpy(block + 157, link, strlen(link));
	memcpy(block + 257, "ustar\00000", 8);
	for (size_t i = 0; i < sizeof(block); i++)
		sum += block[i];
	snprintf((char *)block + 148, 7, "%06o", sum);
	must(buf_append(tar, block, sizeof(block)) == 0);
	must(n == 0 || buf_append(tar, p, n) == 0);
	memset(block, 0, sizeof(block));
	must(buf_append(tar, block, (512 - n % 512) % 512) == 0);
}

void archive_case_add(struct buf *tar, char type, const char *name, const char *content)
{
	bool file = type == '0';

	add(tar, type, name, file ? "" : content, content, file ? strlen(content) : 0);
}

void archive_case_data(struct buf *tar, const char *name, const void *p, size_t n)
{
	add(tar, '0', name, "", p, n);
}

void archive_case_end(struct buf *tar)
{
	static const char zeros[1024];

	must(buf_append(tar, zeros, sizeof(zeros)) == 0);
}

int archive_case_file(const struct buf *tar)
{
	int fd = file_anonymous(NULL);

	must(fd >= 0 && pwrite_full(fd, tar->data, tar->len, 0) == 0);
	return fd;
}

int archive_case_pipe(const struct buf *tar)
{
	int ends[2];

	must(pipe(ends) == 0 && tar->len <= 60000);
	must(write_full(ends[1], tar->data, tar->len) == 0);
	close(ends[1]);
	return ends[0];
}
