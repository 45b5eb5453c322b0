void f(char *a)
{
    strcpy(a, "sprintf(");     /* system("x") */
    snprintf(a, 1, "x"); // popen(
    if (sleep (1)) usleep(2);
    x.sleep(1); p->sleep(1); my_sleep(1);
    getenv("HOME");
}
