/* A doubly linked list whose links live inside the things that it links: adding can't fail. */
#ifndef SURE_CORE_LIST_H
#define SURE_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* A list's head and a thing's link are the same. A link outside any list is zero. */
struct sure__list {
  struct sure__list *next;
  struct sure__list *prev;
};

/* The thing of type `type` that has `link` as its `member`. */
#define sure__container_of(link, type, member)                                                     \
  ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void sure__list_init(struct sure__list *head) {
  head->next = head;
  head->prev = head;
}

static inline bool sure__list_is_empty(const struct sure__list *head) {
  return head->next == head;
}

static inline bool sure__list_is_linked(const struct sure__list *link) {
  return link->next != NULL;
}

static inline void sure__list_append(struct sure__list *head, struct sure__list *link) {
  link->prev = head->prev;
  link->next = head;
  head->prev->next = link;
  head->prev = link;
}

/* Harmless on a link outside any list. */
static inline void sure__list_remove(struct sure__list *link) {
  if (link->next == NULL) {
    return;
  }
  link->prev->next = link->next;
  link->next->prev = link->prev;
  link->next = NULL;
  link->prev = NULL;
}

/* The first link, taken out; NULL when the list is empty. */
static inline struct sure__list *sure__list_pop(struct sure__list *head) {
  struct sure__list *link = head->next;
  if (link == head) {
    return NULL;
  }
  sure__list_remove(link);
  return link;
}

/* Moves everything from `from` to the end of `to`. */
static inline void sure__list_move_all(struct sure__list *to, struct sure__list *from) {
  if (sure__list_is_empty(from)) {
    return;
  }
  from->next->prev = to->prev;
  to->prev->next = from->next;
  from->prev->next = to;
  to->prev = from->prev;
  sure__list_init(from);
}

#endif
