/* Where things stand in a .proto, and the comments there. */
#ifndef SURE_CODEGEN_SOURCE_INFO_H
#define SURE_CODEGEN_SOURCE_INFO_H

#include "codegen/model.h"

struct position {
  int32_t line; /* from 1 */
  int32_t column;
};

/* The position of a place, or of the closest thing around it that has one. */
struct position source_position(struct place place);

struct comments {
  const char *leading; /* NULL if there is none */
  const char *trailing;
};
struct comments source_comments(struct place place);

#endif
