/*
 * Mount an image and serve it, from a program: a line when the view is ready, then until
 * it is unmounted or a signal comes.
 *
 *	mount REFERENCE DIR [MOUNT-OPTIONS]
 *
 * Build it against an installed library:
 *
 *	cc mount.c $(pkg-config --cflags --libs o2r) -o mount
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <o2r.h>

/* What the thread that waits for signals needs. */
struct server {
	sigset_t signals;
	struct o2r_view *view;
};

static void *wait_for_signal(void *arg)
{
	struct server *s = arg;
	int sig;

	sigwait(&s->signals, &sig);
	o2r_view_stop(s->view); /* from any thread */
	return NULL;
}

/* From now on every request is answered. A non-zero return would end the view. */
static int on_ready(void *arg)
{
	printf("ready: %s\n", (const char *)arg);
	return fflush(stdout);
}

static int fail(const struct o2r_error *error)
{
	fprintf(stderr, "mount: %s\n", error->text);
	return error->error_class;
}

static int serve(struct server *s, const char *dir)
{
	struct o2r_error error = {0};
	pthread_t thread;
	int r;

	if (pthread_create(&thread, NULL, wait_for_signal, s) != 0)
		return EXIT_FAILURE;
	r = o2r_view_serve(s->view, on_ready, (void *)dir, &error);
	/* when somebody unmounted it, it still waits */
	pthread_kill(thread, SIGTERM);
	pthread_join(thread, NULL);
	return r < 0 ? fail(&error) : EXIT_SUCCESS;
}

static int mount_and_serve(struct o2r_image *image, const char *dir, const char *words)
{
	struct o2r_mount_options *options = o2r_mount_options_create();
	struct o2r_error error = {0};
	struct server s;
	int r = EXIT_FAILURE;

	sigemptyset(&s.signals);
	sigaddset(&s.signals, SIGINT);
	sigaddset(&s.signals, SIGTERM);
	/* before the library starts its threads, so that they do not get them */
	pthread_sigmask(SIG_BLOCK, &s.signals, NULL);
	if (!options || (words && o2r_mount_options_add(options, words) < 0)) {
		fprintf(stderr, "mount: no memory\n");
	} else if (o2r_view_mount(image, dir, options, &s.view, &error) < 0) {
		r = fail(&error);
	} else {
		r = serve(&s, dir);
		o2r_view_destroy(s.view); /* unmounts when nobody has */
	}
	o2r_mount_options_destroy(options);
	return r;
}

int main(int argc, char **argv)
{
	struct o2r_error error = {0};
	struct o2r_image *image;
	int r;

	if (argc < 3 || argc > 4) {
		fprintf(stderr, "usage: mount REFERENCE DIR [MOUNT-OPTIONS]\n");
		return O2R_CLASS_USAGE;
	}
	if (o2r_image_open(argv[1], NULL, &image, &error) < 0)
		return fail(&error);
	r = mount_and_serve(image, argv[2], argv[3]);
	o2r_image_close(image);
	return r;
}
