/* Where the library's messages go: the application's callback. The library itself never prints. */
#ifndef SURE_LOG_H
#define SURE_LOG_H

#include <sure/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum sure_log_level {
  SURE_LOG_DEBUG = 0,
  SURE_LOG_INFO = 1,
  SURE_LOG_WARNING = 2,
  SURE_LOG_ERROR = 3,
};

/* `text` is one line of UTF-8 without its end, valid during the call only. Session ids come
 * shortened: they are secrets. Called from any thread, several at once, with no lock of the library
 * held. It may not call back into the library. */
typedef void sure_log_fn(void *user, enum sure_log_level level, const char *text);

/* `fn` NULL: nothing is logged. Lines below `level_min` are not even formatted. */
struct sure_logger {
  sure_log_fn *fn;
  void *user;
  enum sure_log_level level_min;
};

/* A ready sure_log_fn: writes "LEVEL text" to stderr in one write. `user` is ignored. */
SURE_API void sure_log_to_stderr(void *user, enum sure_log_level level, const char *text);

#ifdef __cplusplus
}
#endif

#endif
