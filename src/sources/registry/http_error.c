/* libcurl's codes and texts -> ours: what has happened, to whom, and what to do. */
#include "sources/registry/http_impl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/checked.h"
#include "base/text.h"

/* Values of X509_V_ERR_* (OpenSSL, x509_vfy.h), which its other back ends do not set. */
enum {
	VERIFY_NO_ISSUER = 2,
	VERIFY_NOT_YET = 9,
	VERIFY_EXPIRED = 10,
	VERIFY_SELF_SIGNED = 18,
	VERIFY_SELF_SIGNED_IN_CHAIN = 19,
	VERIFY_NO_ISSUER_LOCALLY = 20,
	VERIFY_NO_FIRST = 21,
	VERIFY_REVOKED = 23,
	VERIFY_HOST = 62,
	VERIFY_ADDRESS = 64,
};

struct http_place http_place(const struct url *u)
{
	bool v6 = strchr(u->host, ':');
	struct http_place p;

	snprintf(p.s, sizeof(p.s), v6 ? "[%s]:%u" : "%s:%u", u->host, u->port);
	return p;
}

static const char TRUST_OWN[] = "give the registry's CA as *.crt by --cert-dir DIR or in "
				"certs.d, or use --tls-verify=false";
static const char TRUST_OTHER[] =
	"the registry redirects there, and for that only the system's CAs count";

static const char TRUST_PROXY[] =
	"for a proxy only the system's CAs count (SSL_CERT_FILE names others)";

static int certificate(const struct http_failure *f, struct o2r_err *err)
{
	bool proxy = f->proxy && f->proxy_verify && !f->verify;
	struct http_place at = proxy ? f->proxy->place : http_place(f->to);
	const char *why, *advice = proxy           ? TRUST_PROXY
				   : f->own_origin ? TRUST_OWN
						   : TRUST_OTHER;
	const char *problem = strstr(f->detail, "problem: ");
	/* which has no number of its own */
	bool other_name = strstr(f->detail, "subject name");

	switch (other_name ? VERIFY_HOST : proxy ? f->proxy_verify : f->verify) {
	case VERIFY_NO_ISSUER:
	case VERIFY_SELF_SIGNED:
	case VERIFY_SELF_SIGNED_IN_CHAIN:
	case VERIFY_NO_ISSUER_LOCALLY:
	case VERIFY_NO_FIRST:
		why = "unknown issuer";
		break;
	case VERIFY_EXPIRED:
		why = "expired";
		advice = "it has to be renewed; meanwhile --tls-verify=false";
		break;
	case VERIFY_NOT_YET:
		why = "not valid yet";
		advice = "is this machine's clock right?";
		break;
	case VERIFY_REVOKED:
		why = "revoked";
		break;
	case 0:
	case VERIFY_HOST:
	case VERIFY_ADDRESS:
		why = "for another name";
		advice = "use the name that it is for, or --tls-verify=false";
		break;
	default:
		why = problem ? problem + strlen("problem: ") : "not acceptable";
	}
	return err_set(err, ERR_ACCESS, EKEYREJECTED,
		"the certificate of %s%s is not trusted (%s): %s",
		proxy ? "the proxy " : "", at.s, text_quote(why, strlen(why)).s, advice);
}

static bool says_any(const char *text, const char *const *list)
{
	for (; *list; list++)
		if (strstr(text, *list))
			return true;
	return false;
}

/* The other side refuses ours, by an alert (RFC 8446, 6.2). It comes while connecting, or
 * with TLS 1.3 at the first read. */
static bool is_about_ours(const char *detail)
{
	static const char *const alerts[] = {
		"alert certificate required",
		"alert bad certificate",
		"alert unsupported certificate",
		"alert certificate revoked",
		"alert certificate expired",
		"alert certificate unknown",
		"alert unknown ca",
		"alert access denied",
		"alert decrypt error",
		"alert handshake failure",
		NULL,
	};

	return says_any(detail, alerts);
}

static int ours(const struct http_failure *f, struct o2r_err *err)
{
	struct http_place at = http_place(f->to);

	if (!f->cert)
		return err_set(err, ERR_ACCESS, EKEYREJECTED,
			"%s wants a client certificate: put NAME.cert and NAME.key into "
			"--cert-dir DIR or certs.d",
			at.s);
	return err_set(err, ERR_ACCESS, EKEYREJECTED,
		"%s does not accept the client certificate \"%s\"", at.s,
		text_quote(f->cert, strlen(f->cert)).s);
}

static int no_certificate(const struct http_failure *f, struct o2r_err *err)
{
	if (f->code == CURLE_SSL_CERTPROBLEM && f->cert)
		return err_set(err, ERR_ACCESS, EKEYREJECTED,
			"the client certificate \"%s\" cannot be used: both it and its "
			"key are to be PEM, belong together, and have no password",
			text_quote(f->cert, strlen(f->cert)).s);
	return err_set(err, ERR_ACCESS, EKEYREJECTED,
		"the CA certificates to verify %s with cannot be used: are the files "
		"PEM? (see --cert-dir, certs.d, SSL_CERT_FILE, SSL_CERT_DIR)",
		http_place(f->to).s);
}

static int broken(const struct http_failure *f, struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, ECONNRESET, "the connection to %s broke%s",
		http_place(f->to).s, f->greeted ? "" : " while it was made");
}

