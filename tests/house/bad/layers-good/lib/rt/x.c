#include "base/sys.h"
#include "rt/sched.h"
#include "coop/chan.h"
#include <text/anything.h>
