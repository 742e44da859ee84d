#include "engine/places.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

static struct places *places;
static struct buffer text;

static void init(void)
{
	places = places_new(&(struct places_words){
	        .work = "transfer", .label = "place", .elsewhere = "source_", .bytes = true});
	buffer_init(&text, 4 << 20);
}

static void fini(void)
{
	places_free(places);
	buffer_release(&text);
}

TestSuite(places, .init = init, .fini = fini);

static void expect(const char *line)
{
	buffer_clear(&text);
	places_metrics(places, &text);
	cr_assert(strstr(text.data, line), "no %s in\n%s", line, text.data);
}

Test(places, count_what_became_of_the_work)
{
	places_began(places, "paris", false);
	expect("\nholdpoint_transfers_under_way{place=\"paris\"} 1\n");
	expect("\nholdpoint_transfer_last_success_timestamp_seconds{place=\"paris\"} 0.000\n");
	places_ended(places, "paris", "dp_timeout", 5, 1500);
	places_began(places, "paris", true);
	places_ended(places, "paris", "dp_timeout", 5, 1600);
	expect("\nholdpoint_transfer_consecutive_failures{place=\"paris\"} 2\n");
	expect("\nholdpoint_transfer_errors_total{place=\"paris\",code=\"dp_timeout\"} 2\n");
	expect("\nholdpoint_transfer_retries_total{place=\"paris\"} 1\n");
	places_began(places, "paris", true);
	places_ended(places, "paris", NULL, 100, 1700);
	places_began(places, "paris", false);
	places_canceled(places, "paris", 1);
	expect("\nholdpoint_transfer_consecutive_failures{place=\"paris\"} 0\n");
	expect("\nholdpoint_transfers_total{place=\"paris\",result=\"ok\"} 1\n");
	expect("\nholdpoint_transfers_total{place=\"paris\",result=\"failed\"} 2\n");
	expect("\nholdpoint_transfers_total{place=\"paris\",result=\"canceled\"} 1\n");
	expect("\nholdpoint_transfer_sent_bytes_total{place=\"paris\"} 111\n");
	expect("\nholdpoint_transfer_last_success_timestamp_seconds{place=\"paris\"} 1.700\n");
	expect("\nholdpoint_transfers_under_way{place=\"paris\"} 0\n");
}

Test(places, are_not_blamed_for_what_is_elsewhere)
{
	places_began(places, "paris", false);
	places_ended(places, "paris", "dp_timeout", 0, 1500);
	places_began(places, "paris", true);
	places_ended(places, "paris", "source_missing", 0, 1600);
	expect("\nholdpoint_transfer_consecutive_failures{place=\"paris\"} 1\n");
	expect("\nholdpoint_transfer_errors_total{place=\"paris\",code=\"source_missing\"} 1\n");
	expect("\nholdpoint_transfers_total{place=\"paris\",result=\"failed\"} 2\n");
}

Test(places, are_bounded)
{
	char name[24];

	for (int i = 0; i < PLACES_MAX + 10; i++) {
		snprintf(name, sizeof(name), "p%d", i);
		places_began(places, name, false);
		places_ended(places, name, NULL, 0, 1);
	}
	expect("holdpoint_transfers_total{place=\"other\",result=\"ok\"} 10\n");
	for (int i = 0; i < PLACE_CODES_MAX + 10; i++) {
		snprintf(name, sizeof(name), "code%d", i);
		places_began(places, "p0", false);
		places_ended(places, "p0", name, 0, 1);
	}
	expect("holdpoint_transfer_errors_total{place=\"p0\",code=\"other\"} 10\n");
	cr_assert_not(text.full);
}
