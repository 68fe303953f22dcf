// The kernels on packed signs, included once per instruction set with
//   PYLINEAR_BITS_TABLE   the name of the table's accessor
//   PYLINEAR_BYTES        bytes of a vector register
// Everything but the accessor lives in an unnamed namespace, for the reason that kernels.inl states.

#include <bit>
#include <cstring>

#ifdef __SSE2__
#include <immintrin.h>
#endif

#include "kernels/bits.hpp"

namespace pylinear {
namespace {

typedef std::uint64_t Words __attribute__((vector_size(PYLINEAR_BYTES)));
/// The same anywhere in an array of words. For access alone: `auto` and template arguments drop the attributes.
typedef std::uint64_t WordsInMemory __attribute__((vector_size(PYLINEAR_BYTES), aligned(8), may_alias));
constexpr Index kWords = PYLINEAR_BYTES / 8;
constexpr std::uint64_t kLow = 0xFFFFFFFF;

WordsInMemory& words_at(std::uint64_t* p) noexcept { return *reinterpret_cast<WordsInMemory*>(p); }
const WordsInMemory& words_at(const std::uint64_t* p) noexcept { return *reinterpret_cast<const WordsInMemory*>(p); }

/// The products of the low halves of the lanes. GCC does not see the instruction in the plain expression, with which
/// the sampler takes 1.6 times as long with AVX-512, 2.4 with AVX2 and 3.6 with SSE2.
Words product_of_low_halves(Words a, Words b) noexcept {
#if PYLINEAR_BYTES == 64
  // With a mask, because GCC 12 warns of the uninitialised operand inside its plain intrinsic.
  return reinterpret_cast<Words>(
      _mm512_maskz_mul_epu32(0xFF, reinterpret_cast<__m512i>(a), reinterpret_cast<__m512i>(b)));
#elif PYLINEAR_BYTES == 32
  return reinterpret_cast<Words>(_mm256_mul_epu32(reinterpret_cast<__m256i>(a), reinterpret_cast<__m256i>(b)));
#elif defined __SSE2__
  return reinterpret_cast<Words>(_mm_mul_epu32(reinterpret_cast<__m128i>(a), reinterpret_cast<__m128i>(b)));
#else
  return (a & kLow) * (b & kLow);
#endif
}

/// The keys of the ten rounds, in every lane.
struct Rounds {
  Words key[10][2];
  explicit Rounds(const std::uint32_t (&start)[2]) noexcept {
    std::uint32_t left = start[0], right = start[1];
    for (auto& round : key) {
      round[0] = left - Words{};
      round[1] = right - Words{};
      left += 0x9E3779B9;
      right += 0xBB67AE85;
    }
  }
};

/// Philox4x32-10 (core/rng.hpp) of `Calls` counters in every lane, together because one alone waits for its products.
/// The words are the low halves of x[call][0..3]; what is above them is left as it falls, since no product reads it.
template <int Calls>
void philox_lanes(const Rounds& rounds, Words (&x)[Calls][4]) noexcept {
#pragma GCC unroll 16
  for (int round = 0; round < 10; ++round) {
#pragma GCC unroll 16
    for (int c = 0; c < Calls; ++c) {
      const Words left = product_of_low_halves(x[c][0], 0xD2511F53 - Words{});
      const Words right = product_of_low_halves(x[c][2], 0xCD9E8D57 - Words{});
      x[c][0] = (right >> 32) ^ x[c][1] ^ rounds.key[round][0];
      x[c][1] = right;
      x[c][2] = (left >> 32) ^ x[c][3] ^ rounds.key[round][1];
      x[c][3] = left;
    }
  }
}

/// Compares the next 2 * Calls bits of 64 uniform binary fractions a lane with those of the threshold, from its top.
/// At a set bit of the threshold a fraction that draws 0 is below it, at a clear bit one that draws 1 is above it, and
/// all others stay undecided.
template <int Calls>
void compare(const Words (&x)[Calls][4], std::uint64_t threshold, Words& below, Words& undecided) noexcept {
#pragma GCC unroll 16
  for (int c = 0; c < Calls; ++c) {
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      const Words draw = (x[c][2 * half] & kLow) | x[c][2 * half + 1] << 32;
      if (threshold >> 63) {
        below |= undecided & ~draw;
        undecided &= draw;
      } else {
        undecided &= ~draw;
      }
      threshold <<= 1;
    }
  }
}

// One word in seventeen has undecided bits after the ten draws of five calls (four or six calls are slower).
// Those of a batch of nodes are gathered, so that lanes are full again and no decided one is carried along.
constexpr int kFirstCalls = 5;
constexpr Index kBatch = 64;

/// Draws on for the words of a batch of nodes that are undecided after kFirstCalls calls.
void decide(const Descent& d, const Rounds& rounds, Index batch, Index n, const std::uint64_t* undecided) noexcept {
  std::uint16_t open[kBatch * kGroup + kWords];
  Index n_open = 0;
  for (Index i = 0; i < n * kGroup; ++i) {
    open[n_open] = static_cast<std::uint16_t>(i);
    n_open += undecided[i] != 0;
  }
  for (Index e = 0; e < n_open; e += kWords) {
    const Index lanes = n_open - e < kWords ? n_open - e : kWords;
    std::uint64_t low[kWords] = {}, high[kWords] = {}, node[kWords] = {}, bits[kWords] = {}, flips[kWords];
    for (Index l = 0; l < lanes; ++l) {
      const Index i = open[e + l];
      const std::uint64_t block = d.first_block + static_cast<std::uint64_t>(i % kGroup);
      low[l] = block & kLow;
      high[l] = block >> 32;
      node[l] = d.first_node + static_cast<std::uint64_t>(batch + i / kGroup);
      bits[l] = undecided[i];
    }
    Words below{}, left = words_at(bits);
    std::uint64_t threshold = d.threshold << 2 * kFirstCalls, any = 1;
    for (std::uint64_t call = kFirstCalls; threshold != 0 && any != 0; call += 2, threshold <<= 4) {
      Words x[2][4] = {{words_at(low), words_at(high), words_at(node), call - Words{}},
                       {words_at(low), words_at(high), words_at(node), call + 1 - Words{}}};
      philox_lanes(rounds, x);
      compare(x, threshold, below, left);
      any = 0;
      for (Index l = 0; l < kWords; ++l) any |= left[l];
    }
    words_at(flips) = below;
    for (Index l = 0; l < lanes; ++l) {
      const Index i = open[e + l];
      d.children[(batch + i / kGroup) * d.stride + i % kGroup] ^= flips[l];
    }
  }
}

/// The first calls for a batch of nodes, which decide most of their flips; the rest is left in `undecided`.
template <int Calls>
void descend_batch(const Descent& d, const Rounds& rounds, Index batch, Index n, std::uint64_t* undecided) noexcept {
  for (Index v = 0; v < kGroup; v += kWords) {
    Words block{};
    for (Index l = 0; l < kWords; ++l) block[l] = d.first_block + static_cast<std::uint64_t>(v + l);
    for (Index c = 0; c < n; ++c) {
      Words x[Calls][4];
      const std::uint64_t node = d.first_node + static_cast<std::uint64_t>(batch + c);
#pragma GCC unroll 16
      for (int call = 0; call < Calls; ++call) {
        x[call][0] = block;
        x[call][1] = block >> 32;
        x[call][2] = node - Words{};
        x[call][3] = static_cast<std::uint64_t>(call) - Words{};
      }
      philox_lanes(rounds, x);
      Words below{}, left = ~Words{};
      compare(x, d.threshold, below, left);
      words_at(undecided + c * kGroup + v) = left;
      words_at(d.children + (batch + c) * d.stride + v) =
          words_at(d.parents + (batch + c) / d.branching * d.stride + v) ^ below;
    }
  }
}

void descend(const Descent& d) noexcept {
  const Rounds rounds(d.key);
  // Bits of the threshold that matter: below the last that is set, no fraction gets below it any more.
  const int bits = d.threshold == 0 ? 0 : 64 - std::countr_zero(d.threshold);
  alignas(64) std::uint64_t undecided[kBatch * kGroup];
  for (Index batch = d.begin; batch < d.end; batch += kBatch) {
    const Index n = d.end - batch < kBatch ? d.end - batch : kBatch;
    if (bits <= 2) {
      descend_batch<1>(d, rounds, batch, n, undecided);
    } else {
      descend_batch<kFirstCalls>(d, rounds, batch, n, undecided);
      if (bits > 2 * kFirstCalls) decide(d, rounds, batch, n, undecided);
    }
  }
}

/// Transposes 8 x 8 bytes: byte i of word j becomes byte j of word i. Warren, "Hacker's Delight", section 7-3.
void transpose_bytes(std::uint64_t (&x)[8]) noexcept {
  constexpr std::uint64_t masks[] = {0x00FF00FF00FF00FF, 0x0000FFFF0000FFFF, 0x00000000FFFFFFFF};
#pragma GCC unroll 3
  for (int stage = 0; stage < 3; ++stage) {
    const int apart = 1 << stage, shift = 8 * apart;
#pragma GCC unroll 8
    for (int i = 0; i < 8; ++i) {
      if ((i & apart) != 0) continue;
      const std::uint64_t swap = ((x[i] >> shift) ^ x[i + apart]) & masks[stage];
      x[i + apart] ^= swap;
      x[i] ^= swap << shift;
    }
  }
}

// Eight items to a word, a byte each, whose bits are the signs of eight features.
void write_bytes(const std::uint64_t* words, Index stride, Index items, unsigned from, unsigned to, std::int8_t* out,
                 Index row) noexcept {
  static_assert(std::endian::native == std::endian::little);
  constexpr std::uint64_t each = 0x0101010101010101;
  std::uint64_t octets[8][kMostRowItems / 8];
  for (Index first = 0; first < items; first += 8) {
    std::uint64_t x[8];
    for (Index i = 0; i < 8; ++i) x[i] = first + i < items ? words[(first + i) * stride] : 0;
    transpose_bytes(x);
    for (Index octet = 0; octet < 8; ++octet) octets[octet][first / 8] = x[octet];
  }
  for (unsigned k = from; k < to; ++k, out += row) {
    const std::uint64_t* octet = octets[k / 8];
    const auto signs = [&](Index i) {
      const std::uint64_t set = octet[i] >> k % 8 & each;
      return ((set << 8) - set) | each;  // 0xFF where a bit is set
    };
    for (Index i = 0; i < items / 8; ++i) {
      const std::uint64_t eight = signs(i);
      std::memcpy(out + 8 * i, &eight, 8);
    }
    if (items % 8 != 0) {
      std::uint64_t rest = signs(items / 8);
      for (Index i = items / 8 * 8; i < items; ++i, rest >>= 8) out[i] = static_cast<std::int8_t>(rest);
    }
  }
}

// The sign bit of 1.0, moved there in an integer of the same size.
template <class T, class Bits>
void write_floats(const std::uint64_t* words, Index stride, Index items, unsigned from, unsigned to, T* out,
                  Index row) noexcept {
  constexpr unsigned size = 8 * sizeof(T);
  constexpr Bits one = std::bit_cast<Bits>(T{1});
  Bits part[kMostRowItems];
  for (unsigned k = from; k < to; ++k, out += row) {
    if (k == from || k % size == 0) {
      for (Index i = 0; i < items; ++i) part[i] = static_cast<Bits>(words[i * stride] >> k / size * size);
    }
    for (Index i = 0; i < items; ++i) {
      const Bits entry = part[i] >> k % size << (size - 1) | one;
      std::memcpy(out + i, &entry, sizeof(T));
    }
  }
}

/// Adds three bits of one weight in every place: the sum stays in `sum`, the carry is returned.
Words carry(Words& sum, Words a, Words b) noexcept {
  const Words half = a ^ b;
  const Words out = (a & b) | (half & sum);
  sum ^= half;
  return out;
}

/// The number of set bits of every byte.
Words count_bytes(Words x) noexcept {
  x -= x >> 1 & 0x5555555555555555;
  x = (x & 0x3333333333333333) + (x >> 2 & 0x3333333333333333);
  return (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0F;
}

std::int64_t sum_of_lanes(Words x) noexcept {
  std::uint64_t total = 0;
  for (Index l = 0; l < kWords; ++l) total += x[l];
  return static_cast<std::int64_t>(total);
}

std::int64_t sum_of_bytes(Words x) noexcept {
  x = (x & 0x00FF00FF00FF00FF) + (x >> 8 & 0x00FF00FF00FF00FF);
  x += x >> 32;
  return sum_of_lanes((x + (x >> 16)) & 0xFFFF);
}

/// Bits in which two items differ. Sixteen vectors at a time are added up as binary numbers, bit place by bit place, by
/// Harley and Seal's tree of carry-save adders, so that few bits are counted: Mula, Kurz & Lemire, "Faster population
/// counts using AVX2 instructions", The Computer Journal 61 (2018).
std::int64_t differences(const std::uint64_t* a, const std::uint64_t* b, Index depth) noexcept {
  static_assert(kPairsDepth % (16 * kWords) == 0);
  static_assert(8 * kMostPairsDepth / (16 * kWords) <= 255, "the counts of the sixteens must fit in their bytes");
  Words ones{}, twos{}, fours{}, eights{}, sixteens{};
  for (Index k = 0; k < depth; k += 16 * kWords) {
    Words eight[2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      Words four[2];
#pragma GCC unroll 2
      for (int j = 0; j < 2; ++j) {
        Words two[2];
#pragma GCC unroll 2
        for (int h = 0; h < 2; ++h) {
          const Index at = k + (8 * i + 4 * j + 2 * h) * kWords;
          two[h] =
              carry(ones, words_at(a + at) ^ words_at(b + at), words_at(a + at + kWords) ^ words_at(b + at + kWords));
        }
        four[j] = carry(twos, two[0], two[1]);
      }
      eight[i] = carry(fours, four[0], four[1]);
    }
    sixteens += count_bytes(carry(eights, eight[0], eight[1]));
  }
  const Words rest = count_bytes(ones) + 2 * count_bytes(twos) + 4 * count_bytes(fours) + 8 * count_bytes(eights);
  return 16 * sum_of_bytes(sixteens) + sum_of_bytes(rest);
}

#if PYLINEAR_BYTES == 64
/// The same with an instruction that not all processors of this set have: in half the time.
__attribute__((target("avx512vpopcntdq"))) std::int64_t differences_by_popcount(const std::uint64_t* a,
                                                                                const std::uint64_t* b,
                                                                                Index depth) noexcept {
  static_assert(kPairsDepth % (4 * kWords) == 0);
  Words counts[4] = {};
  for (Index k = 0; k < depth; k += 4 * kWords) {
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const Words differ = words_at(a + k + i * kWords) ^ words_at(b + k + i * kWords);
      counts[i] += reinterpret_cast<Words>(_mm512_popcnt_epi64(reinterpret_cast<__m512i>(differ)));
    }
  }
  return sum_of_lanes(counts[0] + counts[1] + counts[2] + counts[3]);
}
#endif

template <std::int64_t (*Differences)(const std::uint64_t*, const std::uint64_t*, Index) noexcept>
void count_differences(const Pairs& p) noexcept {
  for (Index j = p.first_j; j < p.end_j; ++j) {
    const Index end = p.end_i < j ? p.end_i : j;
    for (Index i = p.first_i; i < end; ++i) {
      p.counts[i * p.row + j] += Differences(p.words + i * p.stride, p.words + j * p.stride, p.depth);
    }
  }
}

template <std::int64_t (*Differences)(const std::uint64_t*, const std::uint64_t*, Index) noexcept>
constexpr BitKernels kBitTable{descend,
                               {write_bytes, write_floats<float, std::uint32_t>, write_floats<double, std::uint64_t>},
                               count_differences<Differences>};

}  // namespace

const BitKernels& PYLINEAR_BITS_TABLE() { return kBitTable<differences>; }
#if PYLINEAR_BYTES == 64
const BitKernels& bit_kernels_avx512_popcount() { return kBitTable<differences_by_popcount>; }
#endif

}  // namespace pylinear
