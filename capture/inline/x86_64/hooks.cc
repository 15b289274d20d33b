// SPDX-License-Identifier: Apache-2.0
#include "capture/inline/x86_64/hooks.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "capture/inline/calls.h"
#include "capture/inline/x86_64/decode.h"
#include "capture/inline/x86_64/emitter.h"
#include "capture/wire/plaintext.h"
#include "events.h"

namespace vedette {
namespace {

constexpr uint32_t kWrite = 1;
constexpr uint8_t kOpenSsl = 1, kGnuTls = 2;
constexpr HookedFunction kFunctions[] = {
    {"SSL_read", true, HookResult::Int, kOpenSsl},
    {"SSL_write", false, HookResult::Int, kOpenSsl},
    {"SSL_read_ex", true, HookResult::Success, kOpenSsl},
    {"SSL_write_ex", false, HookResult::Success, kOpenSsl},
    {"SSL_do_handshake", true, HookResult::None, kOpenSsl},
    {"gnutls_record_recv", true, HookResult::Long, kGnuTls},
    {"gnutls_record_send", false, HookResult::Long, kGnuTls},
};
constexpr std::string_view kAsksDescriptor = "SSL_get_fd";
constexpr size_t kNameMax = 32;
constexpr uint64_t kFunctionMax = 4096;  // of which branches are looked at

struct Symbol {
  std::string_view name;
  uint64_t address, size;
};

template <typename Each>
void each_function(FileView file, const ElfImage& image, Each each) {
  const auto header = file.at<Elf64_Ehdr>(0);
  if (!header || header->e_shentsize != sizeof(Elf64_Shdr)) return;
  const auto section = [&](uint64_t index) { return file.at<Elf64_Shdr>(header->e_shoff + index * sizeof(Elf64_Shdr)); };
  for (unsigned i = 0; i < header->e_shnum; ++i) {
    const auto symbols = section(i);
    if (!symbols) return;
    if (symbols->sh_type != SHT_DYNSYM) continue;
    const auto names = section(symbols->sh_link);
    if (!names) return;
    const FileView table = file.part(symbols->sh_offset, symbols->sh_size), texts = file.part(names->sh_offset, names->sh_size);
    for (uint64_t at = 0; at + sizeof(Elf64_Sym) <= table.size(); at += sizeof(Elf64_Sym)) {
      const auto symbol = table.at<Elf64_Sym>(at);
      if (!symbol || ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_shndx == SHN_UNDEF) continue;
      const FileView text = texts.part(symbol->st_name, kNameMax);
      const char* const begin = reinterpret_cast<const char*>(text.data());
      if (text.size() == 0 || (*begin != 'S' && *begin != 'g') || !image.offset_of(symbol->st_value)) continue;
      each(Symbol{{begin, strnlen(begin, text.size())}, symbol->st_value, symbol->st_size});
    }
  }
}

FileView code_at(FileView file, const ElfImage& image, uint64_t address, uint64_t size) {
  const auto offset = image.offset_of(address);
  return offset ? file.part(*offset, size) : FileView();
}

// A direct branch to 32 bits' distance, without prefixes: where the distance stands; 0: none.
uint8_t far_distance_at(const Instruction& instruction) {
  const uint8_t* const bytes = instruction.bytes;
  if (instruction.size == 5 && (bytes[0] == 0xe8 || bytes[0] == 0xe9)) return 1;
  return instruction.size == 6 && bytes[0] == 0x0f && (bytes[1] & 0xf0) == 0x80 ? 2 : 0;
}

bool leaves_for_good(const Instruction& instruction) { return instruction.bytes[0] == 0xe9; }

// The first instructions, as many as the jump takes.
void choose_window(const std::vector<Instruction>& code, Hook& hook) {
  unsigned size = 0;
  for (const Instruction& instruction : code) {
    if (size >= kJumpSize) return;
    const auto facts = facts_of(instruction);
    const uint8_t branch = far_distance_at(instruction);
    if (hook.moved_count == Site::kMovedMax || !facts || facts->uses_rip) break;
    if (facts->control_flow && branch == 0) {
      hook.refusal = Refusal::ControlFlow;
      return;
    }
    hook.moved[hook.moved_count++] = {instruction.size, branch != 0 ? branch : facts->displacement_at};
    size += instruction.size;
    if (leaves_for_good(instruction) && size < kJumpSize) break;
  }
  if (size < kJumpSize) hook.refusal = Refusal::NotMovable;
}

bool leads_into(const Hook& hook, uint64_t target) { return target - hook.address - 1 < hook.taken() - 1u; }

// Whether a branch of the function itself leads into what moves.
bool branches_inside(const std::vector<Instruction>& code, const Hook& hook) {
  return std::any_of(code.begin(), code.end(), [&hook](const Instruction& instruction) {
    const auto target = branch_target(instruction);
    return target && leads_into(hook, *target);
  });
}

Hook judge(FileView file, const ElfImage& image, const HookedFunction& function, const Symbol& symbol) {
  Hook hook{.function = &function, .address = symbol.address};
  const FileView bytes = code_at(file, image, symbol.address, std::clamp<uint64_t>(symbol.size, 32, kFunctionMax));
  const std::vector<Instruction> code = decode(bytes.data(), bytes.size(), symbol.address);
  choose_window(code, hook);
  if (hook.refusal == Refusal::None && branches_inside(code, hook)) hook.refusal = Refusal::BranchInto;
  return hook;
}

// Every distance of 32 bits in the code that would lead into what moves, by bytes alone: it can only refuse
// too much.
void look_at_branches(FileView file, const ElfImage& image, std::vector<Hook>& hooks) {
  const auto [lowest, highest] = std::ranges::minmax(hooks, {}, &Hook::address);
  const uint64_t from = lowest.address, span = highest.address - from + Patch::kMax;
  for (const CodeSegment& segment : image.code) {
    const FileView code = file.part(segment.offset, segment.size);
    for (size_t i = 0; i + sizeof(int32_t) < code.size(); ++i) {
      int32_t distance;
      memcpy(&distance, code.data() + i + 1, sizeof distance);
      const uint64_t target = segment.address + i + 1 + sizeof distance + static_cast<uint64_t>(int64_t{distance});
      if (target - from >= span) continue;
      const uint8_t opcode = code.data()[i];
      const bool is_condition = i > 0 && code.data()[i - 1] == 0x0f && (opcode & 0xf0) == 0x80;
      if (opcode != 0xe8 && opcode != 0xe9 && !is_condition) continue;
      for (Hook& hook : hooks) {
        if (hook.refusal == Refusal::None && leads_into(hook, target)) hook.refusal = Refusal::BranchInto;
      }
    }
  }
}

// What was moved, in bytes, into rdx; 0 and less: nothing.
void emit_bytes_moved(Emitter& emitter, HookResult result) {
  switch (result) {
    case HookResult::Int: return emitter.bytes({0x48, 0x63, 0xd0});     // movslq %eax,%rdx
    case HookResult::Long: return emitter.bytes({0x48, 0x89, 0xc2});    // mov %rax,%rdx
    case HookResult::None: return emitter.bytes({0x31, 0xd2});          // xor %edx,%edx
    case HookResult::Success:
      return emitter.bytes({0x31, 0xd2,                                 // xor %edx,%edx
                            0x83, 0xf8, 0x01,                           // cmp $1,%eax
                            0x75, 0x08,                                 // jne 1f
                            0x48, 0x8b, 0x4c, 0x24, 0x10,               // mov 16(%rsp),%rcx
                            0x48, 0x8b, 0x11});                         // mov (%rcx),%rdx    1:
  }
}

bool emit_moved(Emitter& emitter, FileView file, const ElfImage& image, const Hook& hook) {
  uint64_t address = hook.address;
  for (unsigned i = 0; i < hook.moved_count; ++i) {
    const FileView bytes = code_at(file, image, address, hook.moved[i].size);
    if (bytes.size() != hook.moved[i].size || !emitter.move(bytes.data(), address, hook.moved[i])) return false;
    address += hook.moved[i].size;
  }
  return emitter.jump(address);
}

// The distance of a short jump that is not known before its target is.
class ShortJump {
 public:
  ShortJump(std::vector<uint8_t>& code, Emitter& emitter, uint8_t opcode) : code_(code) {
    emitter.bytes({opcode, 0});
    at_ = code.size();
  }
  void land() { code_[at_ - 1] = static_cast<uint8_t>(code_.size() - at_); }

