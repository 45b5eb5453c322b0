/* TODO: later */
int XXX;
const char *p = "/work/x/y", *q = "../shared/y";
/* this part is not implemented */
