#include "base/log.h"
#include "coop/chan.h"
