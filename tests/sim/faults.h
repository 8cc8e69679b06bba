#ifndef SURE_TESTS_SIM_FAULTS_H
#define SURE_TESTS_SIM_FAULTS_H

void faults_begin(void);
/* Everything runs and reaches everything from here on; pauses come to their end. */
void faults_end(void);

#endif
