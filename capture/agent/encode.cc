// SPDX-License-Identifier: Apache-2.0
// See encode.h. A sighting is written first and measured afterwards: what does not fit is taken back, bytes
// and marks. The one that would not even fit in an empty batch (a long line of ancestors, each with its own
// environment) goes without them.
#include "capture/agent/encode.h"

#include <algorithm>
#include <cstring>

#include "capture/agent/pack.h"
#include "capture/state/socket.h"

namespace vedette {

namespace {

uint32_t next_mark = 1;  // 0 is "in no batch"

constexpr uint64_t kNoIndex = kNull;
constexpr size_t kEnvelopeBytes = 256;  // around the four bins, and a little more

uint64_t pack_slot(Span span) {
  uint64_t slot;
  std::memcpy(&slot, &span, sizeof slot);
  return slot;
}

uint64_t latency_of(const Call& call) { return call.exit_ns > call.enter_ns ? call.exit_ns - call.enter_ns : 0; }

}  // namespace

Encoder::Encoder(const Source& source) : source_(source) { begin(); }

void Encoder::begin() {
  batch_ = next_mark++;
  count_ = 0;
  processes_.clear();
  descriptors_.clear();
  records_.clear();
  strings_.clear();
  alike_.fill(kNull);
}

size_t Encoder::bytes() const { return processes_.size() + descriptors_.size() + records_.size() + strings_.size(); }

bool Encoder::append(const Sighting& sighting) {
  if (count_ == kBatchRecordsMax) return false;
  const size_t processes = processes_.size(), descriptors = descriptors_.size(), records = records_.size();
  const size_t strings = strings_.size();
  marked_.clear();
  write(sighting, true);
  const bool is_alone = count_ == 0;
  const auto take_back = [&] {
    processes_.shrink(processes);
    descriptors_.shrink(descriptors);
    records_.shrink(records);
    strings_.shrink(strings);
    for (Mark* mark : marked_) *mark = {};
    marked_.clear();
  };
  if (bytes() > kBatchBytesMax) {
    take_back();
    if (!is_alone) return false;
    write(sighting, false);
  }
  ++count_;
  return true;
}

void Encoder::write(const Sighting& sighting, bool with_ancestors) {
  const Event& event = sighting.event;
  const Call& call = event.call;
  const EventInfo& info = event.info();
  RecordHeader header{};
  header.type = static_cast<uint16_t>(event.id);
  header.flags = event.flags;
  header.size = static_cast<uint32_t>(sizeof header + info.slots * sizeof event.slots[0]);
  header.time = call.exit_ns != 0 ? call.exit_ns : call.enter_ns;
  header.tid = call.tid;
  header.process = sighting.process ? index_of(*sighting.process, with_ancestors) : kNull;
  header.result = call.returned ? call.result : kAbsent;
  header.latency = static_cast<uint32_t>(std::min<uint64_t>(latency_of(call), UINT32_MAX));
  header.fd = event.fd;
  header.descriptor = index_of(sighting.descriptor);
  uint8_t* at = records_.extend(header.size);
  std::memcpy(at, &header, sizeof header);
  at += sizeof header;
  for (unsigned i = 0; i < info.slots; ++i, at += sizeof event.slots[0]) {
    uint64_t slot = event.slots[i];
    if (info.kinds[i] == SlotKind::Span && event.span(i).offset != kNull) slot = pack_slot(strings_.put(event.text(i)));
    std::memcpy(at, &slot, sizeof slot);
  }
}

uint32_t Encoder::index_of(const Process& process, bool with_ancestors) {
  if (process.mark.batch == batch_ && process.checked == state_changes) return process.mark.index;
  Process::Parts parts{kNull, {kNull, kNull, kNull}, {}, {}};
  if (process.parent && with_ancestors) parts.parent = index_of(*process.parent, true);
  for (int fd = 0; fd < 3 && process.files; ++fd) parts.standard[fd] = index_of(process.files->find(fd));
  if (process.place) {
    parts.cwd = process.place->cwd();
    parts.root = process.place->root;
  }
  process.checked = state_changes;
  if (process.mark.batch == batch_ && process.parts == parts) return process.mark.index;
  remember(process.mark, static_cast<uint32_t>(processes_.size() / kProcessSize));
  write_process(process, parts);
  process.parts = std::move(parts);
  return process.mark.index;
}

uint32_t Encoder::index_of(const Ref<Descriptor>& descriptor) {
  if (!descriptor) return kNull;
  if (descriptor->mark.batch != batch_) remember(descriptor->mark, write_descriptor(*descriptor));
  return descriptor->mark.index;
}

void Encoder::write_process(const Process& process, const Process::Parts& parts) {
  using F = ProcessField;
  uint64_t fields[kProcessFields];
  const auto set = [&](F field, uint64_t value) { fields[static_cast<size_t>(field)] = value; };
  const auto set_text = [&](F field, const Ref<Text>& text) { set(field, pack_slot(place(text))); };
  const Credentials& who = process.credentials;
  set(F::pid_, process.pid);
  set(F::ppid_, process.ppid);
  set(F::parent_, parts.parent == kNull ? kNoIndex : parts.parent);
  set(F::vpid_, process.vpid);
  set(F::sid_, process.session);
  set(F::pgid_, process.group);
  set(F::tty_, process.tty);
  set(F::uid_, who.euid);
  set(F::gid_, who.egid);
  set(F::ruid_, who.ruid);
  set(F::rgid_, who.rgid);
  // "None" is -1, as a number of 64 bits too.
  set(F::loginuid_, static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(process.loginuid))));
  set(F::cap_permitted_, who.permitted);
  set(F::cap_effective_, who.effective);
  set(F::cap_inheritable_, who.inheritable);
  set(F::start_time_, process.start_ns);
  set(F::clone_seen_, process.clone_seen);
  set(F::exe_flags_, process.exe_flags);
  set(F::exe_of_image_, process.exe_of_image);
  set(F::integrity_reason_, static_cast<uint64_t>(process.stops_for));
  set(F::exe_ino_, process.exe_ino);
  set(F::exe_dev_, process.exe_dev);
  set(F::exe_ctime_, process.exe_ctime_ns);
  set(F::exe_mtime_, process.exe_mtime_ns);
  set(F::stdin_, parts.standard[0]);
  set(F::stdout_, parts.standard[1]);
  set(F::stderr_, parts.standard[2]);
  set(F::threads_, process.threads);
  set(F::fd_limit_, process.fd_limit);
  set_text(F::name_, process.comm);
  set_text(F::exe_, process.exe);
  set_text(F::exepath_, process.exe_path);
  set_text(F::args_, process.args);
  set_text(F::env_, process.env);
  set_text(F::cwd_, parts.cwd);
  set_text(F::root_, parts.root);
  set_text(F::cgroup_, process.cgroup);
  set_text(F::user_, process.user_name);
  set_text(F::group_, process.group_name);
  set_text(F::loginname_, process.login_name);
  set_text(F::container_id_, process.container_id);
  set(F::container_privileged_, process.privilege == Privilege::Unknown ? static_cast<uint64_t>(kAbsent)
                                                                        : process.privilege == Privilege::Yes);
  set(F::session_, process.entry);
  set_text(F::home_, process.user_home);
  set_text(F::shell_, process.user_shell);
  set(F::pidns_start_, process.pidns_start_ns == 0 ? static_cast<uint64_t>(kAbsent) : process.pidns_start_ns);
  set_text(F::container_full_id_, process.container_full_id);
  processes_.append(fields);
}

