/* Lines for the application's logger. Engines have no logger, as it may not be called under a lock:
 * they leave their lines in a queue, and the shell writes them once it has unlocked. Session ids
 * are secrets: only sure__log_session makes text of them. */
#ifndef SURE_CORE_LOG_H
#define SURE_CORE_LOG_H

#include <sure/log.h>
#include <sure/store.h>

enum { SURE__LOG_TEXT_LEN_MAX = 255, SURE__LOG_QUEUE_MAX = 8 };

struct sure__log_line {
  enum sure_log_level level;
  char text[SURE__LOG_TEXT_LEN_MAX + 1];
};

/* Lines that do not fit are counted, not kept. */
struct sure__log_queue {
  unsigned count;
  unsigned dropped_count;
  struct sure__log_line lines[SURE__LOG_QUEUE_MAX];
};

void sure__log(const struct sure_logger *logger, enum sure_log_level level, const char *format, ...)
    SURE_PRINTF(3, 4);
void sure__log_queue(struct sure__log_queue *queue, enum sure_log_level level, const char *format,
                     ...) SURE_PRINTF(3, 4);
/* With no lock held. The queue is empty afterwards. */
void sure__log_write_out(const struct sure_logger *logger, struct sure__log_queue *queue);

/* The first 32 of a session id's bits, as text. */
struct sure__session_text {
  char text[12];
};
struct sure__session_text sure__log_session(const struct sure_session_id *session);

#endif
