#include <errno.h>
int main(void)
{
    return getenv("COOP_SOCKET") ? printf("") : 0;
}
