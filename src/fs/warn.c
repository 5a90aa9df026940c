#include "fs/warn.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void warn_text(struct warn *w, const char *fmt, ...)
{
	char line[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (w->name)
		ctx_log(w->ctx, LOG_WARN, "%s: %s", w->name, line);
	else
		ctx_log(w->ctx, LOG_WARN, "%s", line);
}

void warn_flush(struct warn *w, const char *const kind_names[WARN_KINDS])
{
	for (unsigned k = 0; k < WARN_KINDS; k++) {
		if (w->count[k] > WARN_SHOWN)
			ctx_log(w->ctx, LOG_WARN, "%s%s%llu more: %s",
				w->name ? w->name : "", w->name ? ": " : "",
				(unsigned long long)(w->count[k] - WARN_SHOWN),
				kind_names[k] ? kind_names[k] : "of the same kind");
		w->count[k] = 0;
	}
}
