/*
 * board.c - slots in blocks that never move
 *
 * A block of slots is allocated when its first slot is taken and lives as long as the board, so
 * a reader may hold a slot's address across any change of configuration.  Taking and giving
 * belong to the daemon's one coroutine; readers only need to see blocks after they are whole,
 * which the release store of the pointer gives them.
 */
#include "events/board.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/seqlock.h"

enum { BLOCK = 64, BLOCKS = BOARD_MAX / BLOCK };

struct slot {
    _Atomic bool taken; /* by a service: the daemon's word */
    struct seqlock lock;
    SEQ_WORDS(view, struct svc_view);
};

struct board {
    _Atomic(struct slot *) blocks[BLOCKS];
    _Atomic unsigned limit;
};

static struct slot *slot_at(const struct board *board, unsigned slot)
{
    struct slot *block;

    if (slot >= BOARD_MAX)
        return NULL;
    block = atomic_load_explicit(&board->blocks[slot / BLOCK], memory_order_acquire);
    return block ? &block[slot % BLOCK] : NULL;
}

struct board *board_new(void)
{
    return calloc(1, sizeof(struct board));
}

void board_free(struct board *board)
{
    if (!board)
        return;
    for (unsigned i = 0; i < BLOCKS; i++)
        free(atomic_load_explicit(&board->blocks[i], memory_order_relaxed));
    free(board);
}

int board_take(struct board *board, unsigned *ret_slot)
{
    for (unsigned i = 0; i < BOARD_MAX; i++) {
        struct slot *slot = slot_at(board, i);

        if (!slot) {
            slot = calloc(BLOCK, sizeof *slot);
            if (!slot)
                return -ENOMEM;
            atomic_store_explicit(&board->blocks[i / BLOCK], slot, memory_order_release);
        }
        if (atomic_load_explicit(&slot->taken, memory_order_relaxed))
            continue;
        atomic_store_explicit(&slot->taken, true, memory_order_relaxed);
        if (i >= atomic_load_explicit(&board->limit, memory_order_relaxed))
            atomic_store_explicit(&board->limit, i + 1, memory_order_release);
        *ret_slot = i;
        return 0;
    }
    return -ENOSPC;
}

void board_give(struct board *board, unsigned slot)
{
    static const struct svc_view nobody;
    struct slot *s = slot_at(board, slot);

    if (!s)
        return;
    seq_publish(&s->lock, s->view, &nobody, sizeof nobody);
    atomic_store_explicit(&s->taken, false, memory_order_relaxed);
}

void board_write(struct board *board, unsigned slot, const struct svc_view *view)
{
    struct slot *s = slot_at(board, slot);

    if (s)
        seq_publish(&s->lock, s->view, view, sizeof *view);
}

unsigned board_limit(const struct board *board)
{
    return atomic_load_explicit(&board->limit, memory_order_acquire);
}

bool board_read(const struct board *board, unsigned slot, struct svc_view *ret_view)
{
    const struct slot *s = slot_at(board, slot);

    if (!s || !seq_is_written(&s->lock))
        return false;
    seq_copy_sure(&s->lock, s->view, ret_view, sizeof *ret_view);
    return ret_view->name[0] != '\0'; /* an empty name marks a slot given back */
}

bool board_find(const struct board *board, const char *name, struct svc_view *ret_view)
{
    struct svc_view view;

    for (unsigned i = 0; i < board_limit(board); i++)
        if (board_read(board, i, &view) && strcmp(view.name, name) == 0) {
            *ret_view = view;
            return true;
        }
    return false;
}
