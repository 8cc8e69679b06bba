/* The checks between model and emission: mistakes that protoc can't know of. */
#ifndef SURE_CODEGEN_VERIFY_H
#define SURE_CODEGEN_VERIFY_H

#include "codegen/model.h"
#include "codegen/text.h"

/* Check the files that code is wanted for. True if all is well; otherwise `errors` has a line
 * "file:line:column: what is wrong and what to do" for each mistake. */
bool verify(const struct model *model, struct text *errors);

/* ---- between the files of verify ---- */

/* Add one line for something wrong at `place`. */
void verify_fail(struct text *errors, struct place place, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The options of one method. */
void verify_options(const struct method *method, struct text *errors);
/* The idempotency keys of all messages. */
void verify_keys(const struct model *model, struct text *errors);
/* The names that the generated C declares, and the ids of methods. */
void verify_symbols(const struct model *model, struct text *errors);

#endif
