#ifndef DISTRIBUTION_EXCHANGE_H
#define DISTRIBUTION_EXCHANGE_H

#include "distribution/pump.h"

#include <curl/curl.h>
#include <sys/queue.h>

/* Inside the pump: a request under way, and the one place that includes curl. exchange.c sets the request up
 * and takes what curl brings; pump.c drives all of them, keeps their time and ends them. */
struct exchange {
	struct request *request;
	const struct pump_options *options;
	bool *any_paced; /* the pump's: some exchange is paused for its pace */
	CURL *easy;
	struct curl_slist *headers;
	TAILQ_ENTRY(exchange) entry; /* in one of the pump's lists */
	uint64_t sent, discarded;    /* sent: offset in the body of what curl asks for next */
	size_t header_bytes;
	struct buffer kept;
	int64_t moved_ms; /* when a byte last moved */
	uint64_t moved_bytes, window_bytes;
	int64_t window_ms;   /* when the low-speed window began, and with how many bytes */
	bool paced, waiting; /* paused for its pace; paused by receive() */
	bool enough;         /* the rest of the answer is not wanted */
	bool added;
	enum request_outcome broken_by; /* why a callback of ours ended it; ANSWERED: none did */
	char words[CURL_ERROR_SIZE];
};

/* Sets all that curl needs to know; false: it cannot be sent, and words say why. */
bool exchange_prepare(struct exchange *exchange);

/* What the answer was, but for its body. */
void exchange_read_answer(struct exchange *exchange);
enum request_outcome exchange_judge(const struct exchange *exchange, CURLcode result);
bool exchange_was_sent(const struct exchange *exchange);

#endif
