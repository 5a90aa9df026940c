#include "sources/platform.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "base/checked.h"

/* The kernel's names and what images call them; variant NULL: the processor is asked. */
static const struct machine {
	const char *uname, *arch, *variant;
} machines[] = {
	{"x86_64", "amd64", NULL},
	{"aarch64", "arm64", ""},
	{"i386", "386", ""},
	{"i486", "386", ""},
	{"i586", "386", ""},
	{"i686", "386", ""},
	{"armv5", "arm", "v5"},
	{"armv6", "arm", "v6"},
	{"armv7", "arm", "v7"},
	{"armv8", "arm", "v8"},
	{"ppc64le", "ppc64le", ""},
	{"ppc64", "ppc64", ""},
	{"s390x", "s390x", ""},
	{"riscv64", "riscv64", ""},
	{"loongarch64", "loong64", ""},
};

#if defined(__x86_64__)
enum {
	V2_ECX = bit_SSE3 | bit_SSSE3 | bit_SSE4_1 | bit_SSE4_2 | bit_POPCNT |
		 bit_CMPXCHG16B,
	V2_EXT_ECX = bit_LAHF_LM,
	V3_ECX = bit_AVX | bit_F16C | bit_FMA | bit_MOVBE | bit_OSXSAVE,
	V3_EXT_ECX = bit_ABM, /* lzcnt */
	V3_EBX7 = bit_AVX2 | bit_BMI | bit_BMI2,
};

/* bit 31 does not fit the enum */
static const unsigned V4_EBX7 =
	bit_AVX512F | bit_AVX512BW | bit_AVX512CD | bit_AVX512DQ | bit_AVX512VL;

static bool all(unsigned have, unsigned want)
{
	return (have & want) == want;
}

/* Registers that the operating system saves; only with bit_OSXSAVE. */
static unsigned saved_state(void)
{
	unsigned eax, edx;

	__asm__("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	return eax;
}

/* The levels of the x86-64 psABI. */
static unsigned x86_64_level(void)
{
	unsigned eax, ebx, ecx, edx, ext_ecx = 0, ebx7 = 0;

	if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx))
		return 1;

	unsigned ecx1 = ecx;

	if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
		ext_ecx = ecx;
	if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx))
		ebx7 = ebx;
	if (!all(ecx1, V2_ECX) || !all(ext_ecx, V2_EXT_ECX))
		return 1;
	if (!all(ecx1, V3_ECX) || !all(ext_ecx, V3_EXT_ECX) || !all(ebx7, V3_EBX7) ||
		!all(saved_state(), 0x06))
		return 2;
	return all(ebx7, V4_EBX7) && all(saved_state(), 0xe6) ? 4 : 3;
}
#else
static unsigned x86_64_level(void)
{
	return 1;
}
#endif

int platform_host(struct platform *out, struct o2r_err *err)
{
	struct utsname u;
	char variant[8] = "";

	if (uname(&u) < 0)
		return err_errno(err, errno, "cannot ask for the machine's name");
	for (size_t i = 0; i < ARRAY_LEN(machines); i++) {
		const struct machine *m = &machines[i];

		if (strncmp(u.machine, m->uname, strlen(m->uname)) != 0)
			continue;
		if (m->variant)
			snprintf(variant, sizeof(variant), "%s", m->variant);
		else
			snprintf(variant, sizeof(variant), "v%u", x86_64_level());

		int r = platform_make("linux", m->arch, variant, out, err);

		return r < 0 ? r : 0;
	}
	return err_set(err, ERR_USAGE, EOPNOTSUPP,
		"the machine \"%s\" is not known: name a platform with --platform "
		"os/arch",
		u.machine);
}
