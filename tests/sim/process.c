/* Memory by process: a crash frees all that a process had, as the system does. */
#include <stdlib.h>
#include <string.h>

#include "tests/sim/sim.h"

struct block {
  struct process *owner;
  struct block *next;
  struct block *previous;
  size_t size;
  max_align_t bytes[];
};

static struct process nobody; /* the simulator itself */

static void link_in(struct block *block) {
  block->previous = NULL;
  block->next = block->owner->blocks;
  if (block->next != NULL) {
    block->next->previous = block;
  }
  block->owner->blocks = block;
}

static void link_out(struct block *block) {
  if (block->previous != NULL) {
    block->previous->next = block->next;
  } else {
    block->owner->blocks = block->next;
  }
  if (block->next != NULL) {
    block->next->previous = block->previous;
  }
}

static void take_back(void *user, void *memory) {
  (void)user;
  if (memory != NULL) {
    struct block *block = (struct block *)((char *)memory - offsetof(struct block, bytes));
    link_out(block);
    free(block);
  }
}

static void *resize(void *user, void *memory, size_t size) {
  struct block *block = malloc(sizeof *block + size);
  if (block == NULL) {
    return NULL;
  }
  block->owner = sim.current == NULL ? &nobody : sim.current;
  block->size = size;
  if (memory != NULL) {
    struct block *old = (struct block *)((char *)memory - offsetof(struct block, bytes));
    block->owner = old->owner;
    memcpy(block->bytes, memory, old->size < size ? old->size : size);
    take_back(user, memory);
  }
  link_in(block);
  return block->bytes;
}

void process_use_memory(void) {
  static const struct sure_allocator allocator = {.realloc = resize, .free = take_back};
  sure_set_allocator(&allocator);
}

struct process *process_enter(struct process *process) {
  struct process *before = sim.current;
  sim.current = process;
  return before;
}

void process_end(struct process *process) {
  process->life++;
  process->paused_until_ms = 0;
  process->clock = (struct sure__hlc){0};
  struct block *next = process->blocks;
  process->blocks = NULL;
  while (next != NULL) {
    struct block *block = next;
    next = block->next;
    free(block);
  }
}

bool process_is_alive(const struct process *process, uint32_t life) {
  return process->life == life;
}

void process_clear(void) {
  process_end(&nobody);
}
