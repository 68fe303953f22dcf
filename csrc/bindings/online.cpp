#include <pybind11/stl.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "bindings/arrays.hpp"
#include "bindings/bindings.hpp"
#include "core/network.hpp"

namespace pylinear::bindings {

namespace {

/// The value whose name stands at the same place in `names`.
template <class E, std::size_t N>
E named(const std::string& name, const std::array<const char*, N>& names) {
  for (std::size_t i = 0; i < N; ++i) {
    if (name == names[i]) return static_cast<E>(i);
  }
  throw std::invalid_argument("unknown name: " + name);
}

// In the order of the enumerations.
constexpr std::array kRoutes{"blocked", "fused"};
constexpr std::array kUpdates{"online", "batch"};
constexpr std::array kOrders{"cyclic", "reshuffled", "with_replacement", "given"};
constexpr std::array kStatuses{"ok", "diverged", "interrupted"};

template <class T>
std::shared_ptr<TrainingSet<T>> make_training_set(const ArrayArg<T>& outputs, const std::optional<ArrayArg<T>>& inputs,
                                                  const ArrayArg<double>& input_squares,
                                                  const ArrayArg<T>& synthesizers, const ArrayArg<double>& coefficients,
                                                  Index n_features) {
  if (outputs.ndim() != 2 || synthesizers.ndim() != 2) throw std::invalid_argument("outputs and synthesizers: 2-D");
  const Index rows = outputs.shape(0), n_items = outputs.shape(1), n_modes = synthesizers.shape(1);
  const Index n_inputs = inputs && inputs->ndim() == 2 ? inputs->shape(1) : n_items;
  if (inputs) require_shape(*inputs, {n_items, n_inputs}, "inputs");
  require_shape(input_squares, {n_items}, "input_squares");
  require_shape(synthesizers, {rows, n_modes}, "synthesizers");
  require_shape(coefficients, {n_items, n_modes}, "coefficients");
  // The network may be the last to let go of the arrays, on any thread.
  auto kept = std::shared_ptr<std::array<py::object, 5>>(
      new std::array<py::object, 5>{outputs, inputs ? py::object(*inputs) : py::none(), input_squares, synthesizers,
                                    coefficients},
      [](std::array<py::object, 5>* arrays) {
        const py::gil_scoped_acquire gil;
        delete arrays;
      });
  return std::make_shared<TrainingSet<T>>(TrainingSet<T>{n_items, n_inputs, n_features, n_modes, rows, outputs.data(),
                                                         inputs ? inputs->data() : nullptr, input_squares.data(),
                                                         synthesizers.data(), coefficients.data(), std::move(kept)});
}

template <class T>
Index n_rows(const Network<T>& network) {
  return network.rows().end - network.rows().first;
}

/// Calls gather([buffer, (counts, displacements)]), as mpi4py takes it. Nothing of Python runs here but that call: a
/// signal handler that raised between the processes' calls would leave one of them waiting for the other.
Group make_group(int rank, int size, const py::object& gather) {
  if (size == 1) return {};
  return {rank, size, [gather](std::byte* buffer, const std::vector<Index>& bounds) {
            std::vector<Index> counts;
            for (std::size_t r = 0; r + 1 < bounds.size(); ++r) counts.push_back(bounds[r + 1] - bounds[r]);
            const py::gil_scoped_acquire gil;
            const py::error_scope stopped;  // what a handler has raised is told when all processes have stopped
            py::list message;
            message.append(py::memoryview::from_memory(buffer, bounds.back()));
            message.append(py::make_tuple(counts, std::vector<Index>(bounds.begin(), bounds.end() - 1)));
            gather(message);
          }};
}

Schedule make_schedule(const std::string& order, Index n_items, std::uint64_t key, const ArrayArg<std::int64_t>& given,
                       std::uint64_t shift) {
  return {named<Order>(order, kOrders), n_items, make_key(key),
          std::vector<Index>(given.data(), given.data() + given.size()), shift};
}

/// W32 or the lower layer as an array in the place where it is, which keeps the network.
template <class T>
py::array_t<T> view(T* data, Index rows, const Network<T>& network, const py::object& owner) {
  const auto size = static_cast<Index>(sizeof(T));
  return {{rows, network.hidden()}, {network.stride() * size, size}, data, owner};
}

template <class T>
py::array_t<T> copy_out(const T* from, Index rows, const Network<T>& network) {
  py::array_t<T> to({rows, network.hidden()});
  for (Index i = 0; i < rows; ++i) {
    std::copy_n(from + i * network.stride(), network.hidden(), to.mutable_data() + i * network.hidden());
  }
  return to;
}

template <class T>
std::unique_ptr<Network<T>> make_network(std::shared_ptr<TrainingSet<T>> data, const std::string& route,
                                         const std::string& update, Index hidden, double rate, const std::string& order,
                                         std::uint64_t key, const ArrayArg<std::int64_t>& given, std::uint64_t shift,
                                         int rank, int ranks, const py::object& gather) {
  Schedule schedule = make_schedule(order, data->n_items, key, given, shift);
  return std::make_unique<Network<T>>(std::move(data), named<Route>(route, kRoutes), named<Update>(update, kUpdates),
                                      hidden, rate, std::move(schedule), make_group(rank, ranks, gather));
}

/// The pointer to an optional output array of T x rows x columns.
template <class A>
auto output(std::optional<A>& array, std::initializer_list<Index> shape, const char* name) {
  if (!array) return static_cast<decltype(array->mutable_data())>(nullptr);
  require_shape(*array, shape, name);
  return array->mutable_data();
}

template <class T>
Network<T>& settled(Network<T>& network) {
  Stop stop = make_stop(nullptr);
  {
    const py::gil_scoped_release release;
    network.settle(stop);
  }
  rethrow_signal();
  return network;
}

template <class T>
using OptionalArray = std::optional<ArrayArg<T>>;

template <class T>
std::pair<Index, std::string> record(Network<T>& network, const ArrayArg<std::int64_t>& presentations, int threads,
                                     const StopFlag& flag, OptionalArray<double> mode_strengths,
                                     OptionalArray<double> loss, OptionalArray<T> hidden, OptionalArray<T> lower,
                                     OptionalArray<T> w32) {
  const Index n = presentations.size();
  const TrainingSet<T>& data = network.data();
  if (mode_strengths.has_value() != loss.has_value()) throw std::invalid_argument("mode strengths go with the loss");
  Record<T> to{std::vector<std::uint64_t>(presentations.data(), presentations.data() + n),
               output(mode_strengths, {n, data.n_modes}, "mode_strengths"),
               output(loss, {n}, "loss"),
               output(hidden, {n, data.n_items, network.hidden()}, "hidden"),
               output(lower, {n, network.lower_rows(), network.hidden()}, "lower"),
               output(w32, {n, n_rows(network), network.hidden()}, "w32")};
  Stop stop = make_stop(&flag);
  Status status;
  {
    const py::gil_scoped_release release;
    status = network.record(to, threads, stop);
  }
  rethrow_signal();
  return {to.done, kStatuses[static_cast<std::size_t>(status)]};
}

template <class T>
void bind_network(py::module_& module, const char* set_name, const char* network_name) {
  py::class_<TrainingSet<T>, std::shared_ptr<TrainingSet<T>>> set(module, set_name);
  bind_construction(set, &make_training_set<T>, py::arg("outputs").noconvert(), py::arg("inputs").noconvert(),
                    py::arg("input_squares").noconvert(), py::arg("synthesizers").noconvert(),
                    py::arg("coefficients").noconvert(), py::arg("n_features"));

  py::class_<Network<T>> network_class(module, network_name);
  bind_construction(network_class, &make_network<T>, py::arg("data"), py::arg("route"), py::arg("update"),
                    py::arg("hidden"), py::arg("rate"), py::arg("order"), py::arg("key"), py::arg("given").noconvert(),
                    py::arg("shift"), py::arg("rank") = 0, py::arg("ranks") = 1, py::arg("gather") = py::none(),
                    "All weights are 0 at first.");
  network_class
      .def_static(
          "bytes",
          [](const std::string& route, const std::string& update, Index n_features, Index n_items, Index n_inputs,
             Index hidden, int threads, int processes) {
            return Network<T>::bytes(named<Route>(route, kRoutes), named<Update>(update, kUpdates), n_features, n_items,
                                     n_inputs, hidden, threads, processes);
          },
          py::arg("route"), py::arg("update"), py::arg("n_features"), py::arg("n_items"), py::arg("n_inputs"),
          py::arg("hidden"), py::arg("threads"), py::arg("processes"),
          "Bytes that a network of these sizes takes at the most.")
      .def_property_readonly("position", [](Network<T>& n) { return settled(n).position(); })
      .def("lower", [](Network<T>& n) { return copy_out(settled(n).lower(), n.lower_rows(), n); })
      .def("w32", [](Network<T>& n) { return copy_out(settled(n).w32(), n_rows(n), n); })
      .def_property_readonly(
          "standing", [](const Network<T>& n) { return n.standing(); },
          "The position when what a stopped call has begun is ended; it is not ended by this.")
      .def_property_readonly(
          "reached", [](const Network<T>& n) { return n.reached(); },
          "Presentations so far, also of a call that is under way in another thread.")
      .def(
          "views",
          [](py::object self) {
            auto& n = settled(self.cast<Network<T>&>());
            return py::make_tuple(view(n.lower(), n.lower_rows(), n, self), view(n.w32(), n_rows(n), n, self));
          },
          "The lower layer and W32 in their place. After writing to them, call weights_changed.")
      .def(
          "weights_changed",
          [](Network<T>& n) {
            settled(n);
            const py::gil_scoped_release release;
            n.weights_changed();
            return std::pair(n.state().w32_norm, n.state().lower_norm);
          },
          "The norms of W32 and of the lower layer, which are finite if all weights are.")
      .def(
          "begin",
          [](Network<T>& n, std::uint64_t position, const StopFlag& flag) {
            Stop stop = make_stop(&flag);
            bool complete;
            {
              const py::gil_scoped_release release;
              complete = n.weights_changed(stop);
            }
            rethrow_signal();
            const State state = n.state();
            n.set_state({position, position, state.w32_norm, state.lower_norm});
            return complete;
          },
          py::arg("position"), py::arg("stop"),
          "Stand at a position with the weights that have been written. False if it was stopped: then to be called"
          " again.")
      .def(
          "set_rate", [](Network<T>& n, double rate) { settled(n).set_rate(rate); }, py::arg("rate"))
      .def(
          "set_order",
          [](Network<T>& n, const std::string& order, std::uint64_t key, const ArrayArg<std::int64_t>& given,
             std::uint64_t shift) {
            settled(n).set_schedule(make_schedule(order, n.data().n_items, key, given, shift));
          },
          py::arg("order"), py::arg("key"), py::arg("given").noconvert(), py::arg("shift"))
      .def(
          "state",
          [](Network<T>& n) {
            const State state = settled(n).state();
            return py::make_tuple(state.position, state.until, state.w32_norm, state.lower_norm,
                                  copy_out(n.state_lower(), n.lower_rows(), n), copy_out(n.state_w32(), n_rows(n), n));
          },
          "What a network goes on from to the last bit: position, until, norms, lower layer, W32.")
      .def(
          "set_state",
          [](Network<T>& n, std::uint64_t position, double w32_norm, double lower_norm) {
            n.set_state({position, position, w32_norm, lower_norm});
          },
          py::arg("position"), py::arg("w32_norm"), py::arg("lower_norm"),
          "Go back to a state whose weights the network has been made with.")
      .def("record", &record<T>, py::arg("presentations").noconvert(), py::kw_only(), py::arg("threads"),
           py::arg("stop"), py::arg("mode_strengths").noconvert() = std::nullopt,
           py::arg("loss").noconvert() = std::nullopt, py::arg("hidden").noconvert() = std::nullopt,
           py::arg("lower").noconvert() = std::nullopt, py::arg("w32").noconvert() = std::nullopt,
           "Advance to each presentation in turn and write what is asked for into row t of the arrays given.");
}

}  // namespace

void register_online(py::module_& module) {
  module.attr("longest_block") = kLongestBlock;
  module.def(
      "rows_of",
      [](Index n_features, int rank, int ranks) {
        const Rows rows = rows_of(n_features, {rank, ranks});
        return std::pair(rows.first, rows.end);
      },
      py::arg("n_features"), py::arg("rank"), py::arg("ranks"), "The rows of W32 that one of several processes has.");
  bind_network<double>(module, "TrainingSet64", "Network64");
  bind_network<float>(module, "TrainingSet32", "Network32");
}

}  // namespace pylinear::bindings
