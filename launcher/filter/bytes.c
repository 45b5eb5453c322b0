/*
 * bytes.c - compiled filters: checked and asked (see bytes.h)
 */
#include "launcher/filter/bytes.h"

#include <linux/bpf_common.h>
#include <stddef.h>
#include <string.h>

/* ---- checking ---- */

static bool is_known(const struct sock_filter *op)
{
    switch (op->code) {
    case BPF_LD | BPF_W | BPF_ABS: return op->k % 4 == 0 && op->k < sizeof(struct seccomp_data);
    case BPF_ALU | BPF_DIV | BPF_K: return op->k != 0;
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K: return op->k < 32;
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX: return op->k < BPF_MEMWORDS;
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
    case BPF_ALU | BPF_ADD | BPF_K:
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X: return true;
    default: return false;
    }
}

static bool stays_inside(const struct sock_filter *op, size_t left)
{
    if (BPF_CLASS(op->code) != BPF_JMP)
        return true;
    if (BPF_OP(op->code) == BPF_JA)
        return op->k < left;
    return op->jt < left && op->jf < left;
}

int filter_bytes_check(const struct sock_filter *code, size_t count, struct coop_err *err)
{
    if (count == 0)
        return coop_fail(err, COOP_E_SYNTAX, "a compiled filter without instructions");
    if (count > BPF_MAXINSNS)
        return coop_fail(err, COOP_E_LIMIT,
                         "a compiled filter of %zu instructions; the kernel takes %d", count,
                         BPF_MAXINSNS);
    for (size_t at = 0; at < count; at++) {
        if (!is_known(&code[at]))
            return coop_fail(
                err, COOP_E_SYNTAX,
                "instruction %zu (code %#x, k %#x) is none of a system-call filter", at,
                code[at].code, code[at].k);
        if (!stays_inside(&code[at], count - at - 1))
            return coop_fail(err, COOP_E_SYNTAX, "instruction %zu jumps out of the filter", at);
    }
    if (BPF_CLASS(code[count - 1].code) != BPF_RET)
        return coop_fail(err, COOP_E_SYNTAX, "the last instruction does not return an answer");
    return 0;
}

/* ---- asking ---- */

struct machine {
    uint32_t a, x, memory[BPF_MEMWORDS];
};

static uint32_t calculate(unsigned op, uint32_t a, uint32_t with)
{
    switch (op) {
    case BPF_ADD: return a + with;
    case BPF_SUB: return a - with;
    case BPF_MUL: return a * with;
    case BPF_DIV: return a / with;
    case BPF_AND: return a & with;
    case BPF_OR: return a | with;
    case BPF_XOR: return a ^ with;
    case BPF_LSH: return a << (with & 31);
    case BPF_RSH: return a >> (with & 31);
    default: return 0 - a; /* BPF_NEG */
    }
}

static bool holds(unsigned op, uint32_t a, uint32_t with)
{
    switch (op) {
    case BPF_JEQ: return a == with;
    case BPF_JGT: return a > with;
    case BPF_JGE: return a >= with;
    default: return a & with; /* BPF_JSET */
    }
}

static uint32_t word_at(const struct seccomp_data *data, uint32_t offset)
{
    uint32_t word;

    memcpy(&word, (const char *)data + offset, sizeof word);
    return word;
}

/* Loads, stores and moves; arithmetic and jumps are the caller's. */
static void move(struct machine *m, const struct sock_filter *op,
                 const struct seccomp_data *data)
{
    switch (op->code) {
    case BPF_LD | BPF_W | BPF_ABS: m->a = word_at(data, op->k); break;
    case BPF_LD | BPF_W | BPF_LEN: m->a = sizeof *data; break;
    case BPF_LDX | BPF_W | BPF_LEN: m->x = sizeof *data; break;
    case BPF_LD | BPF_IMM: m->a = op->k; break;
    case BPF_LDX | BPF_IMM: m->x = op->k; break;
    case BPF_LD | BPF_MEM: m->a = m->memory[op->k]; break;
    case BPF_LDX | BPF_MEM: m->x = m->memory[op->k]; break;
    case BPF_ST: m->memory[op->k] = m->a; break;
    case BPF_STX: m->memory[op->k] = m->x; break;
    case BPF_MISC | BPF_TAX: m->x = m->a; break;
    case BPF_MISC | BPF_TXA: m->a = m->x; break;
    default: break;
    }
}

static bool looks_at_arguments(const struct sock_filter *op)
{
    return op->code == (BPF_LD | BPF_W | BPF_ABS) &&
           op->k >= offsetof(struct seccomp_data, args);
}

uint32_t filter_bytes_run(const struct sock_filter *code, size_t count,
                          const struct seccomp_data *data, bool *ret_judges)
{
    struct machine m = {0};

    if (ret_judges)
        *ret_judges = false;

    for (size_t at = 0; at < count; at++) {
        const struct sock_filter *op = &code[at];
        uint32_t with = BPF_SRC(op->code) == BPF_X ? m.x : op->k;

        switch (BPF_CLASS(op->code)) {
        case BPF_RET: return BPF_RVAL(op->code) == BPF_A ? m.a : op->k;
        case BPF_ALU:
            if (BPF_OP(op->code) == BPF_DIV && with == 0)
                return SECCOMP_RET_KILL_THREAD; /* what the kernel does */
            m.a = calculate(BPF_OP(op->code), m.a, with);
            break;
        case BPF_JMP:
            if (BPF_OP(op->code) == BPF_JA)
                at += op->k;
            else
                at += holds(BPF_OP(op->code), m.a, with) ? op->jt : op->jf;
            break;
        default:
            if (ret_judges && looks_at_arguments(op))
                *ret_judges = true;
            move(&m, op, data);
            break;
        }
    }
    return SECCOMP_RET_KILL_PROCESS; /* not reached in a checked program */
}
