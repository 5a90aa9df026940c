#include "fs/view_options.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "base/checked.h"
#include "base/number.h"
#include "base/text.h"

enum kind {
	NOTHING, /* true of every view, or mount(8)'s own business */
	FLAG,
	NO_FLAG,
	SWITCH, /* a bool of the struct */
	UNSWITCH,
	DATA,    /* NAME=VALUE for the kernel */
	VALUE,   /* NAME=VALUE of ours */
	REFUSED, /* why: text */
};

#define OFFSET(member) offsetof(struct view_mount_flags, member)

struct option {
	const char *name;
	enum kind kind;
	unsigned long value;
	int (*take)(struct view_mount_flags *f, const char *value, struct o2r_err *err);
	const char *why;
};

static int bad_value(
	struct o2r_err *err, const char *name, const char *value, const char *choices)
{
	return err_set(err, ERR_USAGE, EINVAL, "mount option %s=%s: say %s", name,
		text_quote(value, strlen(value)).s, choices);
}

static int take_rdp(struct view_mount_flags *f, const char *value, struct o2r_err *err)
{
	static const char *const names[] = {[VIEW_RDP_ALWAYS] = "always",
		[VIEW_RDP_AUTO] = "auto",
		[VIEW_RDP_OFF] = "off"};

	for (int i = VIEW_RDP_ALWAYS; i <= VIEW_RDP_OFF; i++)
		if (strcmp(value, names[i]) == 0) {
			f->rdp = (enum view_rdp)i;
			return 0;
		}
	return bad_value(err, "rdp", value, "always, auto or off");
}

static int take_xattr(struct view_mount_flags *f, const char *value, struct o2r_err *err)
{
	if (strcmp(value, "on") != 0 && strcmp(value, "off") != 0)
		return bad_value(err, "xattr", value, "on or off");
	f->no_xattr = strcmp(value, "off") == 0;
	return 0;
}

static int take_max_read(
	struct view_mount_flags *f, const char *value, struct o2r_err *err)
{
	uint64_t n = 0;

	if (!number_parse(value, &n) || n < 4096 || n > UINT32_MAX)
		return bad_value(
			err, "max_read", value, "a number of bytes, at least 4096");
	f->max_read = n;
	return 0;
}

#define NAMED "the mount table names the image there"
#define OWN "o2r sets it"
#define SHOWS "a view shows the image's owners and modes as they are"

static const struct option table[] = {
	{"rdp", VALUE, .take = take_rdp},
	{"xattr", VALUE, .take = take_xattr},
	{"max_read", VALUE, .take = take_max_read},
	{"allow_other", SWITCH, OFFSET(allow_other)},
	{"allow_root", SWITCH, OFFSET(allow_root)},
	{"default_permissions", SWITCH, OFFSET(default_permissions)},
	{"auto_unmount", SWITCH, OFFSET(auto_unmount)},
	{"debug", SWITCH, OFFSET(debug)},
	{"suid", SWITCH, OFFSET(suid)},
	{"dev", SWITCH, OFFSET(dev)},
	{"nosuid", UNSWITCH, OFFSET(suid)},
	{"nodev", UNSWITCH, OFFSET(dev)},
	{"ro", NOTHING},
	{"noexec", FLAG, MS_NOEXEC},
	{"exec", NO_FLAG, MS_NOEXEC},
	{"noatime", FLAG, MS_NOATIME},
	{"atime", NO_FLAG, MS_NOATIME},
	{"nodiratime", FLAG, MS_NODIRATIME},
	{"diratime", NO_FLAG, MS_NODIRATIME},
	{"sync", FLAG, MS_SYNCHRONOUS},
	{"async", NO_FLAG, MS_SYNCHRONOUS},
	{"dirsync", FLAG, MS_DIRSYNC},
	{"context", DATA},
	{"fscontext", DATA},
	{"defcontext", DATA},
	{"rootcontext", DATA},
	{"defaults", NOTHING},
	{"auto", NOTHING},
	{"noauto", NOTHING},
	{"user", NOTHING},
	{"nouser", NOTHING},
	{"users", NOTHING},
	{"owner", NOTHING},
	{"group", NOTHING},
	{"_netdev", NOTHING},
	{"nofail", NOTHING},
	{"nonempty", NOTHING},
	{"relatime", NOTHING},
	{"norelatime", NOTHING},
	{"rw", REFUSED, .why = "a view is read-only"},
	{"remount", REFUSED, .why = "unmount the view and mount it anew"},
	{"fsname", REFUSED, .why = NAMED},
	{"subtype", REFUSED, .why = NAMED},
	{"fd", REFUSED, .why = OWN},
	{"rootmode", REFUSED, .why = OWN},
	{"user_id", REFUSED, .why = OWN},
	{"group_id", REFUSED, .why = OWN},
	{"blkdev", REFUSED, .why = "a view is no block device"},
	{"blksize", REFUSED, .why = "a view is no block device"},
	{"uid", REFUSED, .why = SHOWS},
	{"gid", REFUSED, .why = SHOWS},
	{"umask", REFUSED, .why = SHOWS},
};

