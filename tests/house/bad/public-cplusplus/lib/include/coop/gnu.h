#ifdef __cplusplus
extern "C" {
#endif
#include <signal.h>
void coop_gnu(union sigval value);
struct coop_sent {
    union sigval value;
};
#ifdef __cplusplus
}
#endif
