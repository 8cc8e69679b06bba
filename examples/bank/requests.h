/* What several handlers read from requests. */
#ifndef BANK_REQUESTS_H
#define BANK_REQUESTS_H

#include "bank.sure.h"
#include "money.h"

/* A request may lack its amount or have any currency: the ledger refuses an empty one. */
struct money request_money(const Bank__V1__Money *message);

#endif
