/* ImportPayments: a stream of payments, each booked once, whoever dies in the middle. */
#ifndef BANK_IMPORT_H
#define BANK_IMPORT_H

#include "bank.sure.h"

/* The handler; runs as SURE_RUN_TX. */
enum sure_code bank_import_payments(void *user, struct sure_call *call, struct sure_stream *stream,
                                    Bank__V1__ImportReport *reply);

#endif
