// SPDX-License-Identifier: Apache-2.0
// The form of a cached search, little-endian:
//
//   "VSITES1\0" | u64 rules | u64 digest of the code | u64 sites
//   a site: u64 syscall | u64 start | u32 nr | u8 refusal | u8 vouched | u8 needed | u8 n | n x {u8 size, u8 displacement at}
//           | u32 callers | callers x u64
//   u64 digest of all before
#include <algorithm>
#include <cstring>

#include "capture/inline/cache.h"
#include "capture/inline/keyed_digest.h"
#include "capture/inline/x86_64/decode.h"
#include "capture/kernel/arch.h"

namespace vedette {
namespace {

constexpr char kMagic[8] = "VSITES1";
constexpr size_t kSitesMax = 1u << 18;
constexpr size_t kCallersMax = 1u << 12;

uint64_t mix(uint64_t digest, const void* from, size_t size) {
  constexpr uint64_t kOdd = 0x9e3779b97f4a7c15;
  const char* bytes = static_cast<const char*>(from);
  for (; size >= 8; bytes += 8, size -= 8) {
    uint64_t word;
    std::memcpy(&word, bytes, 8);
    digest = (digest ^ word) * kOdd;
    digest ^= digest >> 29;
  }
  uint64_t last = 0;
  for (size_t i = 0; i < size; ++i) last |= uint64_t{static_cast<uint8_t>(bytes[i])} << (8 * i);
  digest = (digest ^ last ^ (uint64_t{size} << 56)) * kOdd;
  return digest ^ (digest >> 32);
}

// Every version of ours searches by its own rules.
uint64_t rules() { return mix(1, VEDETTE_VERSION, sizeof VEDETTE_VERSION); }

class Writer {
 public:
  template <typename T>
  void put(T value) { out_.append(reinterpret_cast<const char*>(&value), sizeof value); }
  std::string finish() {
    put(mix(0, out_.data(), out_.size()));
    return std::move(out_);
  }

 private:
  std::string out_;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}
  template <typename T>
  T take() {
    T value{};
    ok_ &= rest_.size() >= sizeof value;
    if (!ok_) return value;
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
    return value;
  }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
};

// `size` bytes of the file's code; nullptr: not code.
const uint8_t* code_at(FileView file, const ElfImage& image, uint64_t address, uint64_t size) {
  const auto offset = image.offset_of(address);
  return offset && file.part(*offset, size).size() == size ? file.data() + *offset : nullptr;
}

// What moves: whole instructions from `start` on, of exactly these sizes. A window ends at the syscall and
// has room for a jump.
bool is_whole(FileView file, const ElfImage& image, const Site& site) {
  size_t size = 0;
  for (unsigned i = 0; i < site.moved_count; ++i) size += site.moved[i].size;
  if (site.by_callers() ? site.start + size > site.syscall : site.start + size != site.syscall || size < kJumpSize) return false;
  const uint8_t* bytes = code_at(file, image, site.start, size);
  if (bytes == nullptr) return size == 0;
  const std::vector<Instruction> code = decode(bytes, size, site.start);
  if (code.size() != site.moved_count) return false;
  for (unsigned i = 0; i < site.moved_count; ++i) {
    const auto facts = facts_of(code[i]);
    if (!facts || code[i].size != site.moved[i].size || facts->displacement_at != site.moved[i].displacement_at) return false;
  }
  return true;
}

bool leads_to(FileView file, const ElfImage& image, uint64_t caller, uint64_t function) {
  const uint8_t* bytes = code_at(file, image, caller, kJumpSize);
  return bytes != nullptr && far_branch_target(bytes, caller) == function;
}

bool is_sound(FileView file, const ElfImage& image, const Site& site) {
  const uint8_t* call = code_at(file, image, site.syscall, kSyscallBytes);
  if (call == nullptr || !std::equal(call, call + kSyscallBytes, kSyscallCode)) return false;
  if (!site.patchable()) return site.refusal < Refusal::Count;
  if (!is_whole(file, image, site)) return false;
  // The function's own landing pad, which callers pass, may stand before what moves.
  for (const uint64_t caller : site.callers) {
    if (!leads_to(file, image, caller, site.start) && !leads_to(file, image, caller, site.start - kLandingPadSize)) return false;
  }
  return true;
}

Site take_site(Reader& reader, uint8_t& needed) {
  Site site;
  site.syscall = reader.take<uint64_t>();
  site.start = reader.take<uint64_t>();
  site.nr = reader.take<uint32_t>();
  site.refusal = static_cast<Refusal>(reader.take<uint8_t>());
  site.vouched = reader.take<uint8_t>() != 0;
  needed = reader.take<uint8_t>() != 0;
  const unsigned count = reader.take<uint8_t>();
  for (unsigned i = 0; i < count && reader.ok(); ++i) {
    const uint8_t size = reader.take<uint8_t>(), displacement_at = reader.take<uint8_t>();
    if (i < Site::kMovedMax) site.moved[i] = {size, displacement_at};
  }
  site.moved_count = static_cast<uint8_t>(count);
  const uint32_t callers = reader.take<uint32_t>();
  for (uint32_t i = 0; i < callers && callers <= kCallersMax && reader.ok(); ++i) site.callers.push_back(reader.take<uint64_t>());
  if (count > Site::kMovedMax || callers > kCallersMax) site.syscall = 0;  // is_sound refuses it
  return site;
}

}  // namespace

