// SPDX-License-Identifier: Apache-2.0
// The table of effects: see effects.h.
#include "capture/state/effects.h"

#include <array>

namespace vedette {

namespace {

using E = EventId;

void nothing(State::Books&, Thread&, Sighting&) {}

constexpr Effect kEffects[] = {
    {E::execve, nothing, effects::exec},
    {E::execveat, nothing, effects::exec},
    {E::setuid, nothing, effects::credentials},
    {E::setgid, nothing, effects::credentials},
    {E::setreuid, nothing, effects::credentials},
    {E::setregid, nothing, effects::credentials},
    {E::setresuid, nothing, effects::credentials},
    {E::setresgid, nothing, effects::credentials},
    {E::setfsuid, nothing, effects::credentials},
    {E::setfsgid, nothing, effects::credentials},
    {E::capset, nothing, effects::credentials},
    {E::prctl, nothing, effects::prctl},
    {E::setns, nothing, effects::namespaces},
    {E::unshare, nothing, effects::unshare},
    {E::chroot, nothing, effects::root},
    {E::pivot_root, nothing, effects::root},
    {E::setsid, nothing, effects::session},
    {E::setpgid, nothing, effects::group},
    {E::chdir, nothing, effects::directory},
    {E::fchdir, nothing, effects::directory},
    {E::prlimit, nothing, effects::limit},
    {E::setrlimit, nothing, effects::own_limit},
    {E::pidfd_send_signal, effects::aim, nothing},
    {E::process_mrelease, effects::aim, nothing},
    {E::memfd_create, nothing, effects::memfd},
    {E::tls_read, effects::plaintext, nothing},
    {E::tls_write, effects::plaintext, nothing},
    {E::open, nothing, effects::open},
    {E::openat, nothing, effects::open_at},
    {E::openat2, nothing, effects::open_at},
    {E::creat, nothing, effects::create},
    {E::open_by_handle_at, nothing, effects::open_handle},
    {E::rename, effects::rename_enter, effects::rename},
    {E::renameat, effects::rename_enter, effects::rename},
    {E::renameat2, effects::rename_enter, effects::rename},
    {E::rmdir, effects::remove_enter, effects::remove},
    {E::unlinkat, effects::remove_enter, effects::remove},
    {E::close, effects::close_enter, effects::close},
    {E::close_range, nothing, effects::close_range},
    {E::dup, effects::dup_enter, effects::dup},
    {E::dup2, effects::dup_enter, effects::dup},
    {E::dup3, effects::dup_enter, effects::dup3},
    {E::fcntl, nothing, effects::control},
    {E::pipe, nothing, effects::pipe},
    {E::pipe2, nothing, effects::pipe2},
    {E::eventfd2, nothing, effects::new_event},
    {E::eventfd, nothing, effects::new_event},
    {E::userfaultfd, nothing, effects::new_descriptor},
    {E::pidfd_open, nothing, effects::new_descriptor},
    {E::memfd_secret, nothing, effects::new_descriptor},
    {E::mq_open, nothing, effects::new_descriptor},
    {E::perf_event_open, nothing, effects::new_descriptor},
    {E::io_uring_setup, nothing, effects::new_descriptor},
    {E::pidfd_getfd, nothing, effects::new_descriptor},
    {E::open_tree, nothing, effects::new_descriptor},
    {E::open_tree_attr, nothing, effects::new_descriptor},
    {E::fsopen, nothing, effects::new_descriptor},
    {E::fsmount, nothing, effects::new_descriptor},
    {E::fspick, nothing, effects::new_descriptor},
    {E::socket, nothing, effects::socket},
    {E::socketpair, nothing, effects::socketpair},
    {E::bind, nothing, effects::bind},
    {E::connect, nothing, effects::connect},
    {E::listen, nothing, effects::listen},
    {E::accept, effects::accept_enter, effects::accept},
    {E::accept4, effects::accept_enter, effects::accept},
    {E::sendto, nothing, effects::send},
    {E::sendmsg, nothing, effects::send},
    {E::sendmmsg, nothing, effects::send},
    {E::recvfrom, nothing, effects::receive},
    {E::recvmsg, nothing, effects::receive},
    {E::recvmmsg, nothing, effects::receive},
};

constexpr uint8_t kNoEffect = 255;
static_assert(std::size(kEffects) < kNoEffect);

constexpr auto kIndex = [] {
  std::array<uint8_t, kEventIdMax + 1> index{};
  index.fill(kNoEffect);
  for (size_t i = 0; i < std::size(kEffects); ++i) index[static_cast<size_t>(kEffects[i].id)] = static_cast<uint8_t>(i);
  return index;
}();

}  // namespace

const Effect* effect_of(EventId id) {
  const uint8_t at = kIndex[static_cast<size_t>(id)];
  return at == kNoEffect ? nullptr : &kEffects[at];
}

}  // namespace vedette