static const struct option *find(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strlen(table[i].name) == len && memcmp(table[i].name, name, len) == 0)
			return &table[i];
	return NULL;
}

int view_options_escape(struct buf *b, const char *s)
{
	int r = 0;

	for (; r == 0 && *s; s++) {
		if (*s == ',' || *s == '\\')
			r = buf_append(b, "\\", 1);
		if (r == 0)
			r = buf_append(b, s, 1);
	}
	return r;
}

static int take_flag(struct view_mount_flags *f, const struct option *o)
{
	if (o->kind == FLAG)
		f->flags |= o->value;
	else
		f->flags &= ~o->value;
	return buf_printf(&f->words, ",%s", o->name);
}

/* mount(2) wants a value with commas in quotes, fusermount3 wants the commas escaped. */
static int take_data(struct view_mount_flags *f, const char *name, const char *value)
{
	int r = buf_printf(&f->data, ",%s=\"%s\"", name, value);

	if (r == 0)
		r = buf_printf(&f->words, ",%s=", name);
	return r < 0 ? r : view_options_escape(&f->words, value);
}

static int take_known(struct view_mount_flags *f, const struct option *o,
	const char *value, struct o2r_err *err)
{
	bool wants_value = o->kind == VALUE || o->kind == DATA;

	if (o->kind == REFUSED)
		return err_set(
			err, ERR_USAGE, EINVAL, "mount option %s: %s", o->name, o->why);
	if (wants_value != (value != NULL))
		return err_set(err, ERR_USAGE, EINVAL, "mount option %s %s", o->name,
			wants_value ? "needs a value" : "takes no value");
	switch (o->kind) {
	case NOTHING:
	case REFUSED:
		return 0;
	case FLAG:
	case NO_FLAG:
		return take_flag(f, o) < 0 ? err_nomem(err) : 0;
	case SWITCH:
	case UNSWITCH:
		*(bool *)((char *)f + o->value) = o->kind == SWITCH;
		return 0;
	case DATA:
		if (strchr(value, '"'))
			return bad_value(err, o->name, "\"", "it without quotes");
		return take_data(f, o->name, value) < 0 ? err_nomem(err) : 0;
	case VALUE:
		return o->take(f, value, err);
	}
	return err_set(err, ERR_FAIL, EINVAL, "mount option of kind %d", o->kind);
}

static int take(struct view_mount_flags *f, const char *word, struct o2r_err *err)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	const struct option *o = find(word, len);

	/* comments of fstab */
	if (strncmp(word, "x-", 2) == 0 || strncmp(word, "X-", 2) == 0 || !*word ||
		strncmp(word, "comment=", 8) == 0)
		return 0;
	if (o)
		return take_known(f, o, equals ? equals + 1 : NULL, err);
	return err_set(err, ERR_USAGE, EINVAL,
		"unknown mount option %s: leave it out of -o", text_quote(word, len).s);
}

/* The word at *p, unescaped, into word; *p goes behind its comma. */
static void next_word(const char **p, char *word)
{
	const char *s = *p;

	for (; *s && *s != ','; s++) {
		if (*s == '\\' && s[1])
			s++;
		*word++ = *s;
	}
	*word = '\0';
	*p = *s ? s + 1 : s;
}

int view_options_parse(
	const char *options, struct view_mount_flags *out, struct o2r_err *err)
{
	char *word AUTO_FREE = options ? malloc(strlen(options) + 1) : NULL;
	int r = 0;

	if (!options)
		return 0;
	if (!word)
		return err_nomem(err);
	while (r == 0 && *options) {
		next_word(&options, word);
		r = take(out, word, err);
	}
	return r;
}

void view_options_finish(struct view_mount_flags *f)
{
	buf_finish(&f->words);
	buf_finish(&f->data);
}
