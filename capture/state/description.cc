// SPDX-License-Identifier: Apache-2.0
// See description.h. The table below is the kernel's list of names for what has no path (anon_inode_getfile
// and its callers).
#include "capture/state/description.h"

#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>

#include "capture/decode/layout.h"
#include "capture/state/net_text.h"
#include "capture/state/proc_text.h"
#include "capture/state/socket.h"

namespace vedette {

namespace {

constexpr std::string_view kDeletedSuffix = " (deleted)";
constexpr size_t kInfoMax = 4096;

struct LinkKind {
  std::string_view prefix;
  FdType type;
};
constexpr LinkKind kLinkKinds[] = {
    {"pipe:[", FdType::Pipe},
    {"/memfd:", FdType::Memfd},
    {"anon_inode:[eventfd]", FdType::Event},
    {"anon_inode:[eventpoll]", FdType::Epoll},
    {"anon_inode:[signalfd]", FdType::Signal},
    {"anon_inode:[timerfd]", FdType::Timer},
    {"anon_inode:inotify", FdType::Inotify},
    {"anon_inode:bpf", FdType::Bpf},
    {"anon_inode:[io_uring]", FdType::IoUring},
};

FdType type_of(std::string_view link, const std::optional<FileFacts>& facts) {
  const bool is_path = link.starts_with('/') && !link.starts_with("/memfd:");
  if (is_path) return facts && S_ISDIR(facts->mode) ? FdType::Directory : FdType::File;
  for (const LinkKind& kind : kLinkKinds) {
    if (link.starts_with(kind.prefix)) return kind.type;
  }
  return FdType::Other;
}

}  // namespace

FdLink::FdLink(int32_t fd, const char* folder) { std::snprintf(name_, sizeof name_, "%s/%d", folder, fd); }

void Description::complete(uint32_t tid, int32_t fd, Descriptor& descriptor) {
  const FdLink link(fd);
  if (!truth.link(tid, link.name(), scratch)) return;
  believe(names.share(scratch), truth.facts(tid, link.name()), descriptor);
}

void Description::believe(Ref<Text> real, const std::optional<FileFacts>& facts, Descriptor& descriptor) {
  const std::string_view text = view(real);
  descriptor.type = type_of(text, facts);
  if (text.ends_with(kDeletedSuffix) && descriptor.type != FdType::Memfd) descriptor.flags |= kDeleted;
  if (facts) {
    descriptor.dev = facts->dev;
    descriptor.ino = facts->ino;
  } else {
    descriptor.ino = number_in_brackets(text);
  }
  descriptor.real = std::move(real);
  descriptor.changed();
}

Ref<Descriptor> Description::of(uint32_t tid, uint32_t files_owner, int32_t fd, bool& close_on_exec) {
  Ref<Descriptor> descriptor = make_ref<Descriptor>();
  complete(tid, fd, *descriptor);
  if (!descriptor->real) return {};
  descriptor->name = descriptor->real;
  close_on_exec = false;
  if (truth.text(tid, FdLink(fd, "fdinfo").name(), scratch, kInfoMax)) {
    const uint32_t flags = fdinfo_flags(scratch).value_or(0);
    close_on_exec = (flags & O_CLOEXEC) != 0;
    descriptor->open_flags = static_cast<int32_t>(open_flags(layout_of(kNativeAbi), flags & ~static_cast<uint32_t>(O_CLOEXEC)));
  }
  if (view(descriptor->real).starts_with("socket:[")) {
    std::optional<SocketFacts> facts = truth.socket(files_owner, fd);
    if (!facts) facts = find_socket(truth, tid, descriptor->ino, scratch);
    describe_socket(*descriptor, facts.value_or(SocketFacts{}), names);
  }
  return descriptor;
}

}  // namespace vedette
