// Compiled once for each instruction set by Highway; the functions below pick one when called.
#include "engine/impl/image_attention.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "engine/impl/image_attention.cpp"
#include <hwy/foreach_target.h>
// After the list of targets.
#include <ATen/Parallel.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/impl/lanes-inl.h"

HWY_BEFORE_NAMESPACE();
namespace qprompt::engine {
namespace HWY_NAMESPACE {

constexpr int kTile = 6;  // rows whose sums stay in registers, two vectors each

/// A matrix by rows.
template <class T>
struct Rows {
  T* data;
  int64_t stride;
};

/// A left factor: element (r, k) is data[r · row + k · step].
template <class T>
struct Left {
  const T* data;
  int64_t row, step;
};

/// c (R, width) = a (R, n) b (n, width), width a multiple of two vectors.
template <int R, class T>
HWY_INLINE void multiply_rows(Left<T> a, Rows<const T> b, int64_t n, Rows<T> c, int64_t width) {
  const Full<T> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  for (int64_t column = 0; column < width; column += 2 * lanes) {
    auto s00 = hn::Zero(d), s01 = s00, s10 = s00, s11 = s00, s20 = s00, s21 = s00;
    auto s30 = s00, s31 = s00, s40 = s00, s41 = s00, s50 = s00, s51 = s00;
    const T* right = b.data + column;
    for (int64_t k = 0; k < n; ++k, right += b.stride) {
      const auto b0 = hn::LoadU(d, right), b1 = hn::LoadU(d, right + lanes);
      const auto row = [&](int r, auto& s0, auto& s1) HWY_ATTR {
        const auto left = hn::Set(d, a.data[r * a.row + k * a.step]);
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

/// Calls f(count, i) for i = 0 … n − 1 in steps of kTile, then one by one.
template <class F>
HWY_INLINE void for_tiles(int64_t n, F&& f) {
  int64_t i = 0;
  for (; i + kTile <= n; i += kTile) f(std::integral_constant<int, kTile>(), i);
  for (; i < n; ++i) f(std::integral_constant<int, 1>(), i);
}

/// y (columns, y.stride) = xᵀ of x (rows, columns), in blocks that stay in the nearest cache.
template <class T>
HWY_INLINE void transpose(Rows<const T> x, int64_t rows, int64_t columns, Rows<T> y) {
  constexpr int64_t kBlock = 16;
  for (int64_t first = 0; first < rows; first += kBlock) {
    const int64_t last = std::min(first + kBlock, rows);
    for (int64_t i = 0; i < columns; ++i) {
      for (int64_t j = first; j < last; ++j) y.data[i * y.stride + j] = x.data[j * x.stride + i];
    }
  }
}

template <class T>
HWY_INLINE void copy_rows(Rows<const T> x, int64_t rows, int64_t columns, Rows<T> y) {
  for (int64_t i = 0; i < rows; ++i) {
    std::copy_n(x.data + i * x.stride, columns, y.data + i * y.stride);
  }
}

/// A number of columns, padded to two vectors.
template <class T>
int64_t padded(int64_t columns) {
  const auto step = static_cast<int64_t>(2 * hn::Lanes(Full<T>()));
  return (columns + step - 1) / step * step;
}

/// A matrix whose rows are padded with zeros.
template <class T>
struct Room {
  int64_t width;
  std::vector<T> values;
  Room(int64_t rows, int64_t columns)
      : width(padded<T>(columns)), values(static_cast<size_t>(rows * width)) {}
  T* row(int64_t i) { return values.data() + i * width; }
  Rows<T> rows(int64_t first = 0) { return {row(first), width}; }
  Rows<const T> read() { return {row(0), width}; }
};

/// Where one head of one image begins in q, k, v, and in the output or its gradient.
struct Place {
  int64_t query, key, out;
  template <class T>
  HWY_INLINE Place(const ImageAttention<T>& in, int64_t index) {
    const int64_t image = index / in.heads, offset = index % in.heads * in.head_width;
    query = image * in.queries * in.q_stride + offset;
    key = image * in.keys * in.kv_stride + offset;
    out = image * in.queries * in.heads * in.head_width + offset;
  }
};

/// Heads [begin, end) of all images' heads, image by image.
template <class T>
void attend_heads(const ImageAttention<T>& in, int64_t begin, int64_t end, T* out) {
  const int64_t d = in.head_width, out_stride = in.heads * d;
  const T scale = T(1) / std::sqrt(static_cast<T>(d));
  Room<T> keys(d, in.keys), values(in.keys, d);  // the keys transposed
  Room<T> scores(kTile, in.keys), seen(kTile, d);
  for (int64_t index = begin; index < end; ++index) {
    const Place at(in, index);
    transpose<T>({in.k + at.key, in.kv_stride}, in.keys, d, keys.rows());
    copy_rows<T>({in.v + at.key, in.kv_stride}, in.keys, d, values.rows());
    for_tiles(in.queries, [&](auto count, int64_t i) HWY_ATTR {
      constexpr int R = decltype(count)::value;
      multiply_rows<R, T>({in.q + at.query + i * in.q_stride, in.q_stride, 1}, keys.read(), d,
                          scores.rows(), scores.width);
      for (int r = 0; r < R; ++r) scaled_softmax(scores.row(r), in.keys, scale);
      multiply_rows<R, T>({scores.row(0), scores.width, 1}, values.read(), in.keys, seen.rows(),
                          seen.width);
      copy_rows<T>(seen.read(), R, d, {out + at.out + i * out_stride, out_stride});
    });
  }
}

/// ds = p ∘ (dp − ⟨p, dp⟩) · scale, where dp was
template <class T>
HWY_INLINE void softmax_backward(const T* p, T* dp, int64_t n, T scale) {
  Sum<T> sum;
  for_lanes<T>(n, [&](auto d, int64_t j)
                      HWY_ATTR { sum.add(d, hn::Mul(hn::LoadU(d, p + j), hn::LoadU(d, dp + j))); });
  const T mean = sum.total();
  for_lanes<T>(n, [&](auto d, int64_t j) HWY_ATTR {
    const auto centred = hn::Sub(hn::LoadU(d, dp + j), hn::Set(d, mean));
    const auto scaled = hn::Mul(hn::LoadU(d, p + j), hn::Set(d, scale));
    hn::StoreU(hn::Mul(scaled, centred), d, dp + j);
  });
}

/// What the way back of one head works on.
template <class T>
struct BackwardRoom {
  Room<T> queries, keys, grads;        // (queries, d), (keys, d), (queries, d)
  Room<T> keys_across, values_across;  // (d, keys)
  Room<T> probabilities, scores;       // (queries, keys); of the scores: their gradient
  Room<T> tile;                        // (kTile, d)

  explicit BackwardRoom(const ImageAttention<T>& in)
      : queries(in.queries, in.head_width),
        keys(in.keys, in.head_width),
        grads(in.queries, in.head_width),
        keys_across(in.head_width, in.keys),
        values_across(in.head_width, in.keys),
        probabilities(in.queries, in.keys),
        scores(in.queries, in.keys),
        tile(kTile, in.head_width) {}

  void load(const ImageAttention<T>& in, const Place& at, const T* out_grad) {
    const int64_t d = in.head_width;
    copy_rows<T>({in.q + at.query, in.q_stride}, in.queries, d, queries.rows());
    copy_rows<T>({in.k + at.key, in.kv_stride}, in.keys, d, keys.rows());
    copy_rows<T>({out_grad + at.out, in.heads * d}, in.queries, d, grads.rows());
    transpose<T>(keys.read(), in.keys, d, keys_across.rows());
    transpose<T>({in.v + at.key, in.kv_stride}, in.keys, d, values_across.rows());
  }
};

/// `attend_heads` on its way back.
template <class T>
void attend_heads_backward(const ImageAttention<T>& in, int64_t begin, int64_t end,
                           const T* out_grad, const ImageAttentionGradients<T>& into) {
  const int64_t d = in.head_width;
  const T scale = T(1) / std::sqrt(static_cast<T>(d));
  BackwardRoom<T> room(in);
  Room<T>&p = room.probabilities, &ds = room.scores, &tile = room.tile;
  for (int64_t index = begin; index < end; ++index) {
    const Place at(in, index);
    room.load(in, at, out_grad);
    for_tiles(in.queries, [&](auto count, int64_t i) HWY_ATTR {
      constexpr int R = decltype(count)::value;
      multiply_rows<R, T>({room.queries.row(i), room.queries.width, 1}, room.keys_across.read(), d,
                          p.rows(i), p.width);
      multiply_rows<R, T>({room.grads.row(i), room.grads.width, 1}, room.values_across.read(), d,
                          ds.rows(i), ds.width);
      for (int r = 0; r < R; ++r) {
        scaled_softmax(p.row(i + r), in.keys, scale);
        softmax_backward(p.row(i + r), ds.row(i + r), in.keys, scale);
      }
      multiply_rows<R, T>({ds.row(i), ds.width, 1}, room.keys.read(), in.keys, tile.rows(),
                          tile.width);
      copy_rows<T>(tile.read(), R, d, {into.q + at.query + i * in.q_stride, in.q_stride});
    });
    for_tiles(in.keys, [&](auto count, int64_t j) HWY_ATTR {
      constexpr int R = decltype(count)::value;
      const int64_t key = at.key + j * in.kv_stride;
      multiply_rows<R, T>({ds.row(0) + j, 1, ds.width}, room.queries.read(), in.queries,
                          tile.rows(), tile.width);
      copy_rows<T>(tile.read(), R, d, {into.k + key, in.kv_stride});
      multiply_rows<R, T>({p.row(0) + j, 1, p.width}, room.grads.read(), in.queries, tile.rows(),
                          tile.width);
      copy_rows<T>(tile.read(), R, d, {into.v + key, in.kv_stride});
    });
  }
}

void heads_float(const ImageAttention<float>& in, int64_t begin, int64_t end, float* out) {
  attend_heads(in, begin, end, out);
}
void heads_double(const ImageAttention<double>& in, int64_t begin, int64_t end, double* out) {
  attend_heads(in, begin, end, out);
}
void heads_back_float(const ImageAttention<float>& in, int64_t begin, int64_t end,
                      const float* out_grad, const ImageAttentionGradients<float>& into) {
  attend_heads_backward(in, begin, end, out_grad, into);
}
void heads_back_double(const ImageAttention<double>& in, int64_t begin, int64_t end,
                       const double* out_grad, const ImageAttentionGradients<double>& into) {
  attend_heads_backward(in, begin, end, out_grad, into);
}

}  // namespace HWY_NAMESPACE
}  // namespace qprompt::engine
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace qprompt::engine {
namespace {
HWY_EXPORT(heads_float);
HWY_EXPORT(heads_double);
HWY_EXPORT(heads_back_float);
HWY_EXPORT(heads_back_double);

/// No two heads touch the same columns of the same image, so threads need no lock.
template <class T, class F>
void for_heads(const ImageAttention<T>& in, F&& f) {
  at::parallel_for(0, in.images * in.heads, 1, f);
}

}  // namespace

template <>
void attend_within_images(const ImageAttention<float>& in, float* out) {
  const auto run = HWY_DYNAMIC_DISPATCH(heads_float);
  for_heads(in, [&](int64_t begin, int64_t end) { run(in, begin, end, out); });
}

template <>
void attend_within_images(const ImageAttention<double>& in, double* out) {
  const auto run = HWY_DYNAMIC_DISPATCH(heads_double);
  for_heads(in, [&](int64_t begin, int64_t end) { run(in, begin, end, out); });
}

template <>
void attend_within_images_backward(const ImageAttention<float>& in, const float* out_grad,
                                   const ImageAttentionGradients<float>& grads) {
  const auto run = HWY_DYNAMIC_DISPATCH(heads_back_float);
  for_heads(in, [&](int64_t begin, int64_t end) { run(in, begin, end, out_grad, grads); });
}

template <>
void attend_within_images_backward(const ImageAttention<double>& in, const double* out_grad,
                                   const ImageAttentionGradients<double>& grads) {
  const auto run = HWY_DYNAMIC_DISPATCH(heads_back_double);
  for_heads(in, [&](int64_t begin, int64_t end) { run(in, begin, end, out_grad, grads); });
}

}  // namespace qprompt::engine
#endif
