// A network learns a tree of four items, one presentation at a time, and this prints how its modes grow.
//
//   mode_strengths [SEED]
//
// Lines that begin with # are the modes of what is learned: strength, and where each item stands. A table in CSV
// follows. The features, the order of presentation and the arithmetic are Python's: with the same seed, the same
// weights to begin with and the same modes, pylinear.Simulation has these numbers to the last digit.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <pylinear/pylinear.hpp>
#include <thread>
#include <vector>

namespace {

using pylinear::Index;
using pylinear::Network;

constexpr double kFlip = 0.1;
constexpr Index kFeatures = 10'000, kHidden = 16;
constexpr double kRate = 3e-4;
constexpr double kScale = 2e-3;  // initial weights are less than this, of either sign
constexpr std::uint64_t kEpochs = 700, kEvery = 50;

std::optional<std::uint64_t> parse_seed(const char* text) {
  std::uint64_t seed;
  const char* end = text + std::strlen(text);
  const auto [stopped, error] = std::from_chars(text, end, seed);
  if (error != std::errc{} || stopped != end) return std::nullopt;
  return seed;
}

/// Fills a layer with weights that depend on the key, the layer's number, the row and the hidden unit alone.
void draw(double* weights, Index rows, const Network<double>& network, pylinear::Key key, std::uint32_t layer) {
  for (Index i = 0; i < rows; ++i) {
    for (Index j = 0; j < network.hidden(); ++j) {
      const auto words =
          pylinear::philox({static_cast<std::uint32_t>(j), static_cast<std::uint32_t>(i), layer, 0}, key);
      weights[i * network.stride() + j] = kScale * (words[0] * 0x1p-31 - 1);
    }
  }
}

void print_modes(const pylinear::Modes& modes, Index n_items) {
  for (Index alpha = 0; alpha < modes.n_modes(); ++alpha) {
    std::printf("# mode %td, %.17g", alpha + 1, modes.s[static_cast<std::size_t>(alpha)]);
    for (Index p = 0; p < n_items; ++p) {
      std::printf(", %.17g", modes.v[static_cast<std::size_t>(p * modes.n_modes() + alpha)]);
    }
    std::printf("\n");
  }
}

void run(std::uint64_t seed) {
  const pylinear::Tree tree = pylinear::make_tree({2, 2}, kFlip);
  const Index n_items = tree.n_leaves();
  const int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  pylinear::Stop stop;  // with a flag, another thread could end what follows

  // What there is to learn: one row a feature, +1 or -1 for each item.
  std::vector<double> outputs(static_cast<std::size_t>(kFeatures * n_items));
  pylinear::sample({tree, pylinear::key_of(seed, pylinear::Use::diffusion), 0, kFeatures}, outputs.data(), threads,
                   stop);
  const pylinear::Modes modes = pylinear::modes_of(outputs, n_items);
  const auto data = pylinear::one_hot_set(std::move(outputs), n_items, modes);

  const auto order_key = pylinear::key_of(seed, pylinear::Use::order);
  Network<double> network(data, pylinear::Route::blocked, pylinear::Update::online, kHidden, kRate,
                          pylinear::Schedule(pylinear::Order::reshuffled, n_items, order_key));
  const auto weights_key = pylinear::key_of(seed, pylinear::Use::weights);
  draw(network.lower(), network.lower_rows(), network, weights_key, 0);
  draw(network.w32(), kFeatures, network, weights_key, 1);
  network.weights_changed();

  std::vector<std::uint64_t> presentations;
  for (std::uint64_t epoch = 0; epoch <= kEpochs; epoch += kEvery) {
    presentations.push_back(epoch * static_cast<std::uint64_t>(n_items));
  }
  std::vector<double> strengths(presentations.size() * modes.s.size()), loss(presentations.size());
  pylinear::Record<double> record{presentations, strengths.data(), loss.data(), nullptr, nullptr, nullptr};
  network.record(record, threads, stop);

  print_modes(modes, n_items);
  std::printf("epoch,loss");
  for (Index alpha = 0; alpha < modes.n_modes(); ++alpha) std::printf(",mode %td", alpha + 1);
  std::printf("\n");
  for (std::size_t t = 0; t < static_cast<std::size_t>(record.done); ++t) {
    std::printf("%g,%.17g", static_cast<double>(presentations[t]) / static_cast<double>(n_items), loss[t]);
    for (std::size_t alpha = 0; alpha < modes.s.size(); ++alpha) {
      std::printf(",%.17g", strengths[t * modes.s.size() + alpha]);
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::optional<std::uint64_t> seed = argc < 2 ? 0 : parse_seed(argv[1]);
  if (argc > 2 || !seed) {
    std::fprintf(stderr, "usage: %s [SEED], a whole number below 2^64; 0 without it\n", argv[0]);
    return 2;
  }
  try {
    run(*seed);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
  if (std::fflush(stdout) != 0) {
    std::perror("the table cannot be written");
    return 1;
  }
  return 0;
}
