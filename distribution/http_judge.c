#include "distribution/http_job.h"

int job_code(const struct job *job)
{
	return job->request.answer.outcome == REQUEST_ANSWERED ? job->request.answer.code : 0;
}

bool job_succeeded(const struct job *job)
{
	return job_code(job) >= 200 && job_code(job) < 300 && job_code(job) != 207;
}

bool job_found_nothing(const struct job *job)
{
	return job_code(job) == 404 || job_code(job) == 410;
}

static enum status judge_silence(struct job *job, struct error *err)
{
	const struct request *request = &job->request;
	const char *words = request->answer.words;

	switch (request->answer.outcome) {
	case REQUEST_UNREACHABLE:
		return error_set(err, STATUS_RETRY, "dp_unreachable", "cannot connect for %s %s: %s",
		        request->method, request->url, words);
	case REQUEST_TIMED_OUT:
		return error_set(
		        err, STATUS_RETRY, "dp_timeout", "%s %s: %s", request->method, request->url, words);
	case REQUEST_NOT_SENT:
		return error_set(err, STATUS_RETRY, "dp_refused", "cannot send %s %s: %s", request->method,
		        request->url, words);
	case REQUEST_NO_BODY:
		return error_set(err, STATUS_REJECT, "source_size", "cannot send %s %s: %s", request->method,
		        request->url, words);
	case REQUEST_TOO_LARGE:
		return error_set(err, STATUS_REJECT, "dp_error",
		        "the answer to %s %s is larger than %zu bytes", request->method, request->url,
		        request->answer_max);
	case REQUEST_CANCELED:
		return error_set(
		        err, STATUS_RETRY, "canceled", "%s %s was canceled", request->method, request->url);
	default:
		return error_set(err, STATUS_RETRY, "dp_unreachable", "the connection broke during %s %s: %s",
		        request->method, request->url, words);
	}
}

static enum status judge_code(struct job *job, struct error *err)
{
	const struct request *request = &job->request;
	const char *method = request->method, *url = request->url;
	int code = request->answer.code;

	if (code >= 300 && code < 400)
		return error_set(err, STATUS_RETRY, "dp_redirects",
		        "%s %s was answered %d, to %s, which is not followed: correct the distribution "
		        "point's url",
		        method, url, code,
		        request->answer.location[0] ? request->answer.location : "nowhere");
	if (code == 401 || code == 403)
		return error_set(err, STATUS_RETRY, "dp_refused",
		        "%s %s was answered %d: check the distribution point's credentials_file%s, and what "
		        "its server allows",
		        method, url, code, job->http->point->credentials_file ? "" : " (none is given)");
	if (code == 405)
		return error_set(err, STATUS_RETRY, "dp_refused",
		        "%s %s was answered 405: its server does not allow %s there", method, url, method);
	if (code == 413)
		return error_set(err, STATUS_RETRY, "dp_refused",
		        "%s %s was answered 413: its server limits the size of what it takes (nginx: "
		        "client_max_body_size)",
		        method, url);
	if (code == 507)
		return error_set(err, STATUS_RETRY, "dp_full",
		        "%s %s was answered 507: no space is left there", method, url);
	return error_set(err, STATUS_RETRY, "dp_error", "%s %s was answered %d", method, url, code);
}

void job_judge(struct job *job)
{
	struct operation *operation = job->operation;
	const struct request *request = &job->request;
	enum request_outcome outcome = request->answer.outcome;
	bool no_answer = outcome == REQUEST_BROKEN || outcome == REQUEST_TIMED_OUT ||
	                 outcome == REQUEST_CANCELED || outcome == REQUEST_TOO_LARGE ||
	                 (outcome == REQUEST_ANSWERED && request->answer.code >= 500);

	operation->result.status = outcome == REQUEST_ANSWERED ? judge_code(job, &operation->result.err)
	                                                       : judge_silence(job, &operation->result.err);
	if ((operation->kind == OPERATION_MOVE || operation->kind == OPERATION_COPY) &&
	        (job_code(job) == 405 || job_code(job) == 501))
		operation->result.status = operation->result.err.status = STATUS_REJECT; /* has none */
	operation->result.ambiguous = operation_is_change(operation->kind) && no_answer;
	operation->result.retry_after_ms = request->answer.retry_after_ms;
}
