// Compiled once for each instruction set by Highway; the functions below pick one when called.
#include "clip/image_attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "clip/image_attention.cpp"
#include <hwy/foreach_target.h>
// After the list of targets.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "clip/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qprompt::clip {
namespace HWY_NAMESPACE {

constexpr int kTile = 6;  // rows whose sums stay in registers, two vectors each

/// A matrix by rows.
template <class T>
struct Rows {
  T* data;
  int64_t stride;
};

/// c (R, width) = a (R, n) b (n, width), width a multiple of two vectors.
template <int R, class T>
HWY_INLINE void multiply_rows(Rows<const T> a, Rows<const T> b, int64_t n, Rows<T> c,
                              int64_t width) {
  const Full<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t column = 0; column < width; column += 2 * lanes) {
    auto s00 = hn::Zero(d), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
    auto s30 = s00, s31 = s00, s40 = s00, s41 = s00, s50 = s00, s51 = s00;
    const T* right = b.data + column;
    for (int64_t k = 0; k < n; ++k, right += b.stride) {
      const auto b0 = hn::LoadU(d, right), b1 = hn::LoadU(d, right + lanes);
      const auto row = [&](int r, auto& s0, auto& s1) HWY_ATTR {
        const auto left = hn::Set(d, a.data[r * a.stride + k]);
        s0 = hn::MulAdd(left, b0, s0);
        s1 = hn::MulAdd(left, b1, s1);
      };
      row(0, s00, s01);
      if constexpr (R > 1) {
        row(1, s10, s11);
        row(2, s20, s21);
        row(3, s30, s31);
        row(4, s40, s41);
        row(5, s50, s51);
      }
    }
    const auto store = [&](int r, auto s0, auto s1) HWY_ATTR {
      hn::StoreU(s0, d, c.data + r * c.stride + column);
      hn::StoreU(s1, d, c.data + r * c.stride + column + lanes);
    };
    store(0, s00, s01);
    if constexpr (R > 1) {
      store(1, s10, s11);
      store(2, s20, s21);
      store(3, s30, s31);
      store(4, s40, s41);
      store(5, s50, s51);
    }
  }
}

/// Room for one head of one image; widths are padded with zeros to two vectors.
template <class T>
struct HeadRoom {
  int64_t key_width, value_width;
  std::vector<T> keys;    // (d, key_width): transposed
  std::vector<T> values;  // (keys, value_width)
  std::vector<T> scores;  // (kTile, key_width)
  std::vector<T> seen;    // (kTile, value_width)

  explicit HeadRoom(const ImageAttention<T>& in) {
    const auto step = static_cast<int64_t>(2 * hn::Lanes(Full<T>()));
    key_width = (in.keys + step - 1) / step * step;
    value_width = (in.head_width + step - 1) / step * step;
    keys.resize(in.head_width * key_width);
    values.resize(in.keys * value_width);
    scores.resize(kTile * key_width);
    seen.resize(kTile * value_width);
  }

  void load(const T* k, const T* v, const ImageAttention<T>& in) {
    for (int64_t j = 0; j < in.keys; ++j, k += in.kv_stride, v += in.kv_stride) {
      for (int64_t i = 0; i < in.head_width; ++i) keys[i * key_width + j] = k[i];
      std::copy(v, v + in.head_width, &values[j * value_width]);
    }
  }
};

/// R queries from `first` on of the head that `room` holds.
template <int R, class T>
HWY_INLINE void attend_tile(const ImageAttention<T>& in, HeadRoom<T>& room, const T* q, T* out,
                            T* probabilities) {
  const T scale = T(1) / std::sqrt(static_cast<T>(in.head_width));
  T* scores = room.scores.data();
  multiply_rows<R, T>({q, in.q_stride}, {room.keys.data(), room.key_width}, in.head_width,
                      {scores, room.key_width}, room.key_width);
  for (int r = 0; r < R; ++r) {
    T* row = scores + r * room.key_width;
    scaled_softmax(row, in.keys, scale);
    if (probabilities != nullptr) std::copy(row, row + in.keys, probabilities + r * in.keys);
  }
  multiply_rows<R, T>({scores, room.key_width}, {room.values.data(), room.value_width}, in.keys,
                      {room.seen.data(), room.value_width}, room.value_width);
  for (int r = 0; r < R; ++r) {
    const T* row = room.seen.data() + r * room.value_width;
    std::copy(row, row + in.head_width, out + r * in.heads * in.head_width);
  }
}

/// Heads [begin, end) of all images' heads, image by image.
template <class T>
void attend_heads(const ImageAttention<T>& in, int64_t begin, int64_t end, T* out,
                  T* probabilities) {
  HeadRoom<T> room(in);
  const int64_t width = in.heads * in.head_width;
  for (int64_t index = begin; index < end; ++index) {
    const int64_t image = index / in.heads, offset = index % in.heads * in.head_width;
    const int64_t first_key = image * in.keys * in.kv_stride + offset;
    room.load(in.k + first_key, in.v + first_key, in);
    for (int64_t i = 0; i < in.queries;) {
      const int64_t row = image * in.queries + i;
      T* p =
          probabilities == nullptr ? nullptr : probabilities + (index * in.queries + i) * in.keys;
      const T* q = in.q + row * in.q_stride + offset;
      if (i + kTile <= in.queries) {
        attend_tile<kTile>(in, room, q, out + row * width + offset, p);
        i += kTile;
      } else {
        attend_tile<1>(in, room, q, out + row * width + offset, p);
        ++i;
      }
    }
  }
}

void heads_float(const ImageAttention<float>& in, int64_t begin, int64_t end, float* out,
                 float* p) {
  attend_heads(in, begin, end, out, p);
}
void heads_double(const ImageAttention<double>& in, int64_t begin, int64_t end, double* out,
                  double* p) {
  attend_heads(in, begin, end, out, p);
}

}  // namespace HWY_NAMESPACE
}  // namespace qprompt::clip
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qprompt::clip {
namespace {
HWY_EXPORT(heads_float);
HWY_EXPORT(heads_double);
}  // namespace

template <>
void attend_within_images(const ImageAttention<float>& in, float* out, float* probabilities) {
  const auto run = HWY_DYNAMIC_DISPATCH(heads_float);
  at::parallel_for(0, in.images * in.heads, 1,
                   [&](int64_t begin, int64_t end) { run(in, begin, end, out, probabilities); });
}

template <>
void attend_within_images(const ImageAttention<double>& in, double* out, double* probabilities) {
  const auto run = HWY_DYNAMIC_DISPATCH(heads_double);
  at::parallel_for(0, in.images * in.heads, 1,
                   [&](int64_t begin, int64_t end) { run(in, begin, end, out, probabilities); });
}

}  // namespace qprompt::clip
#endif
