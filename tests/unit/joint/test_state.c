/* The state of a view as text, and as files in a folder. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/checked.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "o2r_state_file.h"
#include "unit.h"

#define DIGEST "sha256:6666666666666666666666666666666666666666666666666666666666666666"

static void fill(struct view_state *s)
{
	*s = (struct view_state){
		.reference = strdup("oci:/a b/100%\n\xff"),
		.platform = strdup("linux/arm64/v8"),
		.layers = calloc(2, sizeof(struct digest)),
		.layer_count = 2,
		.limits = LIMITS_DEFAULT,
		.mountpoint = strdup("/mnt/\xc3\xbc"),
		.process = {.pid = 4242, .start = 17},
		.boot = {"13af1bee-357c-4e2f-8b55-595e8359e2ab"},
		.since = 1700000000,
	};
	s->limits.entries = UINT64_MAX;
	CHECK_EQ(digest_parse(DIGEST, strlen(DIGEST), &s->manifest, NULL), 0);
	s->layers[0] = s->layers[1] = s->manifest;
	s->extras = calloc(3, sizeof(*s->extras));
	s->extra_count = 3;
	s->extras[0] =
		(struct image_extra){.path = strdup("/dir\t"), .kind = EXTRA_LAYER};
	s->extras[1] = (struct image_extra){.path = strdup("oci:/on top"),
		.kind = EXTRA_LAYER,
		.manifest = s->manifest};
	s->extras[2] = (struct image_extra){.path = strdup("/src"),
		.dest = strdup("/dest"),
		.kind = EXTRA_FILE,
		.mode = 04755,
		.uid = 7,
		.gid = 8};
}

static void format(struct buf *text)
{
	AUTO_STATE struct view_state s = {0};

	fill(&s);
	CHECK_EQ(view_state_format(&s, text, NULL), 0);
}

static void comes_back(void)
{
	AUTO_STATE struct view_state s = {0}, again = {0};
	AUTO_BUF struct buf text = {0};
	struct o2r_err err = {0};

	fill(&s);
	CHECK_EQ(view_state_format(&s, &text, &err), 0);
	CHECK_EQ(view_state_parse(text.data, text.len, &again, &err), 0);
	CHECK_STR(again.reference, s.reference);
	CHECK_STR(again.mountpoint, s.mountpoint);
	CHECK_STR(again.platform, s.platform);
	CHECK(!again.cache_dir);
	CHECK_EQ(again.layer_count, 2);
	CHECK(digest_equal(&again.layers[1], &s.manifest));
	CHECK_MEM(&again.limits, &s.limits, sizeof(s.limits));
	CHECK_EQ(again.process.pid, 4242);
	CHECK_EQ(again.process.start, 17);
	CHECK_EQ(again.since, 1700000000);
	CHECK_STR(again.boot.s, s.boot.s);
	CHECK_EQ(again.extra_count, 3);
	CHECK_STR(again.extras[0].path, "/dir\t");
	CHECK_EQ(again.extras[0].manifest.algo, DIGEST_NONE);
	CHECK(digest_equal(&again.extras[1].manifest, &s.manifest));
	CHECK_EQ(again.extras[2].kind, EXTRA_FILE);
	CHECK_STR(again.extras[2].path, "/src");
	CHECK_STR(again.extras[2].dest, "/dest");
	CHECK_EQ(again.extras[2].mode, 04755);
	CHECK_EQ(again.extras[2].uid, 7);
	CHECK_EQ(again.extras[2].gid, 8);
}

static void modes_that_are_the_files(void)
{
	AUTO_STATE struct view_state s = {0}, again = {0};
	AUTO_BUF struct buf text = {0};

	fill(&s);
	s.extras[2].mode = -1;
	CHECK_EQ(view_state_format(&s, &text, NULL), 0);
	CHECK_EQ(view_state_parse(text.data, text.len, &again, NULL), 0);
	CHECK_EQ(again.extras[2].mode, -1);
}

static void references_come_back(void)
{
	static const char *const references[] = {
		"oci-archive:/a.tar",
		"docker-archive:/a.tar:b:c",
		"overlay:/a:/b",
		"docker-store:[/var/lib/docker]a",
		"containers-storage:[overlay@/a]b",
		"docker://localhost:5000/a/b:c@sha256:0",
		"scratch",
	};

	for (size_t i = 0; i < ARRAY_LEN(references); i++) {
		AUTO_STATE struct view_state s = {0}, again = {0};
		AUTO_BUF struct buf text = {0};

		fill(&s);
		free(s.reference);
		s.reference = strdup(references[i]);
		CHECK_EQ(view_state_format(&s, &text, NULL), 0);
		CHECK_EQ(view_state_parse(text.data, text.len, &again, NULL), 0);
		CHECK_STR(again.reference, references[i]);
	}
}

static void nothing_to_open_again(void)
{
	AUTO_STATE struct view_state s = {0}, again = {0};
	AUTO_BUF struct buf text = {0};

	fill(&s);
	free(s.reference);
	s.reference = NULL;
	s.cache_dir = strdup("/cache");
	s.no_cache = true;
	CHECK_EQ(view_state_format(&s, &text, NULL), 0);
	CHECK_EQ(view_state_parse(text.data, text.len, &again, NULL), 0);
	CHECK(!again.reference && again.no_cache);
	CHECK_STR(again.cache_dir, "/cache");
}

/* The good text with one part replaced. */
static const struct {
	const char *part, *by, *says;
} wrong[] = {
	{"\"version\":2", "\"version\":1", "version"},
	{"\"version\":2", "\"version\":2,\"version\":2", "version"},
	{"oci:/a b", "a b", "reference is not an absolute path"},
	{"oci:/a b", "docker:/a b", "reference is not an absolute path"},
	{"oci:/a b", "oci:a b", "reference is not an absolute path"},
	{"oci:/a b", "overlay:a b", "reference is not an absolute path"},
	{"%0A", "%00", "reference holds what no path holds"},
	{"%0A", "%0a", "reference holds what no path holds"},
	{"%0A", "%0", "reference holds what no path holds"},
	{"%0A", "\\n", "reference holds what no path holds"},
	{"%0A", "\xc3\xbc", "reference holds what no path holds"},
	{"\"manifest\":\"sha256", "\"manifest\":\"md5", "manifest"},
	{"\"layers\":[\"sha256:6", "\"layers\":[\"sha256:", "layers[0]"},
	{"\"layers\":[", "\"layers\":[1,", "layers[0]"},
	{"linux/arm64/v8", "arm64", "platform"},
	{"\"extras\":[", "\"extras\":[1,", "extras[0] is a number, not an object"},
	{"\"extras\":[", "\"extras\":null,\"more\":[", "extras is missing"},
	{"\"layer\":\"/dir", "\"layer\":\"dir", "extras[0].layer is not an absolute"},
	{"\"layer\":\"/dir", "\"paper\":\"/dir", "extras[0].file is missing"},
	{"\"file\":\"/src", "\"file\":\"src", "extras[2].file is not an absolute path"},
	{"\"dest\":\"/dest", "\"dest\":\"oci:/", "extras[2].dest is not an absolute"},
	{"\"mode\":2541", "\"mode\":4096", "extras[2].mode is out of range"},
	{"\"uid\":7", "\"uid\":4294967296", "extras[2].uid is out of range"},
	{"\"gid\":8", "\"gid\":\"8\"", "extras[2].gid"},
	{"18446744073709551615", "18446744073709551616", "limits.entries"},
	{"\"no-cache\":0", "\"no-cache\":2", "no-cache is out of range"},
	{"\"cache\":null", "\"cache\":\"x\"", "cache is not an absolute path"},
	{"\"/mnt/", "\"oci:/mnt/", "mountpoint is not an absolute path"},
	{"\"pid\":4242", "\"pid\":0", "pid is out of range"},
	{"\"pid\":4242", "\"pid\":4194305", "pid is out of range"},
	{"\"pid\":4242", "\"pid\":\"1\"", "pid"},
	{"13af1bee", "13AF1BEE", "boot is not a UUID"},
	{"13af1bee-", "", "boot is not a UUID"},
	{"\"since\":1700000000", "\"until\":1", "since is missing"},
};

