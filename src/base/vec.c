#include "base/vec.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int vec_reserve(void *data, size_t n, size_t *cap, size_t more, size_t max, size_t elem)
{
	void *p;

	if (n > max || more > max - n)
		return -E2BIG;
	if (n + more <= *cap)
		return 0;

	/* by half: large arrays are moved by the kernel, and slack counts as memory */
	size_t want = *cap + *cap / 2;

	if (want < n + more)
		want = n + more;
	if (want < 16)
		want = 16;
	if (want > max)
		want = max;
	if (want > SIZE_MAX / elem)
		return -ENOMEM;
	memcpy(&p, data, sizeof(p));
	p = realloc(p, want * elem);
	if (!p)
		return -ENOMEM;
	memcpy(data, &p, sizeof(p));
	*cap = want;
	return 0;
}
