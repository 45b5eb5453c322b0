/*
 * less.h - says all there is to say
 *
 * Time      None.
 * Errors    None.
 * Threads   Any.
 * Memory    None.
 * Limits
 * Source    Nobody's.
 */
/*
 * Misuse    Of something else.
 */
