/* The generated C. */
#ifndef SURE_CODEGEN_EMIT_H
#define SURE_CODEGEN_EMIT_H

#include "codegen/model.h"
#include "codegen/text.h"

/* NAME.sure.h and NAME.sure.c of a file with services that was verified. */
void emit_header(struct text *out, const struct file *file);
void emit_source(struct text *out, const struct file *file);

/* The first line of both. */
void emit_origin(struct text *out, const struct file *file);

/* Values of templates: $service$ and $service_name$, and for a method of it also $method$,
 * $member$, $method_name$, $index$, $request$ and $reply$. */
#define EMIT_VAR_COUNT 9
void emit_service_vars(const struct service *service, struct text_var vars[EMIT_VAR_COUNT]);
void emit_method_vars(struct arena *arena, const struct service *service,
                      const struct method *method, struct text_var vars[EMIT_VAR_COUNT]);

/* For methods with streams, in place of calls and handlers: what goes into the header, into the
 * struct of handlers, into the source. `vars` are those of the method. */
bool emit_is_streaming(const struct method *method);
void emit_stream_declarations(struct text *out, const struct method *method,
                              const struct text_var *vars);
void emit_stream_handler(struct text *out, const struct method *method,
                         const struct text_var *vars);
void emit_stream_bodies(struct text *out, const struct method *method, const struct text_var *vars);

#endif
