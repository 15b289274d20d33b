// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/prevent_words.h"

#include <algorithm>

#include "capture/agent/unpack.h"

namespace vedette {
namespace {

constexpr size_t kRowElements = 11;

std::string text_of(Unpack& from) { return std::string(from.text().value_or("")); }

template <typename Read>
void each(Unpack& from, Read read) {
  const size_t count = from.array();
  for (size_t i = 0; i < count && !from.failed(); ++i) read();
}

void texts(Unpack& from, std::vector<std::string>& into) {
  each(from, [&] { into.push_back(text_of(from)); });
}

template <typename Number>
void numbers(Unpack& from, std::vector<Number>& into) {
  each(from, [&] { into.push_back(static_cast<Number>(from.number())); });
}

bool enforces(const PreventRow& row, Deny deny) { return row.mode == Mode::Enforce && row.deny == deny; }

}  // namespace

bool read_row(Unpack& from, PreventRow& row, Deny most) {
  if (from.array() != kRowElements) return false;
  row.policy = text_of(from);
  row.rule = text_of(from);
  const uint64_t deny = from.number(), action = from.number(), mode = from.number();
  if (deny > static_cast<uint64_t>(most) || action > static_cast<uint64_t>(Action::Kill) ||
      mode > static_cast<uint64_t>(Mode::Monitor)) {
    return false;
  }
  row.deny = static_cast<Deny>(deny);
  row.action = static_cast<Action>(action);
  row.mode = static_cast<Mode>(mode);
  bool are_networks = true;
  each(from, [&] {
    const std::optional<Network> network = Network::parse(text_of(from));
    are_networks &= network.has_value();
    if (network) row.networks.push_back(*network);
  });
  numbers(from, row.ports);
  texts(from, row.files);
  texts(from, row.programs);
  numbers(from, row.uids);
  texts(from, row.executables);
  return are_networks && !from.failed();
}

std::optional<PreventTable> read_table(std::span<const uint8_t> frame) {
  Unpack from(frame);
  PreventTable table;
  if (from.array() != 3 || from.text() != "prevent") return std::nullopt;
  table.version = from.number();
  const size_t count = from.array();
  for (size_t i = 0; i < count; ++i) {
    PreventRow row;
    if (!read_row(from, row, Deny::Mount)) return std::nullopt;
    table.rows.push_back(std::move(row));
  }
  if (from.failed()) return std::nullopt;
  return table;
}

std::string obstacle_to(const PreventTable& table, const PreventMeans& means) {
  const auto any = [&](auto is) { return std::any_of(table.rows.begin(), table.rows.end(), is); };
  const bool isolates = table.enforces(Deny::Network);
  const bool connects = table.enforces(Deny::Connect) || isolates;
  if (connects && !means.sealed_memory) {
    return "addresses cannot be kept from other threads, since the kernel has no System V memory for us";
  }
  if (connects && means.io_uring) return "with --io-uring allow a program can connect without a call that is seen";
  const bool asks_who = any([](const PreventRow& row) {
    return enforces(row, Deny::Network) || enforces(row, Deny::Exec) || enforces(row, Deny::MemfdExec) ||
           (row.mode == Mode::Enforce && (!row.programs.empty() || !row.executables.empty()));
  });
  if (asks_who && !means.sees_all) {
    return "without SYS_PTRACE the kernel does not show which program a process of another user runs";
  }
  return {};
}

}  // namespace vedette
