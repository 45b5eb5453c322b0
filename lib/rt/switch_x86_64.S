/*
 * switch_x86_64.S - leave one stack, go on on another
 *
 *     struct worker *coop__switch(void **save_sp, void *to_sp, struct worker *w)
 *                                  rdi             rsi          rdx
 *
 * Pushes what the ABI says a function must preserve, stores the stack pointer, takes the other
 * one and pops the same.  The worker travels in rdx and comes back in rax: the coroutine that
 * wakes up learns from it on which thread it is, and need not read a thread-local (whose
 * address the compiler may have kept from the thread it was on before).
 *
 * Ends in ret, and that is the fast way only because nearly all switches are one call, in
 * coop__leave(): the processor predicts that a ret goes where the last call came from, and so it
 * does, on another stack.  Popping the address and jumping to it (as this did at first) leaves
 * that prediction unused, and every ret after it is predicted one call off: a yield took 25 ns
 * instead of 8.  For the same reason a coroutine's first step is jumped to
 * (coop__switch_to_new), is not called, and the last one jumps to coop__switch_in from the
 * outermost frame: what nobody returns from must not be remembered as a call.
 *
 * The floating-point control words (mxcsr, the x87 one) are not saved (4 ns): they belong to the
 * thread, and a coroutine must not change rounding modes across a wait.
 *
 * CET: a shadow stack would object to the jmp.  This object bears no .note.gnu.property, so the
 * linker marks no program as fit for one, and the loader leaves it off.
 *
 * The .cfi lines let gdb walk out of a parked coroutine once it is given
 * the saved sp.
 */
        .text
        .globl coop__switch
        .hidden coop__switch
        .type coop__switch, @function
        .p2align 5
coop__switch:
        .cfi_startproc
        endbr64
        pushq %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbp, 0
        pushq %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %rbx, 0
        pushq %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r12, 0
        pushq %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r13, 0
        pushq %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r14, 0
        pushq %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset %r15, 0

        movq %rsp, (%rdi)               /* here one coroutine stops... */
        movq %rsi, %rsp                 /* ...and here another goes on */
        movq %rdx, %rax

        .globl coop__switch_in
        .hidden coop__switch_in
coop__switch_in:                        /* rsp: the other one's, rax: the worker */
        popq %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r15
        popq %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r14
        popq %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r13
        popq %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore %r12
        popq %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbx
        popq %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore %rbp
        ret
        .cfi_endproc
        .size coop__switch, .-coop__switch

/* The same to a coroutine (rsi) that has not run yet. */
        .globl coop__switch_to_new
        .hidden coop__switch_to_new
        .type coop__switch_to_new, @function
        .p2align 5
coop__switch_to_new:
        .cfi_startproc
        endbr64
        pushq %rbp
        .cfi_adjust_cfa_offset 8
        pushq %rbx
        .cfi_adjust_cfa_offset 8
        pushq %r12
        .cfi_adjust_cfa_offset 8
        pushq %r13
        .cfi_adjust_cfa_offset 8
        pushq %r14
        .cfi_adjust_cfa_offset 8
        pushq %r15
        .cfi_adjust_cfa_offset 8
        movq %rsp, (%rdi)
        movq %rdx, %rax

        .globl coop__switch_in_new
        .hidden coop__switch_in_new
coop__switch_in_new:                    /* rsi: the coroutine, rax: the worker */
        .cfi_undefined %rip
        movq (%rsi), %rsp
        addq $56, %rsp                  /* what was planted for coop__switch_in to pop */
        jmp coop__first_step
        .cfi_endproc
        .size coop__switch_to_new, .-coop__switch_to_new

/* The first thing that runs on a new stack; rsi: the coroutine, rax: the worker. */
        .globl coop__first_step
        .hidden coop__first_step
        .type coop__first_step, @function
        .p2align 4
coop__first_step:
        .cfi_startproc
        .cfi_undefined %rip             /* backtraces end here */
        endbr64
        movq %rax, %rdi
        xorl %ebp, %ebp
        leaq 1f(%rip), %rcx
        pushq %rcx                      /* as if it had been called */
        jmp coop__born
1:      ud2
        .cfi_endproc
        .size coop__first_step, .-coop__first_step

        .section .note.GNU-stack, "", @progbits
