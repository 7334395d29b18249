// The library's face: CLIP and images in, a prompt of a few hundred bytes and its answers out.
//
//   Clip, Split                      load_split, draw_few_shot, select_half
//   fit_prompt                       FitOptions → FitResult, and `prompt.qprompt` with its record
//   read_prompt, Classifier          a file and its CLIP → classes and probabilities
//   run, Store, Planner              experiments: what trains more than once
//   qprompt/learner.h                for who adds a method
//
// Every name is in the namespace `qprompt`; errors are `qprompt::Error`. Headers deeper than this
// one are the rooms' own doors (docs/architecture.md), and may move.
#pragma once

#include "base/observer.h"
#include "base/runtime.h"
#include "base/statistics.h"
#include "exchange/import.h"
#include "exchange/quantize.h"
#include "experiment/run.h"
#include "experiment/store.h"
#include "predict/classes.h"
#include "predict/classifier.h"
#include "qprompt/artifact.h"
#include "qprompt/base.h"
#include "qprompt/clip.h"
#include "qprompt/dataset.h"
#include "qprompt/eval.h"
#include "qprompt/features.h"
#include "qprompt/train.h"
#include "qprompt/version.h"
