/*
 * Read tars with our reader and with libarchive, as they are and damaged from a seed, and
 * fail on every difference that is not listed in differences.c with its reason.
 *
 * usage: tar_vs_libarchive [-n MUTATIONS] [-s SEED] [-k FILE] TAR...
 *   -n  damaged copies of each tar (0)     -s  where their seeds begin (1)
 *   -k  write the first archive that differs without a listed reason to FILE
 */
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "differences.h"
#include "mutate.h"

struct totals {
	unsigned long compared, agreed, listed, unlisted;
};

struct job {
	const char *name;
	uint64_t seed; /* 0: not damaged */
	const char *keep;
	struct totals *totals;
	struct facts facts;
	bool listed, unlisted;
};

static const char *const shown_by_env = "O2R_SHOW_LISTED";

static void tell(struct job *job, const char *reason, const char *where, const char *ours,
	const char *theirs)
{
	if (reason)
		job->listed = true;
	else
		job->unlisted = true;
	if (reason && !getenv(shown_by_env))
		return;
	printf("%s, seed %llu: %s: %s\n  ours:   %s\n  theirs: %s\n",
		reason ? reason : "NOT LISTED", (unsigned long long)job->seed, job->name,
		where, text_quote(ours, strlen(ours)).s,
		text_quote(theirs, strlen(theirs)).s);
}

/* whole: our reader got to the end of the data. */
static void compare_records(struct job *job, const struct record *ours,
	const struct record *theirs, bool whole)
{
	for (int f = 0; f < FIELD_COUNT; f++) {
		if (strcmp(ours->field[f], theirs->field[f]) == 0)
			continue;
		if (f == FIELD_CONTENT && (!whole || !theirs->field[f][0]))
			continue;
		/* a sparse file's map may be what ours did not believe */
		if (f == FIELD_SIZE && !whole)
			continue;

		char where[300];

		snprintf(where, sizeof(where), "%s of %s", record_field_names[f],
			text_quote(
				ours->field[FIELD_PATH], strlen(ours->field[FIELD_PATH]))
				.s);
		tell(job, known_field_difference(f, ours, theirs, &job->facts), where,
			ours->field[f], theirs->field[f]);
	}
}

/* How the two came to their ends. */
static void compare_ends(
	struct job *job, const struct reading *ours, const struct reading *theirs)
{
	char a[1100], b[1100];

	if (ours->failed && theirs->failed)
		return;
	snprintf(a, sizeof(a), "%zu entries %s", ours->count, ours->text);
	snprintf(b, sizeof(b), "%zu entries %s", theirs->count, theirs->text);
	if (ours->failed)
		tell(job, job->seed ? known_refusal(ours->text) : NULL, "only ours fails",
			a, b);
	else if (theirs->failed)
		tell(job, known_their_failure(theirs->text, &job->facts),
			"only libarchive fails", a, b);
	else if (ours->count != theirs->count)
		tell(job, known_count_difference(ours, theirs, &job->facts),
			"number of entries", a, b);
}

static void keep(const struct job *job, const void *tar, size_t n)
{
	AUTO_FD int fd = open(job->keep, O_WRONLY | O_CREAT | O_EXCL, 0644);

	if (fd >= 0 && write(fd, tar, n) != (ssize_t)n)
		perror(job->keep);
}

static void compare(struct job *job, const void *tar, size_t n)
{
	struct reading ours = {0}, theirs = {0};

	facts_gather(&job->facts, tar, n, job->seed != 0);
	read_ours(tar, n, &ours);
	read_theirs(tar, n, &theirs);
	for (size_t i = 0; i < ours.count && i < theirs.count && !job->unlisted; i++) {
		compare_records(job, &ours.records[i], &theirs.records[i],
			!ours.failed || i + 1 < ours.count);
		/* after a difference in damaged archives the two may be at different
		 * places */
		if (job->seed && job->listed)
			break;
	}
	if (!(job->seed && job->listed) && !job->unlisted)
		compare_ends(job, &ours, &theirs);
	reading_free(&ours);
	reading_free(&theirs);
	job->totals->compared++;
	job->totals->agreed += !job->listed && !job->unlisted;
	job->totals->listed += job->listed && !job->unlisted;
	job->totals->unlisted += job->unlisted;
	if (job->unlisted && job->keep)
		keep(job, tar, n);
}

static unsigned char *load(const char *path, size_t *n)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		perror(path);
		return NULL;
	}

	AUTO_FREE unsigned char *p = malloc((size_t)st.st_size + 1);

	if (!p || read(fd, p, (size_t)st.st_size) != st.st_size) {
		perror(path);
		return NULL;
	}
	*n = (size_t)st.st_size;
	return STEAL(p);
}

static int compare_file(const char *path, unsigned long mutations, uint64_t seed,
	const char *kept, struct totals *totals)
{
	size_t n;
	AUTO_FREE unsigned char *tar = load(path, &n);
	AUTO_FREE unsigned char *damaged = tar ? malloc(n + 1) : NULL;

	if (!damaged)
		return -1;
	compare(&(struct job){.name = path, .keep = kept, .totals = totals}, tar, n);
	for (unsigned long i = 0; i < mutations; i++) {
		struct job job = {
			.name = path, .seed = seed + i, .keep = kept, .totals = totals};

		compare(&job, damaged, mutate(tar, n, job.seed, damaged));
	}
	return 0;
}

int main(int argc, char **argv)
{
	unsigned long mutations = 0, seed = 1;
	struct totals totals = {0};
	const char *kept = NULL;
	int opt, r = 0;

	/* libarchive converts names by the locale, and warns where it cannot */
	setlocale(LC_ALL, "C.UTF-8");
	while ((opt = getopt(argc, argv, "n:s:k:")) != -1) {
		if (opt == 'n')
			mutations = strtoul(optarg, NULL, 10);
		else if (opt == 's')
			seed = strtoul(optarg, NULL, 10);
		else if (opt == 'k')
			kept = optarg;
		else
			return 2;
	}
	for (int i = optind; i < argc; i++)
		if (compare_file(argv[i], mutations, seed, kept, &totals) < 0)
			r = 1;
	printf("%lu archives (seeds from %lu): %lu read alike, %lu with listed "
	       "differences, %lu "
	       "with others\n",
		totals.compared, seed, totals.agreed, totals.listed, totals.unlisted);
	return r || totals.unlisted || !totals.compared;
}
