#ifndef COOP_BASE_LIST_H
#define COOP_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * list.h - intrusive doubly linked lists
 *
 * A struct list is both the head and the link inside each member; an empty head points at
 * itself. Adding and removing are O(1), never fail and never allocate.  The caller provides the
 * locking.
 *
 *     struct job { int id; struct list link; };
 *     struct list jobs = LIST_INIT(jobs);
 *     list_push_back(&jobs, &job->link);
 *     list_for_each(it, &jobs) { struct job *j = list_entry(it, struct job, link); ... }
 */
struct list {
    struct list *next, *prev;
};

#define LIST_INIT(head)                                                                        \
    {                                                                                          \
        &(head), &(head)                                                                       \
    }

#define list_entry(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#define list_for_each(it, head)                                                                \
    for (struct list *it = (head)->next; it != (head); it = it->next)

/* The body may remove 'it' (and only 'it'). */
#define list_for_each_safe(it, head)                                                           \
    for (struct list *it = (head)->next, *it##_next = it->next; it != (head);                  \
         it = it##_next, it##_next = it->next)

static inline void list_init(struct list *head)
{
    head->next = head->prev = head;
}

static inline bool list_is_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_insert_between(struct list *node, struct list *before,
                                       struct list *after)
{
    node->prev = before;
    node->next = after;
    before->next = node;
    after->prev = node;
}

static inline void list_push_back(struct list *head, struct list *node)
{
    list_insert_between(node, head->prev, head);
}

static inline void list_push_front(struct list *head, struct list *node)
{
    list_insert_between(node, head, head->next);
}

/* Leaves 'node' linked to itself, so that removing twice is harmless. */
static inline void list_remove(struct list *node)
{
    node->prev->next = node->next;
    node->next->prev = node->prev;
    list_init(node);
}

/* The first node, removed; NULL when the list is empty. */
static inline struct list *list_pop_front(struct list *head)
{
    struct list *node = head->next;

    if (node == head)
        return NULL;
    list_remove(node);
    return node;
}

#endif
