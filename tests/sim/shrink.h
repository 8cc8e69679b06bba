/* A failing seed, made smaller: fewer clients, servers, deeds and faults, as long as it fails. */
#ifndef SURE_TESTS_SIM_SHRINK_H
#define SURE_TESTS_SIM_SHRINK_H

#include "tests/sim/sim.h"

/* Prints the smallest plan that still fails, and how to see its story. */
void shrink(const struct sim_setup *setup);

#endif