static void replace(
	struct buf *out, const struct buf *in, const char *part, const char *by)
{
	const char *at = strstr(in->data, part);

	CHECK(at != NULL);
	if (at)
		CHECK_EQ(buf_printf(out, "%.*s%s%s", (int)(at - in->data), in->data, by,
				 at + strlen(part)),
			0);
}

static void refuses(void)
{
	AUTO_BUF struct buf good = {0};

	format(&good);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		AUTO_STATE struct view_state s = {0};
		AUTO_BUF struct buf bad = {0};
		struct o2r_err err = {0};

		replace(&bad, &good, wrong[i].part, wrong[i].by);
		CHECK(view_state_parse(bad.data, bad.len, &s, &err) < 0);
		CHECK_EQ(err.cls, ERR_CORRUPT);
		if (!strstr(err.text, wrong[i].says))
			CHECK_STR(err.text, wrong[i].says);
	}
}

/* ---- files */

static char scratch[] = "/tmp/o2r-state-XXXXXX";

static bool exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

static void in_a_folder(void)
{
	struct state_folder f CLEANUP(state_folder_close) = STATE_FOLDER_INIT;
	AUTO_STATE struct view_state s = {0}, again = {0}, other = {0};
	struct state_name name = state_name(0, 52);
	struct o2r_err err = {0};
	struct stat st;

	CHECK_EQ(state_folder_open(&f, geteuid(), false, &err), 0);
	CHECK_EQ(state_folder_open(&f, geteuid(), true, &err), 1);
	fill(&s);
	fill(&other);
	other.process.start++;
	CHECK_STR(name.s, "0:52.json");
	CHECK_EQ(state_file_read(&f, name.s, &again, &err), 0);
	CHECK_EQ(state_file_write(&f, name.s, &s, &err), 0);
	CHECK_EQ(fstatat(f.fd, name.s, &st, 0), 0);
	CHECK_EQ(st.st_mode & 07777, 0600);
	CHECK_EQ(state_file_read(&f, name.s, &again, &err), 1);
	CHECK_STR(again.mountpoint, s.mountpoint);
	/* another process's: left alone */
	state_file_remove(&f, name.s, &other);
	CHECK(faccessat(f.fd, name.s, F_OK, 0) == 0);
	state_file_remove(&f, name.s, &s);
	CHECK(faccessat(f.fd, name.s, F_OK, 0) < 0);
}

