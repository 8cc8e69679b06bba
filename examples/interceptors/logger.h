/* Logs each call of a channel: method, code, attempts, milliseconds. */
#ifndef EXAMPLE_LOGGER_H
#define EXAMPLE_LOGGER_H

#include <stdio.h>
#include <sure/interceptor.h>

/* `file` must stay open as long as the channel. */
struct sure_client_interceptor logger_interceptor(FILE *file);

#endif
