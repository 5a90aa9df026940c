/* Base64 both ways (RFC 4648, section 10 has the vectors). */
#include "base/base64.h"
#include "unit.h"

static const struct {
	const char *plain, *text;
} vectors[] = {
	{"", ""},
	{"f", "Zg=="},
	{"fo", "Zm8="},
	{"foo", "Zm9v"},
	{"foob", "Zm9vYg=="},
	{"fooba", "Zm9vYmE="},
	{"foobar", "Zm9vYmFy"},
	{"\xfb\xff\xbf", "+/+/"},
};

int main(void)
{
	for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
		char text[32];
		unsigned char back[32];
		size_t n = strlen(vectors[i].plain), len = 0;

		base64_encode(vectors[i].plain, n, text);
		CHECK_STR(text, vectors[i].text);
		CHECK_EQ(strlen(text), BASE64_LEN(n));
		CHECK(base64_decode(text, strlen(text), back, &len));
		CHECK_EQ(len, n);
		CHECK_MEM(back, vectors[i].plain, n);
	}
	TEST_END;
}
