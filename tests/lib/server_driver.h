/* Drives a server engine by hand: clients whose bytes are decoded as the shell does, handlers that
 * the test holds and lets go, the real memory store behind it, and virtual time.
 *
 * A payload is a text, and so is its reply: "re:" and the text. The text "unparsable" can't be
 * unpacked. A keyed method's key is its payload up to the first ':'. */
#ifndef TESTS_LIB_SERVER_DRIVER_H
#define TESTS_LIB_SERVER_DRIVER_H

#include "rpc/core/frame.h"
#include "rpc/core/server.h"

/* A method as it is served. */
struct driver_plan {
  const char *name; /* "package.Service/Method" */
  enum sure_semantics semantics;
  enum sure_run_mode mode;
  bool is_keyed;
  bool client_streams;
  bool server_streams;
};

/* What is served unless a test brings plans of its own. */
enum driver_method {
  DRIVER_IN_STORE, /* EXACTLY_ONCE, TX */
  DRIVER_CLAIMS,   /* EXACTLY_ONCE, POOL: an intent, the run, its end */
  DRIVER_KEYED,    /* EXACTLY_ONCE, POOL, with an idempotency key */
  DRIVER_READ,     /* NO_SIDE_EFFECTS */
  DRIVER_ALO,      /* AT_LEAST_ONCE */
  DRIVER_ALO_IN_STORE,
  DRIVER_EXTERNAL, /* EXACTLY_ONCE, EXTERNAL */
  DRIVER_METHODS,
};

enum { DRIVER_METHODS_MAX = 8 };

/* Someone who looks on; either may be NULL. They are called from within the driver's work, and may
 * do nothing to it but lose connections and let its process die. */
struct driver_watch {
  void (*runs)(const struct sure_call *call);      /* its handler begins */
  void (*decided)(const struct sure_store_op *op); /* the store has; the engine does not know */
};

struct driver {
  struct sure_store *store; /* answers of the script first, then the memory store's */
  struct sure_store *memory;
  struct sure__registry registry;
  struct sure_method methods[DRIVER_METHODS_MAX];
  struct sure__server_config config;
  struct sure__server server;
  struct driver_watch watch;
  uint64_t now_ms;

  enum sure_code code; /* what handlers return from now on */
  enum sure_reason reason;
  bool has_not_applied;            /* they say that nothing happened outside, if they fail */
  enum sure_resolution resolution; /* what reconcilers return, with the same reply */
  unsigned reconcile_count;        /* those that were asked */
  const char *reply;               /* what they reply; NULL: "re:" and the payload */
  bool gives_receipts;      /* they reply "receipt N", the Nth effect's, unless they only read */
  unsigned run_count;       /* handlers that ran */
  unsigned apply_count;     /* those that returned OK: the effects */
  unsigned effects[16];     /* those of EXACTLY_ONCE methods, by sequence number if it is small */
  unsigned effects_of[128]; /* the same by the first letter of the request */
  bool holds_runs;          /* runs outside of the store wait for driver_release_runs */
  bool holds_store;         /* ops wait for driver_release_store */
  bool holds_commits;       /* the same, for those that write a record: CALL and COMPLETE */
  enum sure_code door_code; /* what peers are told who want to attach, if it authenticates; with
                                  SURE_OK their credentials are their principal */
  enum sure_code arrival_code; /* the same of attempts, if it intercepts */
  bool holds_arrivals;         /* attempts wait for driver_release_arrivals */
  bool is_dead; /* it reaches the store no more, and no handler runs; driver_bury follows */
  struct sure__list held_arrivals;
  struct sure__list held_runs;
  struct sure__list held_calls;
  struct sure__list held_tasks;
  unsigned client_count;
  /* What the store answers to ops of a kind instead of deciding; PENDING: it decides. */
  enum sure_store_verdict script[SURE_STORE_CONCLUDE + 1];
  unsigned asked[SURE_STORE_CONCLUDE + 1]; /* ops of each kind that were submitted */
  /* The n-th op from now on, 1 for the next, gets this verdict instead, once: in place of being
   * decided, or after it was. 0: none does. */
  unsigned fault_in;
  enum sure_store_verdict fault;
  bool fault_comes_late;
};

struct client {
  struct driver *driver;
  struct sure__peer peer;
  struct sure__buffer out;  /* what the server has said */
  size_t heard_len;         /* of it, by the test */
  struct sure__buffer sent; /* all that was fed */
  struct sure_session_id session;
  struct sure__challenge challenge; /* of WELCOME */
  const char *credentials;          /* for ATTACH; NULL: none */
  bool is_closed;
};

/* Bounds that are small enough to reach. */
extern const struct sure__server_config driver_config;

void driver_init(struct driver *driver, const struct sure__server_config *config);
/* The same, to serve `count` other methods, at most DRIVER_METHODS_MAX. */
void driver_init_with(struct driver *driver, const struct sure__server_config *config,
                      const struct driver_plan *plans, size_t count);
void driver_fini(struct driver *driver);
/* The server's process has died, all its connections were lost: what it had under way is gone, its
 * handlers too, without a word to the store. */
void driver_bury(struct driver *driver);
/* After that, or when it has nothing to do: another process of it, with the same store or, if it
 * `forgets`, with an empty one, which has another id (S2). */
void driver_restart(struct driver *driver, bool forgets);
/* Do what the engine wants, until it wants nothing more that is not held. */
void driver_work(struct driver *driver);
void driver_advance(struct driver *driver, uint64_t ms);
void driver_release_arrivals(struct driver *driver);
void driver_release_runs(struct driver *driver);
void driver_release_store(struct driver *driver);

/* A connection; false when memory was short. Nothing is said yet. */
bool client_connect(struct driver *driver, struct client *client);
/* The connection is lost. Harmless on a closed one. */
void client_lose(struct client *client);
void client_fini(struct client *client);
/* HELLO and ATTACH. Returns the state of ATTACHED, 0 when the server closed instead. */
int client_attach(struct client *client, enum sure__attach_mode mode,
                  const struct sure_session_id *session);
/* Connected and attached to a new session; asserts that it worked. */
void client_open(struct driver *driver, struct client *client);

void client_feed(struct client *client, struct sure_bytes bytes);
void client_send(struct client *client, const struct sure__frame *frame);
/* The first attempt, or another, with time-out 60 s and watermark 1. */
void client_call(struct client *client, enum driver_method method, uint64_t sequence,
                 const char *text);
void client_retry(struct client *client, enum driver_method method, uint64_t sequence,
                  uint32_t attempt, const char *text);
/* A REQUEST to be changed before it is sent. */
struct sure__frame client_request(const struct client *client, enum driver_method method,
                                  uint64_t sequence, const char *text);
void client_ack(struct client *client, uint64_t watermark, const struct sure_range *ranges,
                size_t count);
void client_settle(struct client *client, uint64_t nonce, uint64_t target);

/* The next frame that the server has said; false: there is none. */
bool client_next(struct client *client, struct sure__frame *out_frame);
/* The same; asserts that there is one of this type. */
struct sure__frame client_expect(struct client *client, enum sure__frame_type type);
/* The next is a RESPONSE with these. */
struct sure__frame client_expect_response(struct client *client, uint64_t sequence,
                                          enum sure_code code, enum sure_reason reason,
                                          unsigned flags);
void client_expect_silence(struct client *client);
/* The server has closed, with GOAWAY before it unless `goaway` is 0. */
void client_expect_closed(struct client *client, int goaway);

#endif
