/* system("x"), strcpy(a, b)
 * sleep(1) */
int f(struct t *t)
{
    t->time(1);
    t.system(2);
    return my_getenv("strcpy(x)") + 's';
}
