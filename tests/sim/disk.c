#include "tests/sim/disk.h"

#include <stddef.h>

#include "rpc/net/clock.h"
#include "tests/lib/shim_vfs.h"
#include "tests/lib/unsynced.h"
#include "tests/sim/sim.h"

/* As many operations as a batch has on the log, or a few more. */
enum { OPERATIONS_MAX = 32 };

static const struct {
  enum shim_action action;
  const char *text;
} disasters[] = {
    {SHIM_FAIL, "a write fails"},
    {SHIM_LIE, "a write is done and reported as failed"},
    {SHIM_LIE_STAY, "a write and a sync are done and reported as failed"},
    {SHIM_TEAR, "a write is half done"},
    {SHIM_FULL, "the disk is full"},
    {SHIM_STOP, "a server dies before a write"},
    {SHIM_STOP_AFTER, "a server dies after a write"},
};

static const char *armed; /* what may go wrong in this batch; NULL: nothing */

static bool has_misbehaved; /* in the batch before */

void disk_begin(void) {
  static bool is_registered;
  if (!is_registered) {
    shim_register();
    shim_keep_unsynced();
    shim_use_clock(sure__clock_lease_ms);
    is_registered = true;
  }
  unsynced_forget_all();
  shim_resume();
  (void)shim_disarm();
  armed = NULL;
}

void disk_batch_begins(void) {
  if (!sim.is_healed && chance_permille(sim.plan.disk_permille)) {
    size_t which = chance_below(sizeof disasters / sizeof disasters[0]);
    armed = disasters[which].text;
    shim_arm(disasters[which].action, (int)chance_below(OPERATIONS_MAX));
  }
}

void disk_batch_ends(void) {
  has_misbehaved = armed != NULL && shim_disarm();
  if (has_misbehaved) {
    sim_fault(FAULT_STORE, "disk: %s", armed);
  }
  armed = NULL;
}

bool disk_has_misbehaved(void) {
  return has_misbehaved;
}

bool disk_is_stopped(void) {
  return shim_is_stopped();
}

void disk_stop(void) {
  shim_stop();
}

void disk_resume(void) {
  shim_resume();
}

/* None, all, or some: what a disk wrote of itself before it was asked to. */
static uint64_t kept(uint64_t limit) {
  switch (chance_below(3)) {
  case 0:
    return 0;
  case 1:
    return limit - 1;
  default:
    return chance_below(limit);
  }
}

void disk_lose_power(void) {
  unsynced_lose(kept);
}
