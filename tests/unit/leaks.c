/* Of a program of unit tests LeakSanitizer looks at the processes that run one test each. The one that starts
 * them is Criterion's: where several run at once it leaks 48 bytes of its own now and then. */
#include <stdlib.h>

int __lsan_is_turned_off(void); /* sanitizer/lsan_interface.h */

int __lsan_is_turned_off(void)
{
	return getenv("BXFI_MAP") == NULL; /* which BoxFort, Criterion's sandbox, gives to each of those */
}
