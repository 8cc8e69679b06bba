/* A client engine and a server engine joined by connections that take no time: what one side puts
 * out is with the other at once, until a test cuts it. */
#ifndef TESTS_LIB_BOTH_ENDS_H
#define TESTS_LIB_BOTH_ENDS_H

#include "rpc/core/client_stream.h"
#include "tests/lib/server_driver.h"

enum { ENDS_PIPES_MAX = 64, ENDS_CALLS_MAX = 8 };

/* A connection. */
struct ends_pipe {
  struct sure__link *link; /* NULL: it is over */
  struct client end;
  size_t taken_len; /* of what the server has said */
};

/* A call of the application; its request begins with a letter of its own, from 'a' on. */
struct ends_call {
  struct sure__client_call *call; /* NULL: not made, or it has ended */
  bool has_ended;
  enum sure_code code;
  enum sure_outcome outcome;
  enum sure_reason reason;
  struct sure_call_id id;
};

struct ends {
  struct driver driver;
  struct sure__client client;
  bool is_open; /* the client engine is there: memory sufficed */
  uint64_t now_ms;
  struct ends_pipe pipes[ENDS_PIPES_MAX];
  size_t pipe_count;
  struct ends_call calls[ENDS_CALLS_MAX];
};

/* With as many addresses of the one server. */
void ends_begin(struct ends *ends, size_t endpoint_count);
/* The same, to serve other methods. */
void ends_begin_with(struct ends *ends, size_t endpoint_count, const struct driver_plan *plans,
                     size_t plan_count);
void ends_end(struct ends *ends);
void ends_pass(struct ends *ends, uint64_t ms);
/* All connections are lost. */
void ends_cut(struct ends *ends);

/* Makes call `number`, with a deadline in 5 s and, if `is_hedged`, three attempts 20 ms apart. */
void ends_call(struct ends *ends, size_t number, enum driver_method method, bool is_hedged);
/* The same for a stream, with a deadline in 60 s. */
void ends_stream(struct ends *ends, size_t number, enum driver_method method,
                 struct sure__client_stream *stream);
void ends_cancel(struct ends *ends, size_t number);
/* What became of it is asked, if it ended UNKNOWN; what it was becomes what is known now. */
void ends_settle(struct ends *ends, size_t number, enum driver_method method);

#endif
