/* Whether all that the generated C declares has a name of its own, among itself and beside what
 * protoc-c declares, and each method an id of its own.
 *
 * Our names are lower-case, so of protoc-c's only the lower-case ones can be in the way: functions
 * and descriptors. They are listed for imported files too, for those are linked into one program.
 * Two names of protoc-c's own that clash are left to the C compiler. */
#include "codegen/source_info.h"
#include "codegen/verify.h"

#include <stdlib.h>
#include <string.h>

/* What a name is declared for. */
struct owner {
  const char *what; /* "rpc Charge of service bank.v1.Bank" */
  struct place place;
  bool is_reported;
};

struct symbol {
  const char *name;
  struct owner *owner;
  bool is_ours;
  size_t order; /* in which they were added, for a clear order among equal names */
};

struct symbols {
  struct arena *arena;
  struct symbol *items;
  size_t count;
  size_t capacity;
};

static const char *const message_functions[] = {
    "init", "get_packed_size", "pack", "pack_to_buffer", "unpack", "free_unpacked", "descriptor",
};

static void add(struct symbols *symbols, struct owner *owner, bool is_ours, const char *name) {
  if (symbols->count == symbols->capacity) {
    size_t capacity = symbols->capacity ? 2 * symbols->capacity : 64;
    struct symbol *items = arena_array(symbols->arena, capacity, sizeof(*items));
    if (symbols->count > 0)
      memcpy(items, symbols->items, symbols->count * sizeof(*items));
    symbols->items = items;
    symbols->capacity = capacity;
  }
  symbols->items[symbols->count] = (struct symbol){name, owner, is_ours, symbols->count};
  symbols->count++;
}

static struct owner *new_owner(struct symbols *symbols, struct place place, const char *what) {
  struct owner *owner = arena_alloc(symbols->arena, sizeof(*owner));
  *owner = (struct owner){.what = what, .place = place};
  return owner;
}

static void add_method(struct symbols *symbols, const struct service *service,
                       const struct method *method) {
  static const struct {
    const char *role;
    const char *suffix;
  } ours[] = {
      {"client", ""},         {"client", "__fn"},      {"client", "__async"},
      {"client", "__settle"}, {"client", "__closure"}, {"client", "__complete"},
      {"server", "__run"},
  };
  struct arena *arena = symbols->arena;
  struct owner *owner = new_owner(
      symbols, method->place,
      arena_printf(arena, "rpc %s of service %s", method->proto->name, service->full_name));
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
    add(symbols, owner, true,
        arena_printf(arena, "%s_%s__%s%s", service->c_prefix, ours[i].role, method->c_name,
                     ours[i].suffix));
  /* No symbol but a member, which only others of its struct can meet. */
  add(symbols, owner, true,
      arena_printf(arena, "%s_server.%s", service->c_prefix, method->c_member));
  add(symbols, owner, false, arena_printf(arena, "%s__%s", service->c_prefix, method->c_name));
}

static void add_service(struct symbols *symbols, const struct service *service) {
  static const char *const ours[] = {"service", "server", "server__register", "methods",
                                     "trampolines"};
  static const char *const theirs[] = {"init", "descriptor", "method_descriptors",
                                       "method_indices_by_name"};
  struct arena *arena = symbols->arena;
  struct owner *owner =
      new_owner(symbols, service->place, arena_printf(arena, "service %s", service->full_name));
  for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
    add(symbols, owner, true, arena_printf(arena, "%s_%s", service->c_prefix, ours[i]));
  for (size_t i = 0; i < sizeof(theirs) / sizeof(theirs[0]); i++)
    add(symbols, owner, false, arena_printf(arena, "%s__%s", service->c_prefix, theirs[i]));
  for (size_t i = 0; i < service->method_count; i++)
    add_method(symbols, service, &service->methods[i]);
}

static void add_message(struct symbols *symbols, const struct message *message) {
  struct arena *arena = symbols->arena;
  struct owner *owner =
      new_owner(symbols, message->place, arena_printf(arena, "message %s", message->full_name));
  for (size_t i = 0; i < sizeof(message_functions) / sizeof(message_functions[0]); i++)
    add(symbols, owner, false,
        arena_printf(arena, "%s__%s", message->c_prefix, message_functions[i]));
}

static int compare_symbols(const void *left, const void *right) {
  const struct symbol *a = left;
  const struct symbol *b = right;
  int order = strcmp(a->name, b->name);
  return order ? order : (a->order > b->order) - (a->order < b->order);
}

