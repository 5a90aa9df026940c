#include "o2r_state_parts.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/checked.h"
#include "base/cleanup.h"

enum {
	STATE_TEXT_MAX = 3 * PATH_MAX + 64,
};

/* Paths are bytes and JSON is text: what is not printable ASCII becomes %XX, so does %.
 */
void state_put_bytes(struct json *j, const char *name, const char *bytes)
{
	AUTO_BUF struct buf text = {0};
	int r = 0;

	for (const char *p = bytes ? bytes : ""; *p && r == 0; p++)
		r = *p < 0x20 || *p > 0x7e || *p == '%'
			    ? buf_printf(&text, "%%%02X", (unsigned char)*p)
			    : buf_append(&text, p, 1);
	if (r < 0 && !j->status)
		j->status = r;
	json_string(j, name, !bytes ? NULL : text.data ? text.data : "");
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* One byte as put_bytes wrote it, *at moved behind it; 0 for what it does not write. */
static unsigned char take_byte(const char **at)
{
	unsigned char c = (unsigned char)*(*at)++;

	if (c != '%')
		return c < 0x20 || c > 0x7e ? 0 : c;

	int high = hex_digit((*at)[0]);
	int low = high < 0 ? -1 : hex_digit((*at)[1]);

	if (low < 0)
		return 0;
	*at += 2;
	return (unsigned char)(high * 16 + low);
}

static int take_bytes(const struct json_ref *at, const char *name, const char *text,
	char **out, struct o2r_err *err)
{
	size_t n = strlen(text), o = 0;
	AUTO_FREE char *bytes = n <= STATE_TEXT_MAX ? malloc(n + 1) : NULL;

	if (n > STATE_TEXT_MAX)
		return err_corrupt(err, "%s is too long", json_path(at, name).s);
	if (!bytes)
		return err_nomem(err);
	while (*text) {
		unsigned char c = take_byte(&text);

		if (!c)
			return err_corrupt(err, "%s holds what no path holds",
				json_path(at, name).s);
		bytes[o++] = (char)c;
	}
	bytes[o] = '\0';
	*out = STEAL(bytes);
	return 0;
}

/* How a reference begins that means the same in any directory: as image.h has it. */
static const char *const places[] = {
	"/",
	"oci:/",
	"oci-archive:/",
	"docker-archive:/",
	"overlay:/",
	"docker-store:[/",
	"containers-storage:[",
	"docker-daemon:",
	"docker://",
	"scratch",
};

static bool begins_with_any(const char *text, const char *const *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strncmp(text, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

/* What begins with one of the first `count` places; *out stays NULL when there is none
 * and it may be missing. */
static int take_place(const struct json_ref *root, const char *name, size_t count,
	bool needed, char **out, struct o2r_err *err)
{
	const char *text;
	int r = json_get_string(root, name, &text, err);

	if (r == 0 && !needed)
		return 0;
	r = json_need(r, root, name, err);
	if (r == 0)
		r = take_bytes(root, name, text, out, err);
	if (r < 0)
		return r;

	if (!begins_with_any(*out, places, count))
		return err_corrupt(
			err, "%s is not an absolute path", json_path(root, name).s);
	return 0;
}

int state_take_path(const struct json_ref *root, const char *name, bool needed,
	char **out, struct o2r_err *err)
{
	return take_place(root, name, 1, needed, out, err);
}

int state_take_reference(const struct json_ref *root, const char *name, bool needed,
	char **out, struct o2r_err *err)
{
	return take_place(root, name, ARRAY_LEN(places), needed, out, err);
}

int state_take_number(const struct json_ref *root, const char *name, uint64_t min,
	uint64_t max, uint64_t *out, struct o2r_err *err)
{
	int r = json_need(json_get_size(root, name, out, err), root, name, err);

	if (r == 0 && (*out < min || *out > max))
		return err_corrupt(err, "%s is out of range", json_path(root, name).s);
	return r;
}

int state_take_digest(const struct json_ref *root, const char *name, struct digest *out,
	struct o2r_err *err)
{
	const char *text;
	int r = json_need(json_get_string(root, name, &text, err), root, name, err);

	if (r == 0 && digest_parse(text, strlen(text), out, err) < 0)
		return err_wrap(err, "%s", json_path(root, name).s);
	return r;
}
