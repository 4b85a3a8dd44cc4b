#pragma once

#include "FoleyHeap.h"
#include "FoleyKernels.h"
#include "FoleySpectral.h"
#include "FoleyThreads.h"
