/* SHA-256 both ways and two at once, SHA-512, and digests as text. */
#include "base/digest.h"
#include "base/cleanup.h"
#include "unit.h"

static void hex(const unsigned char *p, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		sprintf(out + 2 * i, "%02x", p[i]);
}

/* FIPS 180-4 examples (NIST, SHA256.pdf and SHA512.pdf) */
static const struct {
	const char *text;
	size_t repeat;
	const char *sha256, *sha512;
} vectors[] = {
	{"", 1, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
		"cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
		"47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"},
	{"abc", 1, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
		"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"},
	{"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 1,
		"248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", NULL},
	{"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmno"
	 "ijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
		1, "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1",
		"8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
		"501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909"},
	{"aaaaaaaaaa", 100000,
		"cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
		"e718483d0ce769644e2e42c7bc15b4638e1f98b13b2044285632a803afa973eb"
		"de0ff244877ea60a4cb0432ce577c31beb009c5c2c49aa2e4eadb217ad8cc09b"},
};

static void check_vector(size_t i, bool instructions)
{
	struct sha256 s;
	unsigned char out[32];
	char text[65];

	sha256_init(&s);
	s.instructions = s.instructions && instructions;
	for (size_t r = 0; r < vectors[i].repeat; r++)
		sha256_update(&s, vectors[i].text, strlen(vectors[i].text));
	sha256_final(&s, out);
	hex(out, 32, text);
	CHECK_STR(text, vectors[i].sha256);
}

static void check_sha512(size_t i)
{
	CLEANUP(digester_finish) struct digester d = {.algo = DIGEST_NONE};
	struct digest out;

	CHECK_EQ(digester_init(&d, DIGEST_SHA512, NULL), 0);
	for (size_t r = 0; r < vectors[i].repeat; r++)
		CHECK_EQ(digester_update(
				 &d, vectors[i].text, strlen(vectors[i].text), NULL),
			0);
	CHECK_EQ(digester_final(&d, &out, NULL), 0);
	CHECK_STR(digest_format(&out).s + strlen("sha512:"), vectors[i].sha512);
}

static unsigned char data[300000];
static uint64_t seed;

static uint32_t draw(uint32_t below)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)(seed >> 33) % below;
}

static void reference(const unsigned char *p, size_t n, unsigned char out[32])
{
	struct sha256 s;

	sha256_init(&s);
	s.instructions = false;
	sha256_update(&s, p, n);
	sha256_final(&s, out);
}

/* Two streams of random lengths in random chunks, together, against each by itself. */
static void random_chunks(bool a_instr, bool b_instr)
{
	struct sha256 a, b;
	unsigned char out[32], want[32];
	size_t na = draw(2) ? draw(300) : draw(sizeof(data)), nb = draw(sizeof(data));
	size_t ia = 0, ib = 0;

	sha256_init(&a);
	sha256_init(&b);
	a.instructions = a.instructions && a_instr;
	b.instructions = b.instructions && b_instr;
	while (ia < na || ib < nb) {
		uint32_t most = draw(2) ? 200 : 50000;
		size_t ca = draw(most), cb = draw(most);

		ca = ca < na - ia ? ca : na - ia;
		cb = cb < nb - ib ? cb : nb - ib;
		sha256_update2(&a, data + ia, ca, &b, data + ib, cb);
		ia += ca;
		ib += cb;
	}
	sha256_final(&a, out);
	reference(data, na, want);
	CHECK_MEM(out, want, 32);
	sha256_final(&b, out);
	reference(data, nb, want);
	CHECK_MEM(out, want, 32);
}

static void check_digesters(void)
{
	for (int algos = 0; algos < 9; algos++) {
		struct digester a = {0}, b = {0};
		struct digest da, db, want;

		CHECK_EQ(digester_init(&a, (enum digest_algo)(algos % 3), NULL), 0);
		CHECK_EQ(digester_init(&b, (enum digest_algo)(algos / 3), NULL), 0);
		CHECK_EQ(digester_update2(&a, data, 1000, &b, data, 7777, NULL), 0);
		CHECK_EQ(digester_final(&a, &da, NULL), 0);
		CHECK_EQ(digester_final(&b, &db, NULL), 0);
		CHECK_EQ(digest_of(a.algo, data, 1000, &want, NULL), 0);
		CHECK(digest_equal(&da, &want));
		CHECK_EQ(digest_of(b.algo, data, 7777, &want, NULL), 0);
		CHECK(digest_equal(&db, &want));
		digester_finish(&a);
		digester_finish(&b);
	}
}

#define HEX32 "0123456789abcdef0123456789abcdef"

static const struct {
	const char *text, *error; /* error NULL: accepted */
} texts[] = {
	{"sha256:" HEX32 HEX32, NULL},
	{"sha512:" HEX32 HEX32 HEX32 HEX32, NULL},
	{"", "is not of the form"},
	{"sha256", "is not of the form"},
	{":" HEX32 HEX32, "algorithm \"\" is not supported"},
	{"sha256:", "has 0 hex digits, not 64"},
	{"sha256:" HEX32, "has 32 hex digits, not 64"},
	{"sha512:" HEX32 HEX32, "has 64 hex digits, not 128"},
	{"md5:" HEX32, "algorithm \"md5\" is not supported"},
	{"SHA256:" HEX32 HEX32, "algorithm \"SHA256\" is not supported"},
	{"sha256:" HEX32 "0123456789ABCDEF0123456789abcdef", "lower-case hex"},
	{"sha256:" HEX32 "../3456789abcdef0123456789abcdef", "lower-case hex"},
	{"sha256:" HEX32 HEX32 " ", "has 65 hex digits"},
};

static void check_texts(void)
{
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct o2r_err err = {0};
		struct digest d = {.algo = DIGEST_NONE};
		int r = digest_parse(texts[i].text, strlen(texts[i].text), &d, &err);

		CHECK_EQ(r < 0, texts[i].error != NULL);
		if (!texts[i].error) {
			CHECK_STR(digest_format(&d).s, texts[i].text);
			continue;
		}
		CHECK_EQ(err.cls, ERR_CORRUPT);
		CHECK_EQ(d.algo, DIGEST_NONE);
		if (!strstr(err.text, texts[i].error))
			CHECK_STR(err.text, texts[i].error);
	}
}

int main(int argc, char **argv)
{
	seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20260101;
	fprintf(stderr, "seed %" PRIu64 "\n", seed);
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)draw(256);
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		check_vector(i, true);
		check_vector(i, false);
		if (vectors[i].sha512)
			check_sha512(i);
	}
	for (int i = 0; i < 200; i++)
		random_chunks(i % 4 != 1, i % 4 < 2);
	check_digesters();
	check_texts();
	TEST_END;
}
