/* Where the engine is: DOCKER_HOST in its forms, else a socket that is there. */
#include "unit.h"

#include <stdlib.h>

#include "home_case.h"
#include "sources/registry/docker_host.h"

static struct docker_host host;
static struct o2r_err err;

static int find(const char *text)
{
	docker_host_finish(&host);
	err = (struct o2r_err){0};
	setenv("DOCKER_HOST", text, 1);
	return docker_host_find(&host, &err);
}

static void test_forms(void)
{
	unsetenv("DOCKER_TLS_VERIFY");
	CHECK_EQ(find("unix:///run/x.sock"), 0);
	CHECK_STR(host.socket, "/run/x.sock");
	CHECK_EQ(find("/run/y.sock"), 0);
	CHECK_STR(host.socket, "/run/y.sock");
	CHECK_EQ(find("tcp://h:2375"), 0);
	CHECK(host.socket == NULL);
	CHECK_STR(host.url, "http://h:2375");
	CHECK_STR(host.name, "tcp://h:2375");
	CHECK_EQ(find("https://[::1]:1"), 0);
	CHECK_STR(host.url, "https://[::1]:1");
	CHECK_EQ(host.tls.verify, true);
	CHECK_EQ(find("http://h"), 0);
	CHECK_STR(host.url, "http://h");
}

static void test_certificates(void)
{
	setenv("DOCKER_TLS_VERIFY", "1", 1);
	home_set("DOCKER_CERT_PATH", "certs");
	CHECK_EQ(find("tcp://h:2376"), 0);
	CHECK_STR(host.url, "https://h:2376");
	CHECK(host.tls.ca_pem == NULL && host.tls.cert == NULL && host.tls.key == NULL);
	home_write("certs/ca.pem", "CA", 0600);
	home_write("certs/cert.pem", "CERT", 0600);
	CHECK_EQ(find("tcp://h:2376"), 0);
	CHECK_STR(host.tls.ca_pem, "CA");
	CHECK(host.tls.cert && strstr(host.tls.cert, "/certs/cert.pem"));
	CHECK(host.tls.key && strstr(host.tls.key, "/certs/key.pem"));
	unsetenv("DOCKER_TLS_VERIFY");
}

static void test_refused(void)
{
	static const char *const bad[] = {"tcp://", "tcp:///x", "tcp://h/path",
		"tcp://u:" MARK "@h:1", "https://" MARK "@h", "http://u:" MARK "@h",
		"ssh://u:" MARK "@h", "fd://3", "npipe://x", "h:2375"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(find(bad[i]) < 0);
		CHECK_EQ(err.cls, ERR_USAGE);
		CHECK(strstr(err.text, "DOCKER_HOST") != NULL);
		home_check_silence(err.text);
	}
}

static void test_sockets(void)
{
	setenv("DOCKER_HOST", "", 1);
	home_set("XDG_RUNTIME_DIR", "run");
	home_write("run/podman/podman.sock", "", 0600);
	docker_host_finish(&host);
	CHECK_EQ(docker_host_find(&host, &err), 0);
	/* the machine's own comes first, where there is one */
	CHECK(host.socket && (strstr(host.socket, "/run/podman/podman.sock") ||
				     strcmp(host.socket, "/var/run/docker.sock") == 0));
}

int main(void)
{
	home_fresh();
	test_forms();
	test_certificates();
	test_refused();
	test_sockets();
	docker_host_finish(&host);
	home_remove();
	TEST_END;
}
