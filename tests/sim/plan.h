/* What a seed decides before the first event: who takes part, which faults there are and how often.
 * Swarm testing (Groce et al. 2012): each seed leaves some faults out, so that the others get
 * further. */
#ifndef SURE_TESTS_SIM_PLAN_H
#define SURE_TESTS_SIM_PLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_mode {
  STORE_VOLATILE, /* the memory store, one a server; gone when the server crashes */
  STORE_DURABLE,  /* the memory store standing in for a durable one that all servers share */
  STORE_APART,    /* the same, one for each server: an endpoint may turn to another store */
  STORE_SQLITE,   /* the SQLite store, one file for all, opened by each server */
};

struct plan {
  uint32_t client_count;
  uint32_t server_count;
  enum store_mode store_mode;
  uint32_t chaos_ms; /* faults end then */

  /* The network. Delays in ms; chances for each segment that is sent. */
  uint32_t delay_ms;
  uint32_t jitter_ms;
  uint32_t slow_permille; /* a segment is held up for long */
  uint32_t slow_ms;
  uint32_t cut_permille;
  uint32_t half_open_permille; /* of the ends: the other side never hears of it */
  uint32_t split_permille;     /* a write leaves in several segments */
  uint32_t partition_every_ms; /* mean; 0: never. The same below */
  uint32_t partition_ms;
  uint32_t replay_every_ms; /* an old connection's bytes on a new one */

  uint32_t copy_every_ms; /* a frame twice on a live connection */

  uint32_t server_crash_every_ms;
  uint32_t server_down_ms;
  uint32_t server_drain_permille; /* of the crashes: in good order */
  uint32_t client_crash_every_ms;
  uint32_t pause_every_ms;
  uint32_t pause_ms;
  uint32_t skew_every_ms;
  uint32_t skew_ms;

  uint32_t gather_ms;    /* until a batch begins */
  uint32_t commit_ms;    /* until it is committed */
  uint32_t answer_ms;    /* until anybody hears */
  uint32_t slow_disk_ms; /* now and then instead of commit_ms */
  uint32_t busy_permille;
  uint32_t full_permille;
  uint32_t void_permille;   /* a run is undone and repeated (S21) */
  uint32_t failed_permille; /* of batches: the store breaks, with or without a commit before */
  uint32_t disk_permille;   /* SQLite: batches in which the disk does something wrong */
  uint32_t power_permille;  /* SQLite: batches after which the power goes */
  uint32_t leave_permille;  /* SQLite: handlers that make it leave the transaction */

  uint32_t cut_off_permille; /* of wires: the handler hears nothing of what it has sent, or not */

  uint32_t bank_permille;    /* SQLite: of the traffic, what goes to the bank of the examples */
  uint32_t customer_count;   /* with accounts there */
  uint32_t abandon_permille; /* of unknown ends: nobody asks what became of the payment */
  uint32_t list_permille;    /* of readings: of all entries of an account */

  uint32_t strikes_permille; /* of the narrow windows: a fault is aimed at it */

  /* The bank. */
  uint32_t handler_ms;
  uint32_t refuse_permille; /* NOT_FOUND, recorded */
  uint32_t abort_permille;  /* ABORTED, UNAVAILABLE: not recorded */
  uint32_t run_mode;        /* of sure_run_mode, for volatile stores */

  /* The applications. */
  uint32_t deeds_max; /* no new ones after that many */
  uint32_t call_every_ms;
  uint32_t talk_permille; /* of the traffic, what are streams */
  uint32_t timeout_ms_max;
  uint32_t cancel_permille;
  uint32_t release_permille;
  uint32_t large_permille;

  /* Options of servers and clients. */
  uint32_t session_lease_ms;
  uint32_t session_retention_ms;
  uint32_t message_len_max;
  uint32_t session_records_max;
  uint32_t running_calls_max;
  uint32_t unresolved_calls_max;
  uint32_t accept_timeout_ms;
  uint32_t keepalive_time_ms;
  uint32_t unsent_len_max;
  uint32_t idle_timeout_ms;

  /* Channels: whether they know each server by an address of its own, and what they do then. */
  uint32_t knows_all;
  uint32_t balancing; /* of sure_balancing */
  uint32_t hedge_permille;
  uint32_t hedge_delay_ms;

  /* What servers do against too much. */
  uint32_t concurrency_max;
  uint32_t adapts_concurrency;
  uint32_t connection_age_ms;
  uint32_t ping_interval_ms;
};

/* `strikes_permille`: 0 in swarm mode. */
void plan_make(struct plan *plan, uint32_t strikes_permille);

/* What can be less of in a plan, from who takes part to single faults. */
struct plan_field {
  const char *name;
  size_t offset; /* of a uint32_t */
  uint32_t least;
};

enum { PLAN_FIELD_COUNT = 39 };
extern const struct plan_field plan_fields[PLAN_FIELD_COUNT];

const uint32_t *plan_at(const struct plan *plan, const struct plan_field *field);
/* "field=value,field=value". False: that is not what it is. */
bool plan_change(struct plan *plan, const char *changes);

#endif
