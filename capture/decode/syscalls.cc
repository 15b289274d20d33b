// SPDX-License-Identifier: Apache-2.0
// Joins the numbers of each architecture with the calls of calls.h, at compile time: a number that names no
// call does not compile. Looking one up is an index by number.
#include "capture/decode/syscalls.h"

#include <array>
#include <iterator>
#include <string_view>

#include "capture/decode/aarch64.h"
#include "capture/decode/calls.h"
#include "capture/decode/compat.h"
#include "capture/decode/i386.h"
#include "capture/decode/x86_64.h"
#include "capture/wire/plaintext.h"

namespace vedette {

// Not constexpr, never defined: reaching one while the tables are made is an error of the compiler, which
// names it.
void number_without_a_call();
void numbers_do_not_ascend();

namespace {

constexpr Row make_row(uint32_t nr, std::string_view name, Fold fold) {
  if (fold == Fold::Multiplex) return Row{nr, "socketcall", EventId::none, 0, fold, {}, {}};
  if (fold == Fold::Ipc) return Row{nr, "ipc", EventId::none, 0, fold, {}, {}};
  for (const CallShape& call : calls::kCalls) {
    if (name == call.name) return Row{nr, call.name, call.id, call.traits, fold, call.conditions, call.steps};
  }
  number_without_a_call();
  return {};
}

template <size_t N>
constexpr std::array<Row, N> make_rows(const Number (&numbers)[N]) {
  std::array<Row, N> rows{};
  for (size_t i = 0; i < N; ++i) rows[i] = make_row(numbers[i].nr, numbers[i].name, numbers[i].fold);
  return rows;
}

template <size_t N>
constexpr std::array<Row, N> make_rows(const SocketNumber (&numbers)[N]) {
  std::array<Row, N> rows{};
  for (size_t i = 0; i < N; ++i) rows[i] = make_row(numbers[i].nr, numbers[i].name, Fold::None);
  return rows;
}

constexpr size_t kNumbersEnd = 512;  // beyond the last number of any table
constexpr uint16_t kNoRow = UINT16_MAX;

// By number, the index of its row.
template <size_t N>
constexpr std::array<uint16_t, kNumbersEnd> make_index(const std::array<Row, N>& rows) {
  std::array<uint16_t, kNumbersEnd> index{};
  index.fill(kNoRow);
  for (size_t i = 0; i < N; ++i) {
    if (i != 0 && rows[i - 1].nr >= rows[i].nr) numbers_do_not_ascend();
    index[rows[i].nr] = static_cast<uint16_t>(i);
  }
  return index;
}

constexpr auto kX86_64Rows = make_rows(x86_64::kNumbers);
constexpr auto kX86_64Index = make_index(kX86_64Rows);
constexpr auto kI386Rows = make_rows(i386::kNumbers);
constexpr auto kI386Index = make_index(kI386Rows);
constexpr auto kAarch64Rows = make_rows(aarch64::kNumbers);
constexpr auto kAarch64Index = make_index(kAarch64Rows);
constexpr uint32_t kWrite = 1;  // the TLS libraries that are looked into are x86-64's
constexpr Row kPlaintextReadRow = make_row(kWrite, "tls_read", Fold::None);
constexpr Row kPlaintextWrittenRow = make_row(kWrite, "tls_write", Fold::None);
constexpr auto kSocketRows = make_rows(i386::kSocketNumbers);
constexpr auto kIpcRows = make_rows(i386::kIpcNumbers);

struct Table {
  std::span<const Row> rows;
  const uint16_t* index;
};

Table table_of(Abi abi) {
  switch (abi) {
    case Abi::X86_64:
      return {kX86_64Rows, kX86_64Index.data()};
    case Abi::I386:
      return {kI386Rows, kI386Index.data()};
    case Abi::Aarch64:
      return {kAarch64Rows, kAarch64Index.data()};
    case Abi::X32:
    case Abi::Arm:
      break;
  }
  return {{}, nullptr};
}

}  // namespace

const Row* find_row(Abi abi, uint32_t nr) {
  const Table table = table_of(abi);
  if (table.index == nullptr || nr >= kNumbersEnd || table.index[nr] == kNoRow) return nullptr;
  return &table.rows[table.index[nr]];
}

const Row* find_plaintext_row(const Call& call) {
  if (call.abi != Abi::X86_64 || call.nr != kWrite) return nullptr;
  if (call.args[0] == kPlaintextRead) return &kPlaintextReadRow;
  return call.args[0] == kPlaintextWritten ? &kPlaintextWrittenRow : nullptr;
}

bool only_ends(Abi abi, uint32_t nr) {
  constexpr uint32_t kExit = 1, kExitGroup = 248;  // arch/arm/tools/syscall.tbl
  return abi == Abi::Arm && (nr == kExit || nr == kExitGroup);
}

std::span<const Row> rows_of(Abi abi) { return table_of(abi).rows; }

Multiplexed find_multiplexed(uint32_t nr) {
  for (size_t i = 0; i < kSocketRows.size(); ++i) {
    if (kSocketRows[i].nr == nr) return {&kSocketRows[i], i386::kSocketNumbers[i].arguments};
  }
  return {};
}

const Row* find_ipc_call(uint32_t nr) {
  for (const Row& row : kIpcRows) {
    if (row.nr == nr) return &row;
  }
  return nullptr;
}

}  // namespace vedette
