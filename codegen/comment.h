/* Comments in generated code. */
#ifndef SURE_CODEGEN_COMMENT_H
#define SURE_CODEGEN_COMMENT_H

#include "codegen/source_info.h"
#include "codegen/text.h"

/* Write a comment, each line behind `indent`: first what the .proto says at `place`, then
 * `contract`, which is broken into lines. Nothing if both are empty. Text of the .proto can't end
 * the comment early. */
void comment_emit(struct text *out, const char *indent, struct place place, const char *contract);

/* Add one line of foreign text with everything taken out of it that would begin or end a comment.
 */
void comment_add_line(struct text *out, const char *line, size_t len);

#endif
