/* TODO: later */
int XXX;
const char *p = "/work/x", *q = "../shared/y";
/* this part is not implemented */
