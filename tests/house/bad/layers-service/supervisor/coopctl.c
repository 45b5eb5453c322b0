#include "coop/coro.h"
