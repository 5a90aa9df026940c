#include "cli/suggest.h"

#include <string.h>

#include "base/checked.h"

enum {
	NAME_MAX_LEN = 32,
};

/* Edits (insert, delete, replace, swap of neighbours) that turn a into b; both at most
 * NAME_MAX_LEN bytes. The rows of the usual table are kept for the last three steps. */
static unsigned edits(const char *a, size_t a_len, const char *b, size_t b_len)
{
	unsigned rows[3][NAME_MAX_LEN + 1];

	for (size_t j = 0; j <= b_len; j++)
		rows[0][j] = (unsigned)j;
	for (size_t i = 1; i <= a_len; i++) {
		unsigned *now = rows[i % 3];
		const unsigned *before = rows[(i + 2) % 3], *swap = rows[(i + 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= b_len; j++) {
			unsigned n = before[j - 1] + (a[i - 1] != b[j - 1]);

			n = MIN(n, MIN(before[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
				a[i - 2] == b[j - 1])
				n = MIN(n, swap[j - 2] + 1);
			now[j] = n;
		}
	}
	return rows[a_len % 3][b_len];
}

void suggest_offer(
	struct suggestion *s, const char *wrong, size_t wrong_len, const char *candidate)
{
	size_t len = strlen(candidate);

	if (!wrong_len || wrong_len > NAME_MAX_LEN || len > NAME_MAX_LEN)
		return;

	/* an abbreviation is as good as one typing error */
	unsigned d = wrong_len >= 2 && wrong_len < len &&
				     memcmp(wrong, candidate, wrong_len) == 0
			     ? 1
			     : edits(wrong, wrong_len, candidate, len);

	if (d > MAX(wrong_len / 3, (size_t)1) || d >= len)
		return;
	if (s->best && s->distance <= d)
		return;
	s->best = candidate;
	s->distance = d;
}
