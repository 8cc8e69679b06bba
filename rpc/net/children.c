#include "rpc/net/children.h"

#include <pthread.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

bool sure__child_add(struct sure_call *parent, struct sure__child *child) {
  pthread_mutex_lock(&mutex);
  bool may_begin = !atomic_load(&parent->is_cancelled);
  parent->has_children = true;
  if (may_begin) {
    sure__list_append(&parent->children, &child->of_parent);
  }
  pthread_mutex_unlock(&mutex);
  return may_begin;
}

void sure__child_remove(struct sure__child *child) {
  if (child->cancel == NULL) {
    return; /* it has no parent */
  }
  pthread_mutex_lock(&mutex);
  sure__list_remove(&child->of_parent);
  pthread_mutex_unlock(&mutex);
}

void sure__children_leave(struct sure_call *parent) {
  if (!parent->has_children) {
    return;
  }
  pthread_mutex_lock(&mutex);
  while (sure__list_pop(&parent->children) != NULL) {
  }
  pthread_mutex_unlock(&mutex);
}

void sure__children_cancel(struct sure_call *parent) {
  pthread_mutex_lock(&mutex);
  for (struct sure__list *l = parent->children.next; l != &parent->children; l = l->next) {
    struct sure__child *child = sure__container_of(l, struct sure__child, of_parent);
    child->cancel(child);
  }
  pthread_mutex_unlock(&mutex);
}
