/* A client of plain sockets, which says what a test wants it to say. Reads give up after 10 s. */
#ifndef TESTS_E2E_RAW_CLIENT_H
#define TESTS_E2E_RAW_CLIENT_H

#include "rpc/core/frame.h"

struct raw_client {
  int fd;
  struct sure__buffer in;
  size_t taken_len; /* of `in`, decoded */
  struct sure__challenge challenge;
  struct sure_session_id session;
};

/* "tcp://127.0.0.1:port" or "ipc:///path"; asserts that it worked. */
void raw_dial(struct raw_client *client, const char *url);
/* The two halves of that. */
void raw_socket(struct raw_client *client, const char *url);
void raw_connect(struct raw_client *client, const char *url);
void raw_close(struct raw_client *client);
/* Dial and attach to a new session. */
void raw_open(struct raw_client *client, const char *url);
/* The same, if it can be had. Returns the state of ATTACHED. */
int raw_try_open(struct raw_client *client, const char *url);
/* Attach to `session`, on a new connection. Returns the state of ATTACHED. */
int raw_resume(struct raw_client *client, const char *url, const struct sure_session_id *session);

void raw_send_bytes(struct raw_client *client, const void *bytes, size_t len);
void raw_send(struct raw_client *client, const struct sure__frame *frame);
/* The next frame; valid until the next call. False: the server has closed. */
bool raw_next(struct raw_client *client, struct sure__frame *out_frame);
/* The next frame but ACCEPTED is of this type. */
struct sure__frame raw_expect(struct raw_client *client, enum sure__frame_type type);
void raw_expect_closed(struct raw_client *client);

#endif