// Looks at what differs between two opens, and only then is an entry made.
bool Encoder::is_said_by(uint32_t index, const Descriptor& descriptor) {
  using F = DescriptorField;
  if (index == kNull || index >= descriptors_.size() / kDescriptorSize) return false;
  const uint8_t* const entry = descriptors_.data() + index * kDescriptorSize;
  const auto has = [entry](F field, uint64_t value) {
    return std::memcmp(entry + static_cast<size_t>(field) * sizeof value, &value, sizeof value) == 0;
  };
  return has(F::ino_, descriptor.ino) && has(F::dev_, descriptor.dev) && has(F::type_, static_cast<uint64_t>(descriptor.type)) &&
         has(F::flags_, descriptor.flags) && has(F::open_flags_, static_cast<uint32_t>(descriptor.open_flags)) &&
         has(F::nameraw_, pack_slot(place(descriptor.raw))) && has(F::name_, pack_slot(place(descriptor.name))) &&
         has(F::realpath_, pack_slot(place(descriptor.real)));
}

uint32_t Encoder::write_descriptor(const Descriptor& descriptor) {
  using F = DescriptorField;
  const bool is_opened = descriptor.raw && !descriptor.is_socket && !descriptor.local.known() && !descriptor.remote.known();
  uint32_t& alike = alike_[descriptor.ino % kAlikeMax];
  if (is_opened && is_said_by(alike, descriptor)) return alike;
  uint64_t fields[kDescriptorFields];
  const auto set = [&](F field, uint64_t value) { fields[static_cast<size_t>(field)] = value; };
  const auto set_port = [&](F field, const Endpoint& end) {
    set(field, end.known() ? end.port : static_cast<uint64_t>(kAbsent));
  };
  const auto set_address = [&](F field, const Endpoint& end) {
    const std::string_view bytes(reinterpret_cast<const char*>(end.address), end.size);
    set(field, pack_slot(end.known() ? strings_.put(bytes) : Span{kNull, 0}));
  };
  const auto socket_value = [&](int32_t value) {
    return descriptor.is_socket ? static_cast<uint64_t>(value) : static_cast<uint64_t>(kAbsent);
  };
  const Tuple tuple = tuple_of(descriptor);
  set(F::type_, static_cast<uint64_t>(descriptor.type));
  set(F::flags_, descriptor.flags);
  set(F::open_flags_, static_cast<uint32_t>(descriptor.open_flags));
  set(F::dev_, descriptor.dev);
  set(F::ino_, descriptor.ino);
  set(F::family_, socket_value(descriptor.family));
  set(F::socktype_, socket_value(descriptor.socket_type));
  set(F::l4proto_, socket_value(descriptor.protocol));
  set_port(F::cport_, tuple.client);
  set_port(F::sport_, tuple.server);
  set_address(F::cip_, tuple.client);
  set_address(F::sip_, tuple.server);
  set(F::name_, pack_slot(place(descriptor.name)));
  set(F::nameraw_, pack_slot(place(descriptor.raw)));
  set(F::realpath_, pack_slot(place(descriptor.real)));
  const uint32_t index = static_cast<uint32_t>(descriptors_.size() / kDescriptorSize);
  descriptors_.append(fields);
  if (is_opened) alike = index;
  return index;
}

