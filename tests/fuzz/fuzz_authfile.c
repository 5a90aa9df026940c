/*
 * Credential files and answers of credential helpers. The first line names the image
 * ("REGISTRY REPOSITORY"), the rest is the file: in both formats, and as an answer.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "sources/registry/auth_entry.h"
#include "sources/registry/auth_key.h"
#include "sources/registry/authfile.h"

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void check_err(int r, const struct o2r_err *err)
{
	must(r < 0 && err->code == r && err->text[0]);
	must(!strpbrk(err->text, "\n\r\033"));
	must(err->cls == ERR_CORRUPT);
}

static void check_credential(const struct credential *c)
{
	/* both or none, and what is there is something */
	must(!c->username == !c->password && !c->from);
	must(!c->username || c->username[0] || c->password[0] || c->identity_token);
	must(!c->identity_token || c->identity_token[0]);
	must(!c->registry_token || c->registry_token[0]);
}

static void try_file(const char *text, size_t n, const struct authfile_question *q)
{
	CLEANUP(authfile_finish) struct authfile f = {0};
	struct o2r_err err = {0};
	int r = authfile_parse(text, n, q, &f, &err);

	if (r < 0)
		check_err(r, &err);
	must(r == 0 || (!f.helper && !f.part.username && !f.whole.username));
	check_credential(&f.part);
	check_credential(&f.whole);
	must(!q->flat || (!f.helper && !f.part.username));
	must(!f.helper || (f.helper[0] && strlen(f.helper) <= AUTHFILE_HELPER_MAX &&
				  !strpbrk(f.helper, "/ \n")));
}

static void try_answer(const char *text, size_t n)
{
	CLEANUP(credential_finish) struct credential c = {0};
	struct o2r_err err = {0};
	int r = auth_answer_read(text, n, 64, &c, &err);

	if (r < 0)
		check_err(r, &err);
	must((r > 0) == (c.username || c.identity_token));
	check_credential(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* a copy of exactly that size, so that a read behind it is seen */
	AUTO_FREE char *first = malloc(size + 1);
	AUTO_FREE char *rest = NULL;
	const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
	size_t n = line ? size - (size_t)(line + 1 - data) : 0;
	char *repository;

	rest = malloc(n ? n : 1);
	must(first && rest);
	memcpy(first, line ? data : (const uint8_t *)"",
		line ? (size_t)(line - data) : 0);
	first[line ? line - data : 0] = '\0';
	if (n)
		memcpy(rest, line + 1, n);
	repository = strchr(first, ' ');
	if (repository)
		*repository++ = '\0';

	struct authfile_question q = {
		.registry = first,
		.repository = repository ? repository : "a/b",
		.json_depth = 64,
	};

	try_file(rest, n, &q);
	q.flat = true;
	try_file(rest, n, &q);
	try_answer(rest, n);
	return 0;
}
