#pragma once

#include "FoleySpectral.h"
