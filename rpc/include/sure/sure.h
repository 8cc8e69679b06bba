/* Everything but the stores that live in a library of their own. */
#ifndef SURE_SURE_H
#define SURE_SURE_H

#include <sure/base.h>
#include <sure/call.h>
#include <sure/channel.h>
#include <sure/clock.h>
#include <sure/log.h>
#include <sure/metadata.h>
#include <sure/method.h>
#include <sure/policy.h>
#include <sure/server.h>
#include <sure/service_config.h>
#include <sure/status.h>
#include <sure/store.h>
#include <sure/stream.h>

#endif
