#undef _FORTIFY_SOURCE /* its longjmp() takes another stack for a mistake */
#include "tests/sim/context.h"

#if defined(__SANITIZE_ADDRESS__)
#define CONTEXT_FOR_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define CONTEXT_FOR_ASAN 1
#endif
#endif

#ifdef CONTEXT_FOR_ASAN
#include <sanitizer/common_interface_defs.h>

static struct context *left;
static void (*first_body)(void);

static void arrive(struct context *here)
{
	__sanitizer_finish_switch_fiber(here ? here->fake_stack : NULL, &left->stack, &left->stack_size);
}

static void begin(void)
{
	arrive(NULL);
	first_body();
}

static void change(struct context *from, struct context *to)
{
	left = from;
	__sanitizer_start_switch_fiber(from->ended ? NULL : &from->fake_stack, to->stack, to->stack_size);
	swapcontext(&from->whole, &to->whole);
	arrive(from);
}
#else
static void change(struct context *from, struct context *to)
{
	if (_setjmp(from->here))
		return;
	if (to->began)
		_longjmp(to->here, 1);
	setcontext(&to->whole);
}
#endif

void context_make(struct context *context, void *stack, size_t stack_size, void (*body)(void))
{
	getcontext(&context->whole);
	context->whole.uc_stack.ss_sp = stack;
	context->whole.uc_stack.ss_size = stack_size;
	context->stack = stack;
	context->stack_size = stack_size;
#ifdef CONTEXT_FOR_ASAN
	first_body = body;
	makecontext(&context->whole, begin, 0);
#else
	makecontext(&context->whole, body, 0);
#endif
}

void context_switch(struct context *from, struct context *to)
{
	from->began = true;
	change(from, to);
}
