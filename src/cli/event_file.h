// Numbers over steps as TensorBoard reads them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace qprompt::cli {

/// One number of a step.
struct EventScalar {
  std::string tag;       ///< "train/loss"
  int64_t step = 0;      ///< finished epochs
  double wall_time = 0;  ///< seconds since 1970
  float value = 0;
};

/// The first record of every event file.
std::string event_header(double wall_time);
/// One scalar as one record: a TFRecord that frames a serialized `Event` message (fields 1
/// wall_time, 2 step, 5 summary.value with 1 tag and 2 simple_value).
std::string event_record(const EventScalar& scalar);
/// The name of an event file; TensorBoard looks for "tfevents" in it.
std::string event_file_name(double wall_time);

/// CRC-32C (Castagnoli), the checksum of TFRecord.
uint32_t crc32c(std::string_view bytes);

}  // namespace qprompt::cli
