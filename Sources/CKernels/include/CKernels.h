#pragma once

#include "FoleyKernels.h"
#include "FoleyThreads.h"