static void no_living_views_file(void)
{
	struct state_folder f CLEANUP(state_folder_close) = STATE_FOLDER_INIT;
	AUTO_STATE struct view_state mine = {0}, theirs = {0}, now = {0};
	struct state_name name = state_name(0, 6);
	struct o2r_err err = {0};
	pid_t child = fork();

	if (child == 0) {
		pause();
		_exit(0);
	}
	fill(&mine);
	fill(&theirs);
	CHECK_EQ(process_self(&mine.process, &err), 0);
	CHECK_EQ(boot_id_read(&mine.boot, &err), 0);
	theirs.boot = mine.boot;
	theirs.process = (struct process){.pid = child, .start = mine.process.start};
	/* the child began in this tick or in one of the next */
	while (!process_alive(&theirs.process) &&
		theirs.process.start < mine.process.start + 100000)
		theirs.process.start++;
	CHECK(process_alive(&theirs.process));
	CHECK_EQ(state_folder_open(&f, geteuid(), true, &err), 1);
	CHECK_EQ(state_file_write(&f, name.s, &theirs, &err), 0);
	CHECK_EQ(state_file_write(&f, name.s, &mine, &err), -EEXIST);
	process_wait(&theirs.process, 1);
	CHECK_EQ(kill(child, SIGKILL), 0);
	process_wait(&theirs.process, 60000);
	CHECK(!process_alive(&theirs.process));
	CHECK_EQ(waitpid(child, NULL, 0), child);
	CHECK_EQ(state_file_write(&f, name.s, &mine, &err), 0);
	CHECK_EQ(state_file_read(&f, name.s, &now, &err), 1);
	CHECK_EQ(now.process.pid, mine.process.pid);
	state_file_remove(&f, name.s, &mine);
}

