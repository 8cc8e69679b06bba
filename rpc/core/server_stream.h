/* A stream at a server, as the shell and the engine see it. */
#ifndef SURE_CORE_SERVER_STREAM_H
#define SURE_CORE_SERVER_STREAM_H

#include "rpc/core/server.h"
#include "rpc/core/stream.h"

struct sure__server_stream {
  struct sure__stream ends;
  struct sure_call *call;
  struct sure__timer timer; /* its deadline */
  struct sure__list of_server;
  struct sure__list lingering; /* in session.lingering, once its handler has returned */
  struct sure__list woken;     /* in actions.woken */
  uint32_t attempt;            /* the latest */
  uint64_t read_count;         /* messages that the handler has taken */
  bool has_run;                /* its handler has begun */
  bool is_out;                 /* its client is away, and its place at the gate another's */
  uint64_t active_ms;          /* when something came, or was taken or given by the handler, last */
  bool is_idle;                /* that was too long ago: it is over */
  bool is_taken_over;          /* another run goes on with it: the same */
  void *shell;                 /* the shell's own */
};

/* What came of a handler's wish. */
enum sure__stream_turn {
  SURE__STREAM_DONE,
  SURE__STREAM_WAIT,  /* not now; actions.woken says when to try again */
  SURE__STREAM_ENDED, /* read: there are no more messages */
  SURE__STREAM_OVER,  /* the call is cancelled, or its deadline has passed */
};

/* The next message, which is the caller's to free. */
enum sure__stream_turn sure__server_stream_read(struct sure__server *server, struct sure_call *call,
                                                uint64_t now_ms,
                                                struct sure__stream_message **out_message);
/* With DONE the message is the stream's. */
enum sure__stream_turn sure__server_stream_write(struct sure__server *server,
                                                 struct sure_call *call, uint64_t now_ms,
                                                 struct sure__stream_message *message);

/* What the handler has read is to be committed, with op.run: actions.woken says when the store has
 * decided, and op.verdict how. */
void sure__server_stream_commit(struct sure__server *server, struct sure_call *call);
/* Messages were read and are not committed, of a call that commits as it goes. */
bool sure__server_stream_is_ahead(const struct sure_call *call);

/* The call is cancelled, or its deadline has passed, or nothing happens on it, or nobody can come
 * back to it any more. */
bool sure__server_stream_is_over(const struct sure_call *call, uint64_t now_ms);

/* Handlers with streams look again whether these should end. */
void sure__server_wake_streams(struct sure__server *server);
/* The server is about to be freed: handlers with streams wait for nobody any more. */
void sure__server_end_streams(struct sure__server *server);

/* Of what the engine had for the peer, so many bytes are not sent yet. The shell calls it when they
 * have become fewer and peer.awaits_room. */
void sure__server_sent(struct sure__server *server, struct sure__peer *peer, size_t unsent_len);

#endif
