#ifndef TESTS_VECTORS_SAMPLES_H
#define TESTS_VECTORS_SAMPLES_H

/* Prints a record of each shape, as the codecs write it: the name of its schema, a tab, the JSON. */
void samples_print(void);

#endif
