#include "codegen/source_info.h"

#include <string.h>

typedef Google__Protobuf__SourceCodeInfo__Location location;

static bool is_prefix(const location *candidate, struct place place) {
  return candidate->n_path <= place.path_len &&
         memcmp(candidate->path, place.path, candidate->n_path * sizeof(*place.path)) == 0;
}

/* The location with the longest path that leads to `place`; of equal ones the first. */
static const location *closest_location(struct place place) {
  const Google__Protobuf__SourceCodeInfo *info = place.file->proto->source_code_info;
  const location *closest = NULL;
  for (size_t i = 0; info && i < info->n_location; i++) {
    const location *candidate = info->location[i];
    if (candidate->n_path > 0 && (!closest || candidate->n_path > closest->n_path) &&
        is_prefix(candidate, place))
      closest = candidate;
  }
  return closest;
}

struct position source_position(struct place place) {
  const location *closest = closest_location(place);
  if (!closest || closest->n_span < 3 || closest->span[0] < 0 || closest->span[1] < 0 ||
      closest->span[0] == INT32_MAX || closest->span[1] == INT32_MAX)
    return (struct position){1, 1};
  return (struct position){closest->span[0] + 1, closest->span[1] + 1};
}

struct comments source_comments(struct place place) {
  const location *found = closest_location(place);
  if (!found || found->n_path != place.path_len)
    return (struct comments){NULL, NULL};
  return (struct comments){found->leading_comments, found->trailing_comments};
}
