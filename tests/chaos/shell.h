/* Commands of the system: ip and tc. */
#ifndef CHAOS_SHELL_H
#define CHAOS_SHELL_H

#include <stdbool.h>

/* Run `command` with sh and wait for its end. What it has to say goes to world.log. False if its
 * exit status is not 0. */
bool shell(const char *command);

#endif
