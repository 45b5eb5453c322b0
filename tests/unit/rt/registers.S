/* registers.S - registers_lost() and registers_jump() of registers.h */
        .text
        .globl registers_lost
        .type registers_lost, %function
registers_lost:
#if defined(__x86_64__)
        endbr64
        pushq %rbp
        pushq %rbx
        pushq %r12
        pushq %r13
        pushq %r14
        pushq %r15
        pushq %rsi                      /* the seed; the stack is aligned now */
        leaq 0(%rsi), %rbx
        leaq 1(%rsi), %rbp
        leaq 2(%rsi), %r12
        leaq 3(%rsi), %r13
        leaq 4(%rsi), %r14
        leaq 5(%rsi), %r15
        callq *%rdi
        popq %rsi
        xorl %eax, %eax
        .macro check register, nth
        leaq \nth(%rsi), %rdx
        xorl %ecx, %ecx
        cmpq %rdx, \register
        setne %cl
        addq %rcx, %rax
        .endm
        check %rbx, 0
        check %rbp, 1
        check %r12, 2
        check %r13, 3
        check %r14, 4
        check %r15, 5
        popq %r15
        popq %r14
        popq %r13
        popq %r12
        popq %rbx
        popq %rbp
        ret
#elif defined(__aarch64__)
        sub sp, sp, #176
        stp x19, x20, [sp, #0]
        stp x21, x22, [sp, #16]
        stp x23, x24, [sp, #32]
        stp x25, x26, [sp, #48]
        stp x27, x28, [sp, #64]
        stp x29, x30, [sp, #80]
        stp d8, d9, [sp, #96]
        stp d10, d11, [sp, #112]
        stp d12, d13, [sp, #128]
        stp d14, d15, [sp, #144]
        str x1, [sp, #160]
        .irp n, 19,20,21,22,23,24,25,26,27,28,29
        add x\n, x1, #\n
        .endr
        .irp n, 8,9,10,11,12,13,14,15
        add x9, x1, #\n
        fmov d\n, x9
        .endr
        blr x0
        ldr x1, [sp, #160]
        mov x0, #0
        .irp n, 19,20,21,22,23,24,25,26,27,28,29
        add x9, x1, #\n
        cmp x9, x\n
        cinc x0, x0, ne
        .endr
        .irp n, 8,9,10,11,12,13,14,15
        add x9, x1, #\n
        fmov x10, d\n
        cmp x9, x10
        cinc x0, x0, ne
        .endr
        ldp x19, x20, [sp, #0]
        ldp x21, x22, [sp, #16]
        ldp x23, x24, [sp, #32]
        ldp x25, x26, [sp, #48]
        ldp x27, x28, [sp, #64]
        ldp x29, x30, [sp, #80]
        ldp d8, d9, [sp, #96]
        ldp d10, d11, [sp, #112]
        ldp d12, d13, [sp, #128]
        ldp d14, d15, [sp, #144]
        add sp, sp, #176
        ret
#endif
        .size registers_lost, .-registers_lost

        .globl registers_jump
        .type registers_jump, %function
registers_jump:
#if defined(__x86_64__)
        endbr64
        subq $8, %rsp
        movq registers_jump_args(%rip), %rdi
        movq registers_jump_args+8(%rip), %rsi
        movq registers_jump_args+16(%rip), %rdx
        callq *registers_jump_args+24(%rip)
        movq %rax, registers_jump_args+32(%rip)
        addq $8, %rsp
        ret
#elif defined(__aarch64__)
        str x30, [sp, #-16]!
        adrp x9, registers_jump_args
        add x9, x9, :lo12:registers_jump_args
        ldp x0, x1, [x9]
        ldp x2, x10, [x9, #16]
        blr x10
        adrp x9, registers_jump_args
        add x9, x9, :lo12:registers_jump_args
        str x0, [x9, #32]
        ldr x30, [sp], #16
        ret
#endif
        .size registers_jump, .-registers_jump

        .section .note.GNU-stack, "", %progbits
