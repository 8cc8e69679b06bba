/* Marks the threads that run completions and inline handlers: a blocking call on one of them would
 * wait for a reply that only that thread could bring, so it is refused. So it is in handlers with
 * streams that go on in steps, of which a few threads serve any number. */
#ifndef SURE_NET_CALLBACK_MARK_H
#define SURE_NET_CALLBACK_MARK_H

#include <stdbool.h>

/* In pairs, around code of the application that may not block. They nest. */
void sure__callback_enter(void);
void sure__callback_leave(void);
/* This thread is between the two. */
bool sure__callback_is_running(void);

#endif
