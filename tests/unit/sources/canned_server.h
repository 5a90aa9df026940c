/*
 * A server on 127.0.0.1 that answers with canned bytes and remembers what it was asked:
 * one thread for each connection, requests with or without a body, as many as come on one
 * connection.
 */
#ifndef O2R_TESTS_CANNED_SERVER_H
#define O2R_TESTS_CANNED_SERVER_H

#include <stdbool.h>
#include <stddef.h>

enum canned_end {
	CANNED_KEEP,   /* the connection serves the next request */
	CANNED_CLOSE,  /* it is closed behind the answer */
	CANNED_RESET,  /* the same, by a RST */
	CANNED_HOLD,   /* nothing more is sent, until the client or the server goes */
	CANNED_REPEAT, /* the last bytes again and again, until the client goes */
};

struct canned {
	const char *path;   /* of the request line; NULL: any, ends the list */
	const char *answer; /* bytes as they go out; "%P" in it is the server's port */
	enum canned_end end;
	const char *repeat;       /* of CANNED_REPEAT */
	void (*asked)(void *arg); /* before the answer; may be NULL */
	void *arg;
};

struct canned_server;

/* list is borrowed. Ends the program when there is no server to be had. */
struct canned_server *canned_start(const struct canned *list);
/* Ends connections and waits for its threads. */
void canned_stop(struct canned_server *s);
unsigned canned_port(const struct canned_server *s);
/* Forget what was asked. */
void canned_reset(struct canned_server *s);
unsigned canned_requests(struct canned_server *s);
unsigned canned_connections(struct canned_server *s);
/* Request n (from 0), its head and body, malloc'd; "" when there was none. */
char *canned_request(struct canned_server *s, unsigned n);

#endif
