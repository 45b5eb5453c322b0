/*
 * switch_aarch64.S - leave one stack, go on on another (see switch_x86_64.S)
 *
 *     struct worker *coop__switch(void **save_sp, void *to_sp, struct worker *w)
 *                                  x0              x1           x2
 *
 * 160 bytes: x19-x28, frame pointer, link register, and the low halves of v8-v15 that AAPCS64 wants
 * preserved.  br, not ret, for the return predictor's sake.
 */
        .text
        .globl coop__switch
        .hidden coop__switch
        .type coop__switch, %function
        .p2align 4
coop__switch:
        .cfi_startproc
        hint #34                        /* bti c */
        sub sp, sp, #160
        .cfi_adjust_cfa_offset 160
        stp x19, x20, [sp, #0]
        .cfi_rel_offset x19, 0
        .cfi_rel_offset x20, 8
        stp x21, x22, [sp, #16]
        stp x23, x24, [sp, #32]
        stp x25, x26, [sp, #48]
        stp x27, x28, [sp, #64]
        stp x29, x30, [sp, #80]
        .cfi_rel_offset x29, 80
        .cfi_rel_offset x30, 88
        stp d8, d9, [sp, #96]
        stp d10, d11, [sp, #112]
        stp d12, d13, [sp, #128]
        stp d14, d15, [sp, #144]

        mov x9, sp
        str x9, [x0]
        mov sp, x1
        mov x0, x2

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
        add sp, sp, #160
        .cfi_adjust_cfa_offset -160
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x29
        .cfi_restore x30
        br x30
        .cfi_endproc
        .size coop__switch, .-coop__switch

        .globl coop__first_step
        .hidden coop__first_step
        .type coop__first_step, %function
coop__first_step:
        .cfi_startproc
        .cfi_undefined x30
        hint #36                        /* bti j */
        mov x1, x19                     /* planted by switch.h, as is x29, which ends backtraces */
        bl coop__born
        brk #0
        .cfi_endproc
        .size coop__first_step, .-coop__first_step

        .section .note.GNU-stack, "", %progbits
