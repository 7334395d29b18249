// Room `train`: objective, optimizer, schedule, loop, selection, resume.
#pragma once

#include "train/fit.h"
#include "train/options.h"
#include "train/train.h"
