/* coop_in_a_comment() is no call. */
int coop_named(void); /* nor is coop_here() */
int coop_forgotten(int a, /* over
                             two lines */
                   int b);
typedef void coop_handler(void);
