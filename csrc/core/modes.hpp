#pragma once

#include <memory>
#include <vector>

#include "core/network.hpp"

namespace pylinear {

/// Singular value decomposition outputs = U diag(s) V^T, for items with one-hot inputs: what a network learns.
///
/// The first of the largest entries of each column of V is positive. Among modes of one strength, any basis of their
/// subspace may come. Modes below 1e-7 of the strongest are roundoff and left out.
struct Modes {
  std::vector<double> s;  // association strengths, decreasing
  std::vector<double> v;  // n_items x n_modes: column alpha says where each item stands on mode alpha

  Index n_modes() const { return static_cast<Index>(s.size()); }
};

/// The modes of outputs, n_features x n_items, in time that grows with n_features n_items^2 and n_items^3.
template <class T>
Modes modes_of(const std::vector<T>& outputs, Index n_items);

/// A training set with one-hot inputs that keeps its arrays, outputs being n_features x n_items; networks that learn it
/// record the strengths of `modes`.
template <class T>
std::shared_ptr<const TrainingSet<T>> one_hot_set(std::vector<T> outputs, Index n_items, const Modes& modes);

}  // namespace pylinear
