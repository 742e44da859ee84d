#include "engine/broadcast.h"

#include <criterion/criterion.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static char data[64];

static int64_t read_now(struct listener *listener)
{
	memset(data, 0, sizeof(data));
	return listener_read(listener, 0, data, sizeof(data) - 1);
}

Test(broadcast, gives_every_listener_its_first_words_and_then_all_that_is_sent)
{
	struct broadcast *broadcast = broadcast_new(2, 1000);
	struct listener *a = listener_join(broadcast, -1, view_text("hello "));
	broadcast_send(broadcast, view_text("one "));
	struct listener *b = listener_join(broadcast, -1, view_text("late "));
	broadcast_send(broadcast, view_text("two"));

	cr_assert_eq(read_now(a), 13);
	cr_assert_str_eq(data, "hello one two");
	cr_assert_eq(read_now(b), 8);
	cr_assert_str_eq(data, "late two");
	cr_assert_eq(read_now(a), 0);
	listener_leave(a);
	listener_leave(b);
	broadcast_free(broadcast);
}

Test(broadcast, gives_in_pieces_what_does_not_fit)
{
	struct broadcast *broadcast = broadcast_new(1, 1000);
	struct listener *listener = listener_join(broadcast, -1, view_text("abcdef"));
	char piece[4];

	cr_assert_eq(listener_read(listener, 0, piece, 4), 4);
	cr_assert_eq(memcmp(piece, "abcd", 4), 0);
	cr_assert_eq(listener_read(listener, 0, piece, 4), 2);
	cr_assert_eq(memcmp(piece, "ef", 2), 0);
	listener_leave(listener);
	broadcast_free(broadcast);
}

Test(broadcast, drops_a_listener_that_lets_its_buffer_overflow_and_no_other)
{
	struct broadcast *broadcast = broadcast_new(2, 10);
	struct listener *slow = listener_join(broadcast, -1, view_text(""));
	struct listener *quick = listener_join(broadcast, -1, view_text(""));

	for (int i = 0; i < 3; i++) {
		broadcast_send(broadcast, view_text("12345"));
		cr_assert_eq(read_now(quick), 5);
	}
	cr_assert_eq(read_now(slow), -1);
	listener_leave(slow);
	listener_leave(quick);
	broadcast_free(broadcast);
}

Test(broadcast, takes_a_bounded_number_of_listeners)
{
	struct broadcast *broadcast = broadcast_new(1, 10);
	struct listener *one = listener_join(broadcast, -1, view_text(""));

	cr_assert_null(listener_join(broadcast, -1, view_text("")));
	cr_assert_eq(broadcast_count(broadcast), 1);
	listener_leave(one);
	cr_assert_eq(broadcast_count(broadcast), 0);
	one = listener_join(broadcast, -1, view_text(""));
	cr_assert_not_null(one);
	listener_leave(one);
	broadcast_free(broadcast);
}

Test(broadcast, ends_its_listeners_when_it_is_closed)
{
	struct broadcast *broadcast = broadcast_new(2, 10);
	struct listener *listener = listener_join(broadcast, -1, view_text(""));

	broadcast_close(broadcast);
	cr_assert_eq(listener_read(listener, 60000, data, sizeof(data)), -1);
	cr_assert_null(listener_join(broadcast, -1, view_text("")));
	listener_leave(listener);
	broadcast_free(broadcast);
}

Test(broadcast, ends_a_listener_whose_socket_was_closed_at_the_other_end, .timeout = 30)
{
	struct broadcast *broadcast = broadcast_new(2, 10);
	int ends[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	struct listener *listener = listener_join(broadcast, ends[0], view_text(""));
	close(ends[1]);
	cr_assert_eq(listener_read(listener, 60000, data, sizeof(data)), -1);
	listener_leave(listener);
	close(ends[0]);
	broadcast_free(broadcast);
}
