// SPDX-License-Identifier: Apache-2.0
// Any bytes as a program or library: what is found lies in the file, and functions ascend. (libFuzzer:
// docs/testing.md)
#include <cstdlib>

#include "capture/inline/elf.h"
#include "capture/inline/x86_64/sites.h"

using namespace vedette;

namespace {

void check(bool holds) {
  if (!holds) std::abort();
}

constexpr size_t kSearchedMax = 16u << 10;  // a search is dear

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const FileView file(std::as_bytes(std::span(data, size)));
  const std::optional<ElfImage> bare = parse_elf(file, false);
  const std::optional<ElfImage> image = parse_elf(file, true);
  check(bare.has_value() == image.has_value());
  if (!image) return 0;
  for (size_t i = 1; i < image->functions.size(); ++i) check(image->functions[i - 1].start < image->functions[i].start);
  for (const CodeSegment& code : image->code) {
    if (code.size == 0) continue;
    const std::optional<uint64_t> last = image->offset_of(code.address + code.size - 1);
    check(!last || file.part(*last, 1).size() <= 1);
  }
  if (size > kSearchedMax) return 0;
  for (const Sought sought : {Sought::Syscall, Sought::Cpuid}) {
    for (const Site& site : find_sites(file, *image, sought)) {
      const std::optional<uint64_t> at = image->offset_of(site.syscall);
      check(at && file.part(*at, 2).size() == 2 && file.data()[*at] == 0x0f && file.data()[*at + 1] == static_cast<uint8_t>(sought));
    }
  }
  return 0;
}
