#include "engine/http_host.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const char *const none[] = {NULL};
static const char *const names[] = {"auditor.example", "auditor", NULL};

Test(host_is_allowed, takes_localhost_and_loopback_addresses_with_any_port)
{
	cr_assert(host_is_allowed("localhost", "127.0.0.1", none));
	cr_assert(host_is_allowed("LocalHost:9465", "127.0.0.1", none));
	cr_assert(host_is_allowed("127.0.0.1:1", "127.0.0.1", none));
	cr_assert(host_is_allowed("[::1]:9465", "127.0.0.1", none));
}

Test(host_is_allowed, takes_the_address_that_it_listens_on)
{
	cr_assert(host_is_allowed("192.0.2.7:9465", "192.0.2.7", none));
	cr_assert(host_is_allowed("[2001:db8::7]", "2001:db8::7", none));
	cr_assert_not(host_is_allowed("192.0.2.8:9465", "192.0.2.7", none));
}

Test(host_is_allowed, takes_any_address_but_no_name_on_the_wildcard)
{
	cr_assert(host_is_allowed("192.0.2.8:9465", "0.0.0.0", none));
	cr_assert(host_is_allowed("[2001:db8::7]:9465", "::", none));
	cr_assert_not(host_is_allowed("evil.example:9465", "0.0.0.0", none));
}

Test(host_is_allowed, takes_the_names_that_it_was_given_and_no_longer_ones)
{
	cr_assert(host_is_allowed("Auditor.example:9465", "0.0.0.0", names));
	cr_assert(host_is_allowed("auditor", "127.0.0.1", names));
	cr_assert_not(host_is_allowed("auditor.example.evil.example", "0.0.0.0", names));
	cr_assert_not(host_is_allowed("xauditor", "0.0.0.0", names));
}

Test(host_is_allowed, refuses_what_is_no_host)
{
	static const char *const bad[] = {"", ":9465", "[::1", "[::1]x", "localhost:80x", "localhost:80:80",
	        "localhost@evil.example", "127.0.0.1.evil.example", NULL};

	for (size_t i = 0; bad[i]; i++)
		cr_expect_not(host_is_allowed(bad[i], "127.0.0.1", none), "%s", bad[i]);
	cr_expect_not(host_is_allowed(NULL, "127.0.0.1", none));
}

static void expect_parsed(const char *listen, const char *host, const char *port)
{
	char *got_host, *got_port;
	struct error err;

	cr_assert_eq(listen_parse(listen, &got_host, &got_port, &err), STATUS_OK);
	cr_expect_str_eq(got_host, host);
	cr_expect_str_eq(got_port, port);
	free(got_host);
	free(got_port);
}

Test(listen_parse, tells_host_from_port)
{
	expect_parsed("127.0.0.1:9465", "127.0.0.1", "9465");
	expect_parsed("[::1]:0", "::1", "0");
	expect_parsed("localhost:http", "localhost", "http");
}

Test(listen_parse, refuses_what_lacks_one)
{
	static const char *const bad[] = {"", "9465", ":9465", "localhost:", NULL};

	for (size_t i = 0; bad[i]; i++) {
		char *host, *port;
		struct error err;

		cr_expect_eq(listen_parse(bad[i], &host, &port, &err), STATUS_REJECT, "%s", bad[i]);
		cr_expect_str_eq(err.code, "invalid_option");
	}
}