static int count(void *arg, unsigned major, unsigned minor, struct view_state *s)
{
	CHECK_EQ(major, 0);
	CHECK(minor == 7 || minor == 8);
	CHECK_EQ(s->process.pid, 4242);
	++*(int *)arg;
	return 0;
}

static void touch(int dirfd, const char *name, mode_t mode, const char *text)
{
	AUTO_FD int fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_TRUNC, mode);

	CHECK(fd >= 0);
	CHECK_EQ(fchmod(fd, mode), 0);
	CHECK_EQ(write_full(fd, text, strlen(text)), 0);
}

static void not_believed(void)
{
	struct state_folder f CLEANUP(state_folder_close) = STATE_FOLDER_INIT;
	AUTO_STATE struct view_state s = {0};
	AUTO_BUF struct buf good = {0};
	struct o2r_err err = {0};
	int seen = 0;

	format(&good);
	fill(&s);
	CHECK_EQ(state_folder_open(&f, geteuid(), true, &err), 1);
	CHECK_EQ(state_file_write(&f, state_name(0, 7).s, &s, &err), 0);
	CHECK_EQ(state_file_write(&f, state_name(0, 8).s, &s, &err), 0);
	touch(f.fd, "0:9.json", 0644, good.data); /* others may read it */
	touch(f.fd, "0:10.json", 0600, "{}");
	touch(f.fd, "00:7.json", 0600, good.data);
	touch(f.fd, "0:7.jsonx", 0600, good.data);
	touch(f.fd, "0:-7.json", 0600, good.data);
	touch(f.fd, ".new", 0600, good.data);
	CHECK_EQ(symlinkat("0:7.json", f.fd, "0:11.json"), 0);
	CHECK_EQ(mkfifoat(f.fd, "0:12.json", 0600), 0);
	CHECK_EQ(mkdirat(f.fd, "0:13.json", 0700), 0);
	CHECK_EQ(state_files_each(&f, count, &seen, &err), 0);
	CHECK_EQ(seen, 2);
	for (unsigned minor = 9; minor <= 13; minor++) {
		AUTO_STATE struct view_state read = {0};

		CHECK(state_file_read(&f, state_name(0, minor).s, &read, &err) < 0);
	}
}

static void folder_of_others(void)
{
	struct state_folder f CLEANUP(state_folder_close) = STATE_FOLDER_INIT;
	char path[100];
	struct o2r_err err = {0};

	snprintf(path, sizeof(path), "%s/o2r", scratch);
	CHECK_EQ(chmod(path, 0750), 0);
	CHECK(state_folder_open(&f, geteuid(), true, &err) < 0);
	CHECK(strstr(err.text, "0700") != NULL);
	/* a folder that others may write is not taken for $XDG_RUNTIME_DIR */
	CHECK_EQ(chmod(scratch, 0770), 0);
	if (state_folder_open(&f, geteuid(), false, &err) == 1)
		CHECK(strcmp(f.path, path) != 0);
	state_folder_close(&f);
	/* of a user whose number is another one here */
	CHECK_EQ(state_folder_open(&f, 4000000001, false, &err), 0);
	CHECK_STR(f.path, "/tmp/o2r-4000000001");
	CHECK_EQ(chmod(scratch, 0700), 0);
	CHECK(exists(path));
}

static void clear(void)
{
	char command[100];

	snprintf(command, sizeof(command), "rm -r %s", scratch);
	CHECK_EQ(system(command), 0);
}

int main(void)
{
	CHECK(mkdtemp(scratch) != NULL);
	setenv("XDG_RUNTIME_DIR", scratch, 1);
	comes_back();
	modes_that_are_the_files();
	references_come_back();
	nothing_to_open_again();
	refuses();
	in_a_folder();
	no_living_views_file();
	not_believed();
	folder_of_others();
	clear();
	TEST_END;
}