static bool is_in_target(const struct owner *owner) {
  return owner->place.file->is_target;
}

/* The two are told apart by where they stand: the error is at the later one. */
static bool stands_before(const struct owner *a, const struct owner *b) {
  struct position at_a = source_position(a->place);
  struct position at_b = source_position(b->place);
  return at_a.line < at_b.line || (at_a.line == at_b.line && at_a.column < at_b.column);
}

static void report_clash(struct text *errors, const struct symbol *a, const struct symbol *b) {
  struct owner *first = a->owner;
  struct owner *second = b->owner;
  if (first == second || !(a->is_ours || b->is_ours) ||
      !(is_in_target(first) || is_in_target(second)))
    return;
  bool same_file = first->place.file == second->place.file;
  if (same_file ? stands_before(second, first) : is_in_target(first)) {
    first = b->owner;
    second = a->owner;
  }
  if (second->is_reported)
    return;
  second->is_reported = true;
  verify_fail(errors, second->place,
              "in C, %s and %s (%s:%d) would both have the name %s: rename one of them",
              second->what, first->what, first->place.file->proto->name,
              source_position(first->place).line, a->name);
}

static void check_names(const struct model *model, struct text *errors) {
  struct symbols symbols = {.arena = model->arena};
  for (size_t i = 0; i < model->file_count; i++) {
    const struct file *file = &model->files[i];
    for (size_t m = 0; m < file->message_count; m++)
      add_message(&symbols, &file->messages[m]);
    for (size_t s = 0; s < file->service_count; s++)
      add_service(&symbols, &file->services[s]);
  }
  if (symbols.count > 0)
    qsort(symbols.items, symbols.count, sizeof(*symbols.items), compare_symbols);
  for (size_t i = 1; i < symbols.count; i++)
    if (strcmp(symbols.items[i - 1].name, symbols.items[i].name) == 0)
      report_clash(errors, &symbols.items[i - 1], &symbols.items[i]);
}

/* ---- ids ---- */

static int compare_ids(const void *left, const void *right) {
  const struct method *const *a = left;
  const struct method *const *b = right;
  return ((*a)->id > (*b)->id) - ((*a)->id < (*b)->id);
}

static void report_same_id(struct text *errors, const struct method *a, const struct method *b) {
  if (!a->place.file->is_target && !b->place.file->is_target)
    return;
  const struct method *second = b->place.file->is_target ? b : a;
  const struct method *first = second == b ? a : b;
  verify_fail(errors, second->place,
              "%s and %s have the same method id 0x%016llx, by bad luck: rename one of them",
              second->full_name, first->full_name, (unsigned long long)second->id);
}

static void check_ids(const struct model *model, struct text *errors) {
  size_t count = 0;
  for (size_t i = 0; i < model->file_count; i++)
    for (size_t s = 0; s < model->files[i].service_count; s++)
      count += model->files[i].services[s].method_count;
  const struct method **methods = arena_array(model->arena, count, sizeof(struct method *));
  count = 0;
  for (size_t i = 0; i < model->file_count; i++)
    for (size_t s = 0; s < model->files[i].service_count; s++)
      for (size_t m = 0; m < model->files[i].services[s].method_count; m++)
        methods[count++] = &model->files[i].services[s].methods[m];
  qsort(methods, count, sizeof(struct method *), compare_ids);
  for (size_t i = 1; i < count; i++)
    if (methods[i - 1]->id == methods[i]->id)
      report_same_id(errors, methods[i - 1], methods[i]);
}

/* A service Sure without a package would define `struct sure_server`, which is the library's. All
 * other names of the library differ from ours in more than a prefix. */
static void check_library_names(const struct model *model, struct text *errors) {
  for (size_t i = 0; i < model->file_count; i++) {
    const struct file *file = &model->files[i];
    for (size_t s = 0; s < file->service_count && file->is_target; s++)
      if (strcmp(file->services[s].c_prefix, "sure") == 0)
        verify_fail(errors, file->services[s].place,
                    "in C, service %s would take names of the library such as sure_server: rename "
                    "it or give the file a package",
                    file->services[s].full_name);
  }
}

void verify_symbols(const struct model *model, struct text *errors) {
  check_library_names(model, errors);
  check_names(model, errors);
  check_ids(model, errors);
}
