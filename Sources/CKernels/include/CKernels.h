#pragma once

#include "FoleyHeap.h"
#include "FoleyKernels.h"
#include "FoleyPictures.h"
#include "FoleySpectral.h"
#include "FoleyThreads.h"
