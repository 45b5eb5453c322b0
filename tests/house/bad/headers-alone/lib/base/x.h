#ifndef X_H
#define X_H
size_t f(void);
#endif
