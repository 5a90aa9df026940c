#include "base/ctx.h"

#include <errno.h>
#include <stdio.h>

void ctx_vlog(const struct ctx *ctx, enum log_level level, const char *fmt, va_list ap)
{
	char line[1200];

	if (!ctx || !ctx->log || level > ctx->level)
		return;
	vsnprintf(line, sizeof(line), fmt, ap);
	if (ctx->lock)
		pthread_mutex_lock(ctx->lock);
	ctx->log(ctx->arg, level, line);
	if (ctx->lock)
		pthread_mutex_unlock(ctx->lock);
}

void ctx_log(const struct ctx *ctx, enum log_level level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	ctx_vlog(ctx, level, fmt, ap);
	va_end(ap);
}

void ctx_progress(const struct ctx *ctx, const struct progress *p)
{
	if (!ctx || !ctx->progress)
		return;
	if (ctx->lock)
		pthread_mutex_lock(ctx->lock);
	ctx->progress(ctx->arg, p);
	if (ctx->lock)
		pthread_mutex_unlock(ctx->lock);
}

void ctx_fetch(const struct ctx *ctx, const struct fetch_progress *p)
{
	if (!ctx || !ctx->fetch)
		return;
	if (ctx->lock)
		pthread_mutex_lock(ctx->lock);
	ctx->fetch(ctx->arg, p);
	if (ctx->lock)
		pthread_mutex_unlock(ctx->lock);
}

int ctx_check(const struct ctx *ctx, struct o2r_err *err)
{
	if (ctx && ctx->cancel && __atomic_load_n(ctx->cancel, __ATOMIC_RELAXED))
		return err_set(err, ERR_INTERRUPTED, EINTR, "interrupted");
	return 0;
}