 private:
  std::vector<uint8_t>& code_;
  size_t at_;
};

constexpr uint8_t kJumpIfGreater = 0x7f, kJumpIfNotGreater = 0x7e;

bool emit_hook(HookImage& built, Emitter& emitter, FileView file, const ElfImage& image, const FileHooks& found, const Hook& hook) {
  std::vector<uint8_t>& code = built.code;
  const auto shape = inline_shape(kWrite, Integrity::Strict);
  if (!shape) return false;
  // What the function does is called before its place is known: the place is fixed below.
  emitter.bytes({0x48, 0x83, 0xec, 0x38,                // sub $56,%rsp
                 0x48, 0x89, 0x3c, 0x24,                // mov %rdi,(%rsp)
                 0x48, 0x89, 0x74, 0x24, 0x08,          // mov %rsi,8(%rsp)
                 0x48, 0x89, 0x4c, 0x24, 0x10,          // mov %rcx,16(%rsp)
                 0x49, 0x89, 0xd3});                    // mov %rdx,%r11
  const uint64_t clock = emitter.here();
  emitter.bytes({0x0f, 0x31,                            // rdtsc
                 0x48, 0xc1, 0xe2, 0x20,                // shl $32,%rdx
                 0x48, 0x09, 0xd0,                      // or %rdx,%rax
                 0x48, 0x89, 0x44, 0x24, 0x18,          // mov %rax,24(%rsp)
                 0x4c, 0x89, 0xda});                    // mov %r11,%rdx
  emitter.bytes({0xe8, 0, 0, 0, 0});                    // call moved
  const size_t behind_call = code.size();
  emitter.bytes({0x48, 0x89, 0x44, 0x24, 0x20});        // mov %rax,32(%rsp)
  emit_bytes_moved(emitter, hook.function->result);
  // Fewer than none: a read still shows its connection.
  emitter.bytes({0x48, 0x85, 0xd2});                    // test %rdx,%rdx
  ShortJump moves(code, emitter, hook.function->is_read ? kJumpIfGreater : kJumpIfNotGreater);
  if (hook.function->is_read) {
    emitter.bytes({0x31, 0xd2});                        // xor %edx,%edx
    moves.land();
  }
  emitter.bytes({0x41, 0xb9, 0xff, 0xff, 0xff, 0xff});  // mov $-1,%r9d
  if (found.asks_descriptor != 0 && hook.function->library == kOpenSsl) {
    emitter.bytes({0x48, 0x85, 0xd2});                  // test %rdx,%rdx
    ShortJump unasked(code, emitter, kJumpIfNotGreater);
    emitter.bytes({0x48, 0x89, 0x54, 0x24, 0x28,        // mov %rdx,40(%rsp)
                   0x48, 0x8b, 0x3c, 0x24});            // mov (%rsp),%rdi
    if (!emitter.call(found.asks_descriptor)) return false;
    emitter.bytes({0x48, 0x8b, 0x54, 0x24, 0x28,        // mov 40(%rsp),%rdx
                   0x41, 0x89, 0xc1});                  // mov %eax,%r9d
    unasked.land();
  }
  emitter.bytes({0x49, 0xc1, 0xe1, 0x20,                // shl $32,%r9
                 0x49, 0x83, 0xc9, hook.function->library,  // or $library,%r9
                 0x48, 0x8b, 0x74, 0x24, 0x08,          // mov 8(%rsp),%rsi
                 0x4c, 0x8b, 0x14, 0x24,                // mov (%rsp),%r10
                 0x4c, 0x8b, 0x44, 0x24, 0x18,          // mov 24(%rsp),%r8
                 0x48, 0xbf});                          // mov $mark,%rdi
  const uint64_t mark = hook.function->is_read ? kPlaintextRead : kPlaintextWritten;
  emitter.word(static_cast<uint32_t>(mark));
  emitter.word(static_cast<uint32_t>(mark >> 32));
  emitter.bytes({0xb8});                                // mov $SYS_write,%eax
  emitter.word(kWrite);
  constexpr unsigned kBehind = 4 + 6 + 3 + 2;           // of the distance, the two instructions of the jump, the call
  if (!emitter.lea_rcx(emitter.here() + 3 + kBehind)) return false;
  emitter.jump_by_r11(static_cast<uint32_t>(AgentPage::addresses(*shape).entry));
  emitter.bytes({0x0f, 0x05});                          // syscall: where there is no room in the ring
  if (!hook.function->is_read) moves.land();
  emitter.bytes({0x48, 0x8b, 0x44, 0x24, 0x20,          // mov 32(%rsp),%rax
                 0x48, 0x83, 0xc4, 0x38,                // add $56,%rsp
                 0xc3});                                // ret
  const auto to_moved = static_cast<uint32_t>(code.size() - behind_call);
  memcpy(code.data() + behind_call - sizeof to_moved, &to_moved, sizeof to_moved);
  built.clocks.push_back(clock);
  return emit_moved(emitter, file, image, hook);
}

}  // namespace

FileHooks find_hooks(FileView file, const ElfImage& image) {
  FileHooks found;
  each_function(file, image, [&](const Symbol& symbol) {
    if (symbol.name == kAsksDescriptor) found.asks_descriptor = symbol.address;
    const HookedFunction* const function = std::ranges::find(kFunctions, symbol.name, &HookedFunction::name);
    if (function == std::end(kFunctions)) return;
    // One function under two names, or two versions of a name.
    if (std::ranges::any_of(found.hooks, [&symbol](const Hook& hook) { return hook.address == symbol.address; })) return;
    found.hooks.push_back(judge(file, image, *function, symbol));
  });
  if (!found.hooks.empty()) look_at_branches(file, image, found.hooks);
  return found;
}

HookImage build_hooks(FileView file, const ElfImage& image, const FileHooks& found, int64_t distance) {
  HookImage built;
  Emitter emitter(built.code, static_cast<uint64_t>(distance));
  for (const Hook& hook : found.hooks) {
    if (hook.refusal != Refusal::None) continue;
    emitter.align();
    const size_t before = built.code.size(), clocks = built.clocks.size();
    const uint64_t target = emitter.here();
    const unsigned taken = hook.taken();
    const auto patch = make_patch(file, image, hook.address, taken, taken, 0xe9, target);
    if (patch && emit_hook(built, emitter, file, image, found, hook)) {
      built.patches.push_back(*patch);
      continue;
    }
    built.code.resize(before);
    built.clocks.resize(clocks);
  }
  return built;
}

}  // namespace vedette
