// Torch's zip archives: TorchScript files and pickled checkpoints. Private to the room `weights`.
#pragma once

#include "qprompt/weights.h"
#include "weights/impl/byte_range.h"
#include "weights/impl/pickle.h"

namespace qprompt {

/// The value that an archive holds (its `data.pkl`), with tensors that are views of `file`.
/// Throws Error(kContent).
PickleTree parse_archive(const ByteRange& file);

/// The tensors of nested dictionaries and TorchScript modules under dotted names; integers become
/// 0-d int64 tensors. A key may be text or an integer ("optimizer.state.0.momentum_buffer"). Left
/// out: booleans (such as `training`), floats, text, lists, tuples, and the inner state of every
/// other class. Throws Error(kContent) when it would call a function that runs commands (nothing is
/// called here), when the root is neither dictionary nor module, a name comes twice, or values are
/// nested too deeply or shared too often to be written out.
WeightStore flatten_pickle(const PickleTree& tree, const std::string& source);

}  // namespace qprompt
