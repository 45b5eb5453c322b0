/*
 * other.h - says all there is to say
 *
 * Time      None.
 * Errors    None.
 * Threads   Any.
 * Memory    None.
 * Misuse    None.
 * Limits    None.
 * Source    Nobody's.
 */
