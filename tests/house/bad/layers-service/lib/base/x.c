#include "text/units.h"
