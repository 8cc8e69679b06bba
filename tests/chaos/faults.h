/* The faults, and the order in which they come. */
#ifndef CHAOS_FAULTS_H
#define CHAOS_FAULTS_H

#include "stage.h"

/* Play faults until `seconds` have passed and enough of each kind has happened. False if something
 * failed that should not; then `stage->why` says what. */
bool faults_play(struct stage *stage, unsigned seconds);

/* Say on stderr which faults can't be made to happen here. */
void faults_list_missing(const struct stage *stage);

#endif
