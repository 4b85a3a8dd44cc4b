#pragma once

#include "FoleyKernels.h"
#include "FoleySpectral.h"
#include "FoleyThreads.h"
