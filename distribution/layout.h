#ifndef DISTRIBUTION_LAYOUT_H
#define DISTRIBUTION_LAYOUT_H

/* Where things lie on a distribution point, relative to its base; nothing else builds a path. Results are the
 * caller's to free().
 *
 *   .holdpoint/dp.json                       who this DP is
 *   .holdpoint/tmp/<package>@<version>/<attempt>/…   uploads under way; '@' is in neither alphabet
 *   .holdpoint/locks/<path>                  on file kinds: who may replace <path>; never removed
 *   <package>/content/<version>/<path>       immutable once sealed
 *   <package>/manifests/<version>.json       the seal: written last
 *   <package>/current.json                   the pointer
 *   <package>/current -> content/<version>   on file kinds */
#define LAYOUT_DP_JSON ".holdpoint/dp.json"
#define LAYOUT_TMP ".holdpoint/tmp"
#define LAYOUT_LOCKS ".holdpoint/locks"

char *layout_attempts(const char *package, const char *version);
char *layout_attempt(const char *package, const char *version, const char *attempt);
char *layout_content(const char *package, const char *version);
char *layout_seal(const char *package, const char *version);
char *layout_seals(const char *package); /* the folder of them */
char *layout_pointer(const char *package);
char *layout_pointer_link(const char *package);
char *layout_join(const char *folder, const char *path);

#endif
