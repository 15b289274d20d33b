// SPDX-License-Identifier: Apache-2.0
// A cached search that somebody has written, about this machine's own dynamic linker: what is believed must
// be sites of that file, of which stubs can be built. The first byte says whether the rest is the file as it
// stands, or sites that are put into its form, with a checksum that holds. (libFuzzer: docs/testing.md)
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>

#include "capture/inline/cache.h"
#include "capture/inline/x86_64/stubs.h"

using namespace vedette;

namespace {

struct Subject {
  std::string bytes;
  ElfImage image;
  std::vector<uint64_t> syscalls;

  Subject() {
    std::ifstream file("/lib64/ld-linux-x86-64.so.2", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(file), {});
    image = parse_elf(view(), false).value_or(ElfImage());
    for (const CodeSegment& code : image.code) {
      for (uint64_t at = 0; at + 1 < code.size && code.offset + at + 1 < bytes.size(); ++at) {
        if (bytes[code.offset + at] == 0x0f && bytes[code.offset + at + 1] == 0x05) syscalls.push_back(code.address + at);
      }
    }
  }
  FileView view() const { return FileView(std::as_bytes(std::span(bytes))); }
};

class Source {
 public:
  Source(const uint8_t* data, size_t size) : data_(data), size_(size) {}
  template <typename T>
  T take() {
    T value{};
    const size_t part = std::min(size_, sizeof value);
    std::memcpy(&value, data_, part);
    data_ += part;
    size_ -= part;
    return value;
  }
  bool is_empty() const { return size_ == 0; }

 private:
  const uint8_t* data_;
  size_t size_;
};

// Near a real one, mostly: an address alone is never hit.
SiteAnalysis made_of(Source& source, const Subject& subject) {
  SiteAnalysis analysis{.digest = 7, .sites = {}, .needed = {}};
  while (!source.is_empty() && analysis.sites.size() < 64) {
    Site site;
    const uint8_t how = source.take<uint8_t>();
    site.syscall = subject.syscalls.empty() || (how & 1) != 0 ? source.take<uint64_t>() : subject.syscalls[source.take<uint8_t>() % subject.syscalls.size()];
    site.start = site.syscall - source.take<uint8_t>();
    site.nr = source.take<uint16_t>();
    site.refusal = static_cast<Refusal>((how >> 1) % static_cast<uint8_t>(Refusal::Count));
    if ((how & 0x20) != 0) site.refusal = Refusal::None;
    site.vouched = (how & 0x40) != 0;
    site.moved_count = source.take<uint8_t>() % (Site::kMovedMax + 1);
    for (unsigned i = 0; i < site.moved_count; ++i) site.moved[i] = {source.take<uint8_t>(), source.take<uint8_t>()};
    if ((how & 0x80) != 0) site.callers.push_back(site.start + source.take<uint32_t>());
    analysis.sites.push_back(site);
    analysis.needed.push_back(how & 1);
  }
  return analysis;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const Subject subject;
  if (size == 0) return 0;
  Source source(data + 1, size - 1);
  const std::string bytes = data[0] == 0 ? std::string(reinterpret_cast<const char*>(data + 1), size - 1) : encode_sites(made_of(source, subject));
  const char* wrong = nullptr;
  const std::shared_ptr<const SiteAnalysis> found = decode_sites(bytes, subject.view(), subject.image, 7, wrong);
  if ((found == nullptr) != (wrong != nullptr)) std::abort();
  if (found == nullptr) return 0;
  const StubImage stubs = build_stubs(subject.view(), subject.image, found->sites, -(1ll << 30));
  if (stubs.stubs.size() != found->sites.size()) std::abort();
  return 0;
}
