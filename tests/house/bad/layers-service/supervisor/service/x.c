#  include "control/session.h"
