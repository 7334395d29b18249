// For who adds a method from outside: its row in the table of methods, and its learner.
//
//   qprompt::add_learner("my-learner", [](const qprompt::Start& start) { return …; });
//   qprompt::add_method(row);   // row.learner = "my-learner", row.stored_form = kOutsideForm
//
// From then on the method is trained, stored, read back and scored as those of this project are, by
// its word. Both last for the process; a program adds them before it reads files of the method.
#pragma once

#include "learner/edits.h"
#include "learner/learner.h"
#include "learner/texts.h"
#include "method/choice.h"
#include "method/method.h"
