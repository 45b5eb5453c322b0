#include "rt/sched.h"
#include "coop/chan.h"
#include "supervisor/x.h"
#include "base/scope.h"