uint64_t code_digest(FileView file, const ElfImage& image, Author author) {
  uint64_t digest = 2;
  KeyedDigest keyed;
  const auto add = [&](const void* bytes, size_t size) {
    if (author == Author::Root) digest = mix(digest, bytes, size);
    else keyed.add(bytes, size);
  };
  add(image.build_id.data(), image.build_id.size());
  for (const CodeSegment& segment : image.code) {
    add(&segment, sizeof segment);
    const FileView bytes = file.part(segment.offset, segment.size);
    add(bytes.data(), bytes.size());
  }
  return author == Author::Root ? digest : keyed.finish();
}

std::string encode_sites(const SiteAnalysis& analysis) {
  Writer out;
  for (const char letter : kMagic) out.put(letter);
  out.put(rules());
  out.put(analysis.digest);
  out.put(uint64_t{analysis.sites.size()});
  for (size_t i = 0; i < analysis.sites.size(); ++i) {
    const Site& site = analysis.sites[i];
    out.put(site.syscall);
    out.put(site.start);
    out.put(site.nr);
    out.put(static_cast<uint8_t>(site.refusal));
    out.put(static_cast<uint8_t>(site.vouched));
    out.put(i < analysis.needed.size() ? analysis.needed[i] : uint8_t{0});
    out.put(site.moved_count);
    for (unsigned k = 0; k < site.moved_count; ++k) {
      out.put(site.moved[k].size);
      out.put(site.moved[k].displacement_at);
    }
    out.put(static_cast<uint32_t>(site.callers.size()));
    for (const uint64_t caller : site.callers) out.put(caller);
  }
  return out.finish();
}

std::shared_ptr<const SiteAnalysis> decode_sites(std::string_view bytes, FileView file, const ElfImage& image, uint64_t digest, const char*& wrong) {
  const auto refuse = [&wrong](const char* why) {
    wrong = why;
    return nullptr;
  };
  if (bytes.size() < sizeof kMagic + 8 || std::memcmp(bytes.data(), kMagic, sizeof kMagic) != 0) return refuse("it is none of ours");
  const std::string_view body = bytes.substr(0, bytes.size() - 8);
  if (Reader(bytes.substr(body.size())).take<uint64_t>() != mix(0, body.data(), body.size())) return refuse("it is damaged");
  Reader reader(body.substr(sizeof kMagic));
  if (reader.take<uint64_t>() != rules()) return refuse("another version wrote it");
  if (reader.take<uint64_t>() != digest) return refuse("it is about other code");
  const uint64_t count = reader.take<uint64_t>();
  if (count > kSitesMax) return refuse("it is damaged");
  auto analysis = std::make_shared<SiteAnalysis>();
  analysis->digest = digest;
  uint64_t last = 0;
  for (uint64_t i = 0; i < count && reader.ok(); ++i) {
    uint8_t needed = 0;
    Site site = take_site(reader, needed);
    if (!reader.ok() || site.syscall <= last || !is_sound(file, image, site)) return refuse("it does not fit the code");
    last = site.syscall;
    analysis->sites.push_back(std::move(site));
    analysis->needed.push_back(needed);
  }
  if (!reader.at_end()) return refuse("it is damaged");
  return analysis;
}

}  // namespace vedette
