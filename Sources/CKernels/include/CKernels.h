#pragma once

#include "FoleyKernels.h"
#include "FoleyPictures.h"
#include "FoleySpectral.h"
#include "FoleyThreads.h"
