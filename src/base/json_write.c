#include "base/json_write.h"

#include <string.h>

#include "base/text.h"

static void put(struct json *j, const char *s, size_t n)
{
	if (!j->status)
		j->status = buf_append(j->out, s, n);
}

static void put_text(struct json *j, const char *s)
{
	put(j, s, strlen(s));
}

static void put_escaped(struct json *j, unsigned char c)
{
	if (j->status)
		return;
	if (c == '"' || c == '\\')
		j->status = buf_printf(j->out, "\\%c", c);
	else if (c == '\n')
		put_text(j, "\\n");
	else if (c == '\t')
		put_text(j, "\\t");
	else if (c < 0x20 || c == 0x7f)
		j->status = buf_printf(j->out, "\\u%04x", c);
	else
		put(j, (const char *)&c, 1);
}

static void put_quoted(struct json *j, const char *s)
{
	size_t left = strlen(s);

	put_text(j, "\"");
	while (left) {
		size_t n = 1;

		if ((unsigned char)*s < 0x80) {
			put_escaped(j, (unsigned char)*s);
		} else if ((n = text_utf8_len(s, left)) > 0) {
			put(j, s, n);
		} else {
			n = 1;
			put_text(j, "\xef\xbf\xbd"); /* U+FFFD */
		}
		s += n;
		left -= n;
	}
	put_text(j, "\"");
}

static void put_name(struct json *j, const char *name)
{
	if (j->comma)
		put_text(j, ",");
	j->comma = true;
	if (!name)
		return;
	put_quoted(j, name);
	put_text(j, ":");
}

void json_begin(struct json *j, struct buf *out)
{
	*j = (struct json){.out = out};
}

int json_end(struct json *j)
{
	put_text(j, "\n");
	return j->status;
}

void json_open(struct json *j, const char *name, char bracket)
{
	put_name(j, name);
	put(j, &bracket, 1);
	j->comma = false;
}

void json_close(struct json *j, char bracket)
{
	put(j, &bracket, 1);
	j->comma = true;
}

void json_string(struct json *j, const char *name, const char *value)
{
	put_name(j, name);
	if (value)
		put_quoted(j, value);
	else
		put_text(j, "null");
}

void json_uint(struct json *j, const char *name, uint64_t value)
{
	put_name(j, name);
	if (!j->status)
		j->status = buf_printf(j->out, "%llu", (unsigned long long)value);
}

void json_int(struct json *j, const char *name, int64_t value)
{
	put_name(j, name);
	if (!j->status)
		j->status = buf_printf(j->out, "%lld", (long long)value);
}

void json_bool(struct json *j, const char *name, bool value)
{
	put_name(j, name);
	put_text(j, value ? "true" : "false");
}

void json_seconds(struct json *j, const char *name, double seconds)
{
	put_name(j, name);
	if (!j->status)
		j->status = buf_printf(j->out, "%.3f", seconds);
}
