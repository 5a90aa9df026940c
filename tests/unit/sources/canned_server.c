#include "canned_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	REQUESTS_MAX = 256,
	CONNECTIONS_MAX = 256,
	REQUEST_BYTES = 16 << 10,
};

struct connection {
	struct canned_server *server;
	int fd;
	pthread_t thread;
};

struct canned_server {
	const struct canned *list;
	int listener;
	unsigned port;
	pthread_t thread;
	pthread_mutex_t lock; /* of all that follows */
	bool stopped;
	struct connection connections[CONNECTIONS_MAX];
	unsigned connection_count, connections_since;
	char *requests[REQUESTS_MAX];
	unsigned request_count;
};

static void must(bool ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static bool send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t k = send(fd, p, n, MSG_NOSIGNAL);

		if (k <= 0)
			return false;
		p += k;
		n -= (size_t)k;
	}
	return true;
}

/* The answer with the port in it. */
static bool send_answer(const struct canned_server *s, int fd, const char *answer)
{
	const char *mark;

	while ((mark = strstr(answer, "%P"))) {
		char port[8];

		snprintf(port, sizeof(port), "%u", s->port);
		if (!send_all(fd, answer, (size_t)(mark - answer)) ||
			!send_all(fd, port, strlen(port)))
			return false;
		answer = mark + 2;
	}
	return send_all(fd, answer, strlen(answer));
}

/* How long the request at the start of buf is; 0: there is more to come. */
static size_t request_length(const char *buf)
{
	const char *end = strstr(buf, "\r\n\r\n");
	const char *length = strcasestr(buf, "\r\ncontent-length:");
	size_t body = length && end && length < end
			      ? strtoul(length + strlen("\r\ncontent-length:"), NULL, 10)
			      : 0;

	if (!end || strlen(end + 4) < body)
		return 0;
	return (size_t)(end - buf) + 4 + body;
}

static void remember(struct canned_server *s, const char *request, size_t n)
{
	pthread_mutex_lock(&s->lock);
	must(s->request_count < REQUESTS_MAX, "too many requests for the test's server");
	s->requests[s->request_count++] = strndup(request, n);
	pthread_mutex_unlock(&s->lock);
}

static const struct canned *find(const struct canned *list, const char *request)
{
	const char *path = strchr(request, ' ');
	size_t n = path ? strcspn(path + 1, " ") : 0;

	for (; list->path; list++)
		if (path && strlen(list->path) == n &&
			strncmp(path + 1, list->path, n) == 0)
			break;
	return list;
}

static void reset(int fd)
{
	struct linger now = {.l_onoff = 1};

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

/* True: the connection serves on. */
static bool answer(struct canned_server *s, int fd, const char *request)
{
	const struct canned *c = find(s->list, request);
	char byte;

	if (!c->answer)
		return false;
	if (c->asked)
		c->asked(c->arg);
	if (!send_answer(s, fd, c->answer))
		return false;
	switch (c->end) {
	case CANNED_KEEP:
		return true;
	case CANNED_HOLD:
		while (recv(fd, &byte, 1, 0) > 0)
			;
		return false;
	case CANNED_REPEAT:
		while (send_all(fd, c->repeat, strlen(c->repeat)))
			;
		return false;
	case CANNED_RESET:
		reset(fd);
		return false;
	default:
		return false;
	}
}

static void hang_up(struct connection *c)
{
	pthread_mutex_lock(&c->server->lock);
	close(c->fd);
	c->fd = -1;
	pthread_mutex_unlock(&c->server->lock);
}

static void *serve(void *arg)
{
	struct connection *c = arg;
	char *buf = calloc(1, REQUEST_BYTES + 1);
	size_t have = 0, n;
	int fd = c->fd;
	ssize_t k;
	bool on = true;

	must(buf != NULL, "calloc");
	while (on && (k = recv(fd, buf + have, REQUEST_BYTES - have, 0)) > 0) {
		have += (size_t)k;
		buf[have] = '\0';
		/* what is no request, as a TLS greeting, is answered at once */
		if (buf[0] < 'A' || buf[0] > 'Z')
			on = answer(c->server, fd, "") && false;
		while (on && (n = request_length(buf))) {
			remember(c->server, buf, n);
			on = answer(c->server, fd, buf);
			memmove(buf, buf + n, have - n + 1);
			have -= n;
		}
	}
	free(buf);
	hang_up(c);
	return NULL;
}

/* False: there is nobody to serve any more. */
static bool welcome(struct canned_server *s, int fd)
{
	struct connection *c;
	bool stopped;

	pthread_mutex_lock(&s->lock);
	stopped = s->stopped;
	if (!stopped) {
		must(s->connection_count < CONNECTIONS_MAX, "too many connections");
		c = &s->connections[s->connection_count++];
		s->connections_since++;
		*c = (struct connection){.server = s, .fd = fd};
		must(pthread_create(&c->thread, NULL, serve, c) == 0, "pthread_create");
	}
	pthread_mutex_unlock(&s->lock);
	if (stopped)
		close(fd);
	return !stopped;
}

static void *listen_on(void *arg)
{
	struct canned_server *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) >= 0 && welcome(s, fd))
		;
	return NULL;
}

struct canned_server *canned_start(const struct canned *list)
{
	struct canned_server *s = calloc(1, sizeof(*s));
	struct sockaddr_in at = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	must(s != NULL, "calloc");
	s->list = list;
	pthread_mutex_init(&s->lock, NULL);
	s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(s->listener >= 0, "socket");
	must(bind(s->listener, (struct sockaddr *)&at, sizeof(at)) == 0, "bind");
	must(listen(s->listener, 64) == 0, "listen");
	must(getsockname(s->listener, (struct sockaddr *)&at, &len) == 0, "getsockname");
	s->port = ntohs(at.sin_port);
	must(pthread_create(&s->thread, NULL, listen_on, s) == 0, "pthread_create");
	return s;
}

void canned_stop(struct canned_server *s)
{
	pthread_mutex_lock(&s->lock);
	s->stopped = true;
	for (unsigned i = 0; i < s->connection_count; i++)
		if (s->connections[i].fd >= 0)
			shutdown(s->connections[i].fd, SHUT_RDWR);
	pthread_mutex_unlock(&s->lock);
	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	for (unsigned i = 0; i < s->connection_count; i++)
		pthread_join(s->connections[i].thread, NULL);
	close(s->listener);
	canned_reset(s);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

unsigned canned_port(const struct canned_server *s)
{
	return s->port;
}

void canned_reset(struct canned_server *s)
{
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < s->request_count; i++)
		free(s->requests[i]);
	s->request_count = s->connections_since = 0;
	pthread_mutex_unlock(&s->lock);
}

unsigned canned_requests(struct canned_server *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->request_count;
	pthread_mutex_unlock(&s->lock);
	return n;
}

unsigned canned_connections(struct canned_server *s)
{
	pthread_mutex_lock(&s->lock);
	unsigned n = s->connections_since;
	pthread_mutex_unlock(&s->lock);
	return n;
}

char *canned_request(struct canned_server *s, unsigned n)
{
	pthread_mutex_lock(&s->lock);
	char *copy = strdup(n < s->request_count ? s->requests[n] : "");
	pthread_mutex_unlock(&s->lock);
	must(copy != NULL, "strdup");
	return copy;
}
