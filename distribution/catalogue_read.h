#ifndef DISTRIBUTION_CATALOGUE_READ_H
#define DISTRIBUTION_CATALOGUE_READ_H

#include "distribution/catalogue.h"
#include "schemas/json.h"

/* Fills an empty catalogue from its JSON, points sorted. A failure is left in the document, with its field;
 * what was read until then is in the catalogue, to be released with it. Relative file names are of the
 * folder. */
void catalogue_read(const struct json_node *root, const char *folder, struct catalogue *catalogue);

bool point_is_in_group(const struct catalogue_point *point, struct view group);

#endif
