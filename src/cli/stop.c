#include "cli/stop.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/checked.h"

int stop_signals(sigset_t *before, struct o2r_err *err)
{
	static const int stops[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction old;
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < ARRAY_LEN(stops); i++)
		if (sigaction(stops[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN)
			sigaddset(&set, stops[i]);
	pthread_sigmask(SIG_BLOCK, &set, before);
	fd = signalfd(-1, &set, SFD_CLOEXEC);
	return fd < 0 ? err_errno(err, errno, "cannot listen for signals") : fd;
}

static void signalled(struct stop *s)
{
	pthread_mutex_lock(&s->lock);
	__atomic_store_n(&s->cancelled, 1, __ATOMIC_RELAXED);
	if (s->fn)
		s->fn(s->arg);
	pthread_mutex_unlock(&s->lock);
}

static void *wait_for_signals(void *arg)
{
	struct stop *s = arg;
	struct pollfd fds[] = {
		{.fd = s->signals, .events = POLLIN}, {.fd = s->end, .events = POLLIN}};

	for (;;) {
		struct signalfd_siginfo info;

		if (poll(fds, ARRAY_LEN(fds), -1) < 0)
			continue;
		if (fds[1].revents)
			return NULL;
		if (fds[0].revents && read(s->signals, &info, sizeof(info)) > 0)
			signalled(s);
	}
}

int stop_begin(struct stop *s, struct o2r_err *err)
{
	int r;

	s->signals = stop_signals(&s->before, err);
	if (s->signals < 0)
		return s->signals;
	s->end = eventfd(0, EFD_CLOEXEC);
	r = s->end < 0 ? errno : pthread_create(&s->thread, NULL, wait_for_signals, s);
	if (r != 0)
		return err_errno(err, r, "cannot listen for signals");
	s->running = true;
	return 0;
}

void stop_calls(struct stop *s, void (*fn)(void *arg), void *arg)
{
	pthread_mutex_lock(&s->lock);
	s->fn = fn;
	s->arg = arg;
	if (fn && s->cancelled)
		fn(arg);
	pthread_mutex_unlock(&s->lock);
}

void stop_finish(struct stop *s)
{
	const uint64_t one = 1;

	if (s->running) {
		(void)!write(s->end, &one, sizeof(one));
		pthread_join(s->thread, NULL);
	}
	s->running = false;
	if (s->signals >= 0) {
		close(s->signals);
		pthread_sigmask(SIG_SETMASK, &s->before, NULL);
	}
	if (s->end >= 0)
		close(s->end);
	s->signals = s->end = -1;
}
