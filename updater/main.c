/* holdpoint-updater: makes what was staged and released current on the distribution points. */
#include "updater/updater.h"

int main(int argc, char **argv)
{
	return worker_main(&updater_spec, argc, argv);
}