Span Encoder::place(const Ref<Text>& text) {
  if (!text) return {kNull, 0};
  const uint32_t size = static_cast<uint32_t>(text->value.size());
  if (text->mark.batch != batch_) remember(text->mark, strings_.put(text->value).offset);
  return {text->mark.index, size};
}

void Encoder::remember(Mark& mark, uint32_t index) {
  mark = {batch_, index};
  marked_.push_back(&mark);
}

void Encoder::seal(uint64_t clock_ns, std::span<const uint64_t> lost, std::vector<uint8_t>& into) {
  into.clear();
  into.reserve(bytes() + kEnvelopeBytes);
  Pack pack(into);
  const auto pack_bin = [&](const auto& bytes) { pack.binary(bytes.data(), static_cast<uint32_t>(bytes.size())); };
  constexpr uint32_t kElements = 13;
  pack.array(kElements);
  pack.text(kBatchMagic);
  pack.integer(kBatchVersion);
  pack.wide(kSchema);
  pack_bin(source_);
  pack.integer(seq_++);
  pack.wide(clock_ns);
  pack.integer(first_);
  pack.integer(count_);
  pack.array(static_cast<uint32_t>(lost.size()));
  for (const uint64_t counter : lost) pack.integer(counter);
  pack_bin(processes_);
  pack_bin(descriptors_);
  pack_bin(strings_.bytes());
  pack_bin(records_);
  first_ += count_;
  begin();
}

}  // namespace vedette
