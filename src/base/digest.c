#include "base/digest.h"

#include <string.h>
#include <openssl/evp.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/text.h"

const char *digest_algo_name(enum digest_algo algo)
{
	switch (algo) {
	case DIGEST_NONE:
		return "none";
	case DIGEST_SHA256:
		return "sha256";
	case DIGEST_SHA512:
		return "sha512";
	}
	return "unknown";
}

size_t digest_size(enum digest_algo algo)
{
	switch (algo) {
	case DIGEST_NONE:
		return 0;
	case DIGEST_SHA256:
		return 32;
	case DIGEST_SHA512:
		return 64;
	}
	return 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_hex(const char *s, unsigned char *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		int hi = hex_value(s[2 * i]), lo = hex_value(s[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return -1;
		out[i] = (unsigned char)(hi << 4 | lo);
	}
	return 0;
}

int digest_parse(const char *s, size_t n, struct digest *out, struct o2r_err *err)
{
	struct digest d = {.algo = DIGEST_NONE};
	const char *colon = n ? memchr(s, ':', n) : NULL;
	size_t name = colon ? (size_t)(colon - s) : 0;

	if (!colon)
		return err_corrupt(err, "digest \"%s\" is not of the form sha256:HEX",
			text_quote(s, n).s);
	if (name == 6 && memcmp(s, "sha256", 6) == 0)
		d.algo = DIGEST_SHA256;
	else if (name == 6 && memcmp(s, "sha512", 6) == 0)
		d.algo = DIGEST_SHA512;
	else
		return err_corrupt(err,
			"digest algorithm \"%s\" is not supported (sha256 and sha512 "
			"are)",
			text_quote(s, name).s);

	size_t hex = n - name - 1, want = 2 * digest_size(d.algo);

	if (hex != want)
		return err_corrupt(err, "digest \"%s\" has %zu hex digits, not %zu",
			text_quote(s, n).s, hex, want);
	if (parse_hex(colon + 1, d.bytes, want / 2) < 0)
		return err_corrupt(err,
			"digest \"%s\" is not made of lower-case hex digits",
			text_quote(s, n).s);
	*out = d;
	return 0;
}

struct digest_text digest_format(const struct digest *d)
{
	static const char hex[] = "0123456789abcdef";
	struct digest_text t = {{0}};
	const char *name = digest_algo_name(d->algo);
	size_t n = strlen(name);

	memcpy(t.s, name, n);
	if (d->algo == DIGEST_NONE)
		return t;
	t.s[n++] = ':';
	for (size_t i = 0; i < digest_size(d->algo); i++) {
		t.s[n++] = hex[d->bytes[i] >> 4];
		t.s[n++] = hex[d->bytes[i] & 15];
	}
	return t;
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
	return a->algo == b->algo &&
	       memcmp(a->bytes, b->bytes, digest_size(a->algo)) == 0;
}

static int library_failed(struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, EIO, "the crypto library cannot compute SHA-512");
}

int digester_init(struct digester *d, enum digest_algo algo, struct o2r_err *err)
{
	d->algo = algo;
	d->sha512 = NULL;
	if (algo == DIGEST_SHA256)
		sha256_init(&d->sha256);
	if (algo != DIGEST_SHA512)
		return 0;
	d->sha512 = EVP_MD_CTX_new();
	if (!d->sha512)
		return err_nomem(err);
	if (EVP_DigestInit_ex(d->sha512, EVP_sha512(), NULL) != 1) {
		digester_finish(d);
		return library_failed(err);
	}
	return 0;
}

int digester_update(struct digester *d, const void *p, size_t n, struct o2r_err *err)
{
	if (d->algo == DIGEST_SHA256)
		sha256_update(&d->sha256, p, n);
	else if (d->algo == DIGEST_SHA512 && EVP_DigestUpdate(d->sha512, p, n) != 1)
		return library_failed(err);
	return 0;
}

int digester_update2(struct digester *a, const void *pa, size_t na, struct digester *b,
	const void *pb, size_t nb, struct o2r_err *err)
{
	if (a->algo == DIGEST_SHA256 && b->algo == DIGEST_SHA256) {
		sha256_update2(&a->sha256, pa, na, &b->sha256, pb, nb);
		return 0;
	}

	int r = digester_update(a, pa, na, err);

	return r < 0 ? r : digester_update(b, pb, nb, err);
}

int digester_final(struct digester *d, struct digest *out, struct o2r_err *err)
{
	struct digest result = {.algo = d->algo};

	if (d->algo == DIGEST_SHA256)
		sha256_final(&d->sha256, result.bytes);
	else if (d->algo == DIGEST_SHA512 &&
		 EVP_DigestFinal_ex(d->sha512, result.bytes, NULL) != 1)
		return library_failed(err);
	*out = result;
	return 0;
}

void digester_finish(struct digester *d)
{
	EVP_MD_CTX_free(d->sha512);
	d->sha512 = NULL;
}

int digest_of(enum digest_algo algo, const void *p, size_t n, struct digest *out,
	struct o2r_err *err)
{
	CLEANUP(digester_finish) struct digester d = {.algo = DIGEST_NONE};
	int r = digester_init(&d, algo, err);

	if (r == 0)
		r = digester_update(&d, p, n, err);
	return r < 0 ? r : digester_final(&d, out, err);
}