static int handshake(const struct http_failure *f, struct o2r_err *err)
{
	static const char *const not_tls[] = {
		"wrong version number",
		"http request",
		"https proxy request",
		"packet length too long",
		"unknown protocol",
		"record layer failure",
		NULL,
	};
	static const char *const too_old[] = {
		"unsupported protocol",
		"alert protocol version",
		"alert insufficient security",
		"no protocols available",
		NULL,
	};
	struct http_place at = http_place(f->to);

	if (says_any(f->detail, not_tls))
		return err_set(err, ERR_FAIL, EPROTO,
			"what answers at %s does not speak TLS (is it a registry by "
			"plain "
			"http? then use --tls-verify=false)",
			at.s);
	if (says_any(f->detail, too_old))
		return err_set(err, ERR_ACCESS, EKEYREJECTED,
			"%s does not speak TLS 1.2 or later: it has to be renewed", at.s);
	if (is_about_ours(f->detail))
		return ours(f, err);
	return broken(f, err);
}

/* A proxy was asked for a way to the host and said no. */
static int proxy_refused(const struct http_failure *f, struct o2r_err *err)
{
	if (f->connect_code == 407)
		return err_set(err, ERR_ACCESS, EACCES,
			"the proxy %s wants a user name and a password: write them into "
			"%s as http://USER:PASSWORD@HOST:PORT",
			f->proxy->place.s, f->to->https ? "HTTPS_PROXY" : "HTTP_PROXY");
	if (f->connect_code >= 500)
		return err_set(err, ERR_FAIL, EHOSTUNREACH,
			"the proxy %s cannot reach %s (status %ld)", f->proxy->place.s,
			http_place(f->to).s, f->connect_code);
	return err_set(err, ERR_ACCESS, EACCES,
		"the proxy %s lets nobody through to %s (status %ld): see NO_PROXY",
		f->proxy->place.s, http_place(f->to).s, f->connect_code);
}

static int not_found(const struct http_failure *f, struct o2r_err *err)
{
	if (f->code == CURLE_COULDNT_RESOLVE_PROXY && f->proxy)
		return err_set(err, ERR_FAIL, EHOSTUNREACH,
			"cannot find the proxy \"%s\" (check %s and the network)",
			f->proxy->place.s, f->to->https ? "HTTPS_PROXY" : "HTTP_PROXY");
	return err_set(err, ERR_FAIL, EHOSTUNREACH,
		"cannot find the host \"%s\" (check the name and the network)",
		f->to->host);
}

static int not_connected(const struct http_failure *f, struct o2r_err *err)
{
	struct http_place at = f->proxy ? f->proxy->place : http_place(f->to);
	const char *what = f->proxy ? "the proxy " : "";

	switch (f->os_error) {
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case EADDRNOTAVAIL:
		return err_set(err, ERR_FAIL, EHOSTUNREACH,
			"there is no way to %s%s (check the network)", what, at.s);
	case ETIMEDOUT:
		return err_set(
			err, ERR_FAIL, ETIMEDOUT, "%s%s does not answer", what, at.s);
	case ECONNRESET:
		return broken(f, err);
	default:
		return err_set(err, ERR_FAIL, ECONNREFUSED,
			"nobody listens at %s%s (check the name and the port)", what,
			at.s);
	}
}

static int timed_out(const struct http_failure *f, struct o2r_err *err)
{
	if (f->greeted)
		return err_set(err, ERR_FAIL, ETIMEDOUT, "%s sent nothing for %d s",
			http_place(f->to).s, HTTP_IDLE_S);
	return err_set(err, ERR_FAIL, ETIMEDOUT,
		"%s%s did not answer within %d s (check the name and the network)",
		f->proxy ? "the proxy " : "",
		f->proxy ? f->proxy->place.s : http_place(f->to).s,
		HTTP_CONNECT_MS / 1000);
}

static int not_http(const struct http_failure *f, struct o2r_err *err)
{
	return err_set(err, ERR_FAIL, EBADMSG,
		"what answers at %s does not speak HTTP (check the name and the port)",
		http_place(f->to).s);
}

int http_failure(const struct http_failure *f, struct o2r_err *err)
{
	if (f->proxy && f->connect_code >= 300)
		return proxy_refused(f, err);
	switch (f->code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_RESOLVE_HOST:
		return not_found(f, err);
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
		return not_connected(f, err);
	case CURLE_OPERATION_TIMEDOUT:
		return timed_out(f, err);
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_CIPHER:
		return handshake(f, err);
	case CURLE_SSL_CLIENTCERT:
		return ours(f, err);
	case CURLE_PEER_FAILED_VERIFICATION:
		return certificate(f, err);
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CACERT_BADFILE:
		return no_certificate(f, err);
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
		if (strstr(f->detail, "chunked-encoding"))
			return not_http(f, err);
		return is_about_ours(f->detail) ? ours(f, err) : broken(f, err);
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return broken(f, err);
	case CURLE_WEIRD_SERVER_REPLY:
	case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9, and versions that are none */
	case CURLE_BAD_CONTENT_ENCODING:
		return not_http(f, err);
	case CURLE_OUT_OF_MEMORY:
		return err_nomem(err);
	default:
		return err_set(err, ERR_FAIL, EIO,
			"the request to %s failed (libcurl %d: %s)", http_place(f->to).s,
			(int)f->code, text_quote(f->detail, strlen(f->detail)).s);
	}
}

bool http_may_pass(int code)
{
	return code == -ETIMEDOUT || code == -ECONNRESET || code == -EHOSTUNREACH;
}
