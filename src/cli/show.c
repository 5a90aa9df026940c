#include "cli/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <time.h>

#include "base/base64.h"
#include "base/cleanup.h"
#include "base/text.h"

int show_name(struct buf *out, const char *name, size_t len)
{
	int r = 0;

	for (size_t i = 0, n; r == 0 && i < len; i += n) {
		unsigned char c = (unsigned char)name[i];

		n = c < 0x80 ? 1 : text_utf8_len(name + i, len - i);
		if (n && (c >= 0x80 || (c >= 0x20 && c < 0x7f && c != '\\'))) {
			r = buf_append(out, name + i, n);
		} else {
			n = 1;
			r = buf_printf(out, "\\x%02x", c);
		}
	}
	return r;
}

static char type_letter(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return '-';
	case S_IFDIR:
		return 'd';
	case S_IFLNK:
		return 'l';
	case S_IFCHR:
		return 'c';
	case S_IFBLK:
		return 'b';
	case S_IFIFO:
		return 'p';
	case S_IFSOCK:
		return 's';
	default:
		return '?';
	}
}

const char *show_type(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFREG:
		return "file";
	case S_IFDIR:
		return "directory";
	case S_IFLNK:
		return "symlink";
	case S_IFCHR:
		return "char";
	case S_IFBLK:
		return "block";
	case S_IFIFO:
		return "fifo";
	case S_IFSOCK:
		return "socket";
	default:
		return "unknown";
	}
}

struct shown show_mode(mode_t mode)
{
	static const char letters[] = "rwxrwxrwx";
	struct shown s = {{type_letter(mode)}};

	for (unsigned i = 0; i < 9; i++)
		s.s[1 + i] = letters[i];
	for (unsigned i = 0; i < 9; i++)
		if (!(mode & (0400u >> i)))
			s.s[1 + i] = '-';
	if (mode & S_ISUID)
		s.s[3] = mode & S_IXUSR ? 's' : 'S';
	if (mode & S_ISGID)
		s.s[6] = mode & S_IXGRP ? 's' : 'S';
	if (mode & S_ISVTX)
		s.s[9] = mode & S_IXOTH ? 't' : 'T';
	return s;
}

struct shown show_time(int64_t seconds)
{
	time_t t = (time_t)seconds;
	struct shown s = {"-"};
	struct tm tm;

	if (gmtime_r(&t, &tm))
		strftime(s.s, sizeof(s.s), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return s;
}

static bool is_text(const char *p, size_t len)
{
	for (size_t i = 0, n; i < len; i += n) {
		unsigned char c = (unsigned char)p[i];

		n = c == 0 ? 0 : c < 0x80 ? 1 : text_utf8_len(p + i, len - i);
		if (!n)
			return false;
	}
	return true;
}

void show_json_bytes(struct json *j, const char *name, const void *p, size_t len)
{
	/* with a NUL behind it; a NUL inside is no text, and cut off there */
	AUTO_FREE char *text = malloc(len + 1);
	AUTO_FREE char *coded = malloc(BASE64_LEN(len) + 1);
	char member[64];

	if (!text || !coded) {
		j->status = -ENOMEM;
		return;
	}
	if (len)
		memcpy(text, p, len);
	text[len] = '\0';
	json_string(j, name, text);
	if (is_text(text, len))
		return;
	base64_encode(p, len, coded);
	snprintf(member, sizeof(member), "%s_base64", name);
	json_string(j, member, coded);
}

void show_json_stat(struct json *j, const struct stat *st)
{
	char mode[16];

	snprintf(mode, sizeof(mode), "%04o", st->st_mode & 07777);
	json_string(j, "type", show_type(st->st_mode));
	json_string(j, "mode", mode);
	json_uint(j, "ino", st->st_ino);
	json_uint(j, "nlink", st->st_nlink);
	json_uint(j, "uid", st->st_uid);
	json_uint(j, "gid", st->st_gid);
	json_uint(j, "size", (uint64_t)st->st_size);
	json_int(j, "mtime", st->st_mtim.tv_sec);
	json_uint(j, "mtime_nsec", (uint64_t)st->st_mtim.tv_nsec);
	if (S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode)) {
		json_uint(j, "major", major(st->st_rdev));
		json_uint(j, "minor", minor(st->st_rdev));
	}
}

int show_json_xattrs(
	struct json *j, struct o2r_image *image, uint64_t ino, struct o2r_error *error)
{
	const char *name;
	const void *value;
	size_t size;
	int r = 1;

	json_open(j, "xattrs", '[');
	for (unsigned i = 0; r > 0; i++) {
		r = o2r_xattr(image, ino, i, &name, &value, &size, error);
		if (r <= 0)
			break;
		json_open(j, NULL, '{');
		show_json_bytes(j, "name", name, strlen(name));
		show_json_bytes(j, "value", value, size);
		json_close(j, '}');
	}
	json_close(j, ']');
	return r;
}
