#ifndef SIM_CONTEXT_H
#define SIM_CONTEXT_H

#include <setjmp.h>
#include <stdbool.h>
#include <stddef.h>
#include <ucontext.h>

/* A stack to run on, and how far it has come. makecontext() begins one; from then on _setjmp() and _longjmp()
 * change between them, since swapcontext() asks the kernel for the signal mask each time. AddressSanitizer is
 * told of each change, and gets its swapcontext(). */
struct context {
	ucontext_t whole;
	jmp_buf here;
	bool began, ended; /* set ended before the last switch away */
	void *fake_stack;
	const void *stack;
	size_t stack_size;
};

/* On a stack of its own; body must not return. The thread's own stack needs no more than a zeroed context. */
void context_make(struct context *context, void *stack, size_t stack_size, void (*body)(void));
void context_switch(struct context *from, struct context *to);

#endif
