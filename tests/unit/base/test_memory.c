/* Containers: arena, buffer with a cap, growing array. */
#include <errno.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/vec.h"
#include "unit.h"

static void arenas(void)
{
	struct arena a = {0};
	char *kept[2000];

	for (unsigned i = 0; i < 2000; i++) {
		size_t align = (size_t)1 << i % 5, size = i * 37 % 3000;

		kept[i] = arena_alloc(&a, size, align);
		CHECK(kept[i] && (uintptr_t)kept[i] % align == 0);
		memset(kept[i], (int)(i % 251), size);
	}
	for (unsigned i = 0; i < 2000; i++)
		for (size_t k = 0; k < i * 37 % 3000; k++)
			if ((unsigned char)kept[i][k] != i % 251)
				CHECK(!"memory is shared");
	CHECK(a.total >= 2000 * 1400);
	CHECK(a.total < 2000 * 1500 * 2);
	/* larger than any chunk */
	CHECK(arena_alloc(&a, 5 << 20, 16) != NULL);
	CHECK(arena_alloc(&a, SIZE_MAX, 1) == NULL);
	CHECK(arena_dup(&a, "x", SIZE_MAX) == NULL);
	CHECK_STR(arena_dup(&a, "abcdef", 3), "abc");
	CHECK_STR(arena_dup(&a, "", 0), "");
	arena_finish(&a);
	CHECK(!a.chunks && !a.total);
	CHECK(arena_alloc(&a, 0, 1) != NULL);
	arena_finish(&a);
}

static void buffers(void)
{
	struct buf b = {.max = 1000};

	CHECK_EQ(buf_append(&b, "abc", 3), 0);
	CHECK_EQ(buf_append(&b, NULL, 0), 0);
	CHECK_EQ(buf_printf(&b, "%d-%s", 7, "x"), 0);
	CHECK_STR(b.data, "abc7-x");
	CHECK_EQ(buf_printf(&b, "%994d", 1), 0);
	CHECK_EQ(b.len, 1000);
	CHECK_EQ(b.data[1000], 0);
	CHECK_EQ(buf_append(&b, "y", 1), -EFBIG);
	CHECK_EQ(buf_printf(&b, "y"), -EFBIG);
	CHECK_EQ(b.len, 1000);
	buf_finish(&b);
	CHECK(!b.data && !b.len);

	/* no cap is so large that sizes wrap around */
	b = (struct buf){.max = SIZE_MAX};
	CHECK_EQ(buf_append(&b, "a", 1), 0);
	CHECK_EQ(buf_reserve(&b, SIZE_MAX - 1), -EFBIG);
	CHECK_EQ(buf_reserve(&b, SIZE_MAX - 2), -EFBIG);
	CHECK_EQ(buf_reserve(&b, SIZE_MAX / 2), -EFBIG);
	buf_finish(&b);

	b = (struct buf){0};
	CHECK_EQ(buf_reserve(&b, (16 << 20) + 1), -EFBIG);
	CHECK_EQ(buf_reserve(&b, 16 << 20), 0);
	buf_finish(&b);
}

static void vectors(void)
{
	uint64_t *v = NULL;
	size_t n = 0, cap = 0;

	for (; n < 1000; n++) {
		CHECK_EQ(VEC_RESERVE(v, n, cap, 1, 1000), 0);
		CHECK(cap > n && cap <= 1000);
		v[n] = n;
	}
	for (size_t i = 0; i < n; i++)
		CHECK_EQ(v[i], i);
	CHECK_EQ(VEC_RESERVE(v, n, cap, 1, 1000), -E2BIG);
	CHECK_EQ(VEC_RESERVE(v, n, cap, SIZE_MAX, 1000), -E2BIG);
	CHECK_EQ(VEC_RESERVE(v, n, cap, 1, 10), -E2BIG);
	CHECK_EQ(VEC_RESERVE(v, n, cap, SIZE_MAX / 8, SIZE_MAX), -ENOMEM);
	CHECK_EQ(cap, 1000);
	CHECK_EQ(VEC_RESERVE(v, n, cap, 0, 1000), 0);
	free(v);
}

int main(void)
{
	arenas();
	buffers();
	vectors();
	TEST_END;
}
