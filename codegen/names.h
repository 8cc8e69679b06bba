/* Names in C, by the scheme of protoc-c, so that our code meets the types that protoc-c declares.
 *
 * "bank.v1.ChargeRequest" is the type Bank__V1__ChargeRequest, and its functions and descriptor
 * begin with bank__v1__charge_request. */
#ifndef SURE_CODEGEN_NAMES_H
#define SURE_CODEGEN_NAMES_H

#include "codegen/arena.h"

#include <stdbool.h>

/* The name of a struct type. */
char *names_type(struct arena *arena, const char *full_name);
/* The lower-case name that functions and descriptors begin with. */
char *names_prefix(struct arena *arena, const char *full_name);
/* The same for one identifier without dots. */
char *names_lower(struct arena *arena, const char *identifier);
/* names_lower, with a "_" behind it where that is a word of C or C++, or a macro that standard
 * headers define. For members of structs. */
char *names_member(struct arena *arena, const char *identifier);
/* A part of a macro's name made from a file name: letters and digits stay, "_" and everything else
 * become "_" and two hexadecimal digits, so that no two files share a name. */
char *names_guard(struct arena *arena, const char *file_name);
/* "bank/bank.proto" without ".proto" (or ".protodevel", which protoc-c strips too). */
char *names_stem(struct arena *arena, const char *file_name);

/* A letter or "_", then letters, digits and "_". */
bool names_is_identifier(const char *name);
/* Identifiers with dots between them. */
bool names_is_dotted(const char *name);

#endif
