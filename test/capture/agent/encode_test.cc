// SPDX-License-Identifier: Apache-2.0
#include "capture/agent/encode.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "test/capture/agent/batch_reader.h"
#include "test/capture/state/world.h"

using namespace vedette;

namespace {

constexpr Encoder::Source kSource = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

struct Encoding : World {
  Encoder encoder{kSource};
  std::vector<uint8_t> bytes;

  BatchReader seal(std::vector<uint64_t> lost = {}) {
    encoder.seal(12345, lost, bytes);
    return BatchReader(bytes);
  }
};

}  // namespace

TEST_CASE("the envelope is what docs/wire.md draws") {
  Encoding e;
  e.encoder.append(e.open(100, "/a", 3));
  const BatchReader batch = e.seal({1, 0, 300, 70000, 5'000'000'000});
  CHECK(batch.text(0) == "vedette");
  CHECK(batch.uint(1) == 1);
  CHECK(batch.uint(2) == kSchema);
  CHECK(batch.bin(3) == std::string_view("\1\2\3\4\5\6\7\10\11\12\13\14\15\16\17\20", 16));
  CHECK(batch.uint(4) == 1);
  CHECK(batch.uint(5) == 12345);
  CHECK(batch.uint(6) == 1);
  CHECK(batch.uint(7) == 1);
  CHECK(batch.lost() == std::vector<uint64_t>{1, 0, 300, 70000, 5'000'000'000});
}

TEST_CASE("a record comes back as it went in") {
  Encoding e;
  e.open_file(100, 3, "/etc/passwd");
  e.encoder.append(e.open(100, "../../etc/passwd", 3, O_RDONLY));
  const BatchReader batch = e.seal();
  const RecordHeader header = batch.header(0);
  CHECK(header.type == static_cast<uint16_t>(EventId::openat));
  CHECK(header.size == sizeof header + 4 * 8);
  CHECK(header.tid == 100);
  CHECK(header.result == 3);
  CHECK(header.fd == 3);
  CHECK(header.time == e.now);
  CHECK(header.latency == 1);
  CHECK(header.reserved == 0);
  CHECK(batch.slot(0, slot::openat_::dirfd) == AT_FDCWD);
  CHECK(batch.text_slot(0, slot::openat_::name) == "../../etc/passwd");
  CHECK(batch.slot(0, slot::openat_::flags) == O_RDONLY);

  using D = DescriptorField;
  REQUIRE(header.descriptor < batch.descriptors());
  CHECK(batch.descriptor(header.descriptor, D::type_) == 'f');
  CHECK(batch.descriptor_text(header.descriptor, D::nameraw_) == "../../etc/passwd");
  CHECK(batch.descriptor_text(header.descriptor, D::name_) == "/etc/passwd");
  CHECK(batch.descriptor_text(header.descriptor, D::realpath_) == "/etc/passwd");
  CHECK(batch.descriptor(header.descriptor, D::family_) == kAbsent);
  CHECK(BatchReader::is_none(batch.descriptor(header.descriptor, D::cip_)));

  using P = ProcessField;
  REQUIRE(header.process < batch.processes());
  CHECK(batch.process(header.process, P::pid_) == 100);
  CHECK(batch.process(header.process, P::ppid_) == 1);
  CHECK(batch.process(header.process, P::parent_) == kNull);
  CHECK(batch.process(header.process, P::uid_) == 1000);
  CHECK(batch.process(header.process, P::loginuid_) == -1);
  CHECK(batch.process(header.process, P::cap_effective_) == 0x400);
  CHECK(batch.process(header.process, P::fd_limit_) == 1024);
  CHECK(batch.process_text(header.process, P::name_) == "sh");
  CHECK(batch.process_text(header.process, P::exepath_) == "/bin/sh");
  CHECK(batch.process_text(header.process, P::args_) == std::string_view("-c\0ls\0", 6));
  CHECK(batch.process_text(header.process, P::cwd_) == "/home/user");
  CHECK(BatchReader::is_none(batch.process(header.process, P::container_id_)));
  const int64_t out = batch.process(header.process, P::stdout_);
  CHECK(batch.descriptor_text(static_cast<size_t>(out), D::name_) == "/dev/pts/0");
}

TEST_CASE("values that are not there say so") {
  Encoding e;
  Sighting& s = e.call(100, "read", {77, e.memory.put("x"), 1}, -EBADF);
  e.encoder.append(s);
  Sighting flying;
  Call call{.tid = 100, .nr = number_of("close"), .args = {3}, .enter_ns = 7};
  REQUIRE(decode_enter(call, e.memory, e.limits, flying.event));
  e.state.before_call(flying);
  decode_exit(call, e.memory, e.limits, flying.event);
  e.encoder.append(flying);
  const BatchReader batch = e.seal();
  CHECK(batch.header(0).descriptor == kNull);
  CHECK(batch.header(0).fd == 77);
  CHECK(batch.header(0).result == -EBADF);
  CHECK(batch.text_slot(0, slot::read_::data) == "(none)");
  CHECK(batch.header(1).result == kAbsent);
  CHECK(batch.header(1).flags == kInFlight);
  CHECK(batch.header(1).time == 7);
  CHECK(batch.header(1).latency == 0);
}

TEST_CASE("within a batch each process, descriptor and string stands once") {
  Encoding e;
  e.open_file(100, 3, "/data/file");
  e.encoder.append(e.open(100, "/data/file", 3));
  const size_t before = e.encoder.bytes();
  for (int i = 0; i < 100; ++i) {
    e.encoder.append(e.call(100, "read", {3, e.memory.put("same payload"), 12}, 12));
  }
  CHECK(e.encoder.bytes() == before + 100 * (sizeof(RecordHeader) + 16) + 12);
  const BatchReader batch = e.seal();
  CHECK(batch.records() == 101);
  CHECK(batch.processes() == 1);
  CHECK(batch.descriptors() == 4);  // the three standard ones and the file
  CHECK(batch.text_slot(57, slot::read_::data) == "same payload");
}

TEST_CASE("opens of which the same is to be said share an entry, others do not") {
  Encoding e;
  e.open_file(100, 3, "/data/file");
  e.encoder.append(e.open(100, "/data/file", 3));
  e.encoder.append(e.call(100, "close", {3}, 0));
  e.encoder.append(e.open(100, "/data/file", 3));
  e.encoder.append(e.open(100, "../../data/file", 3));
  e.encoder.append(e.open(100, "/data/file", 3, O_WRONLY));
  e.open_file(100, 3, "/data/other");
  e.encoder.append(e.open(100, "/data/other", 3));
  const BatchReader batch = e.seal();
  const auto entry = [&](size_t record) { return batch.header(record).descriptor; };
  CHECK(entry(0) == entry(1));
  CHECK(entry(0) == entry(2));
  CHECK(batch.descriptor_text(entry(3), DescriptorField::nameraw_) == "../../data/file");
  CHECK(batch.descriptor(entry(4), DescriptorField::open_flags_) != batch.descriptor(entry(0), DescriptorField::open_flags_));
  CHECK(batch.descriptor_text(entry(5), DescriptorField::realpath_) == "/data/other");
  CHECK(batch.descriptors() == 3 + 4);
}

TEST_CASE("an entry of an earlier batch is shared with nobody") {
  Encoding e;
  const auto open = [&e] {
    e.encoder.append(e.open(100, "/data/file", 3));
    return e.seal();
  };
  e.open_file(100, 3, "/data/file");
  (void)open();
  const BatchReader batch = open();
  CHECK(batch.descriptor_text(batch.header(0).descriptor, DescriptorField::realpath_) == "/data/file");
}

TEST_CASE("the next batch is good by itself") {
  Encoding e;
  e.encoder.append(e.open(100, "/a", 3));
  CHECK(e.seal().uint(4) == 1);
  e.encoder.append(e.call(100, "close", {3}, 0));
  const BatchReader batch = e.seal();
  CHECK(batch.uint(4) == 2);
  CHECK(batch.uint(6) == 2);
  CHECK(batch.processes() == 1);
  CHECK(batch.descriptor_text(batch.header(0).descriptor, DescriptorField::name_) == "/a");
  CHECK(batch.process_text(batch.header(0).process, ProcessField::name_) == "sh");
}

TEST_CASE("an entry says what was true at its records: a change makes a new one") {
  Encoding e;
  e.fork(100, 101);
  e.encoder.append(e.call(101, "close", {50}, -EBADF));
  e.image(101, "ls", "/bin/ls", std::string("ls\0", 3));
  e.state.on_exec(101, 101, ++e.now);
  e.encoder.append(e.call(101, "close", {50}, -EBADF));
  e.kernel.links["101/cwd"] = "/tmp";
  e.encoder.append(e.call(101, "chdir", {e.memory.put_text("/tmp")}, 0));
  const BatchReader batch = e.seal();
  using P = ProcessField;
  CHECK(batch.process_text(batch.header(0).process, P::name_) == "sh");
  CHECK(batch.process_text(batch.header(1).process, P::name_) == "ls");
  CHECK(batch.process_text(batch.header(1).process, P::cwd_) == "/home/user");
  CHECK(batch.process_text(batch.header(2).process, P::cwd_) == "/tmp");
  const int64_t parent = batch.process(batch.header(2).process, P::parent_);
  CHECK(batch.process(static_cast<size_t>(parent), P::pid_) == 100);
}

TEST_CASE("a parent's exec is seen through its child, another process's is not written again") {
  Encoding e;
  e.fork(100, 101);
  e.fork(100, 102);
  e.encoder.append(e.call(101, "close", {50}, -EBADF));
  e.image(102, "other", "/bin/other", std::string("other\0", 6));
  e.state.on_exec(102, 102, ++e.now);
  e.encoder.append(e.call(101, "close", {50}, -EBADF));
  e.image(100, "bash", "/bin/bash", std::string("bash\0", 5));
  e.state.on_exec(100, 100, ++e.now);
  e.encoder.append(e.call(101, "close", {50}, -EBADF));
  const BatchReader batch = e.seal();
  CHECK(batch.header(0).process == batch.header(1).process);
  CHECK(batch.header(1).process != batch.header(2).process);
  const auto parent_of = [&](size_t record) {
    return static_cast<size_t>(batch.process(batch.header(record).process, ProcessField::parent_));
  };
  CHECK(batch.process_text(parent_of(1), ProcessField::name_) == "sh");
  CHECK(batch.process_text(parent_of(2), ProcessField::name_) == "bash");
}

TEST_CASE("a standard descriptor that becomes a socket is seen in the process") {
  Encoding e;
  e.encoder.append(e.call(100, "close", {50}, -EBADF));
  e.call(100, "socket", {AF_INET, SOCK_STREAM, 0}, 3);
  e.call(100, "dup2", {3, 0}, 0);
  e.encoder.append(e.call(100, "close", {50}, -EBADF));
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(4444);
  inet_pton(AF_INET, "1.2.3.4", &in.sin_addr);
  e.call(100, "connect", {3, e.memory.put_value(in), sizeof in}, 0);
  e.encoder.append(e.call(100, "close", {50}, -EBADF));
  const BatchReader batch = e.seal();
  const auto input_of = [&](size_t record) {
    return static_cast<size_t>(batch.process(batch.header(record).process, ProcessField::stdin_));
  };
  using D = DescriptorField;
  CHECK(batch.descriptor(input_of(0), D::type_) == 'f');
  CHECK(batch.descriptor(input_of(1), D::type_) == '4');
  CHECK(batch.descriptor_text(input_of(2), D::name_) == ":0->1.2.3.4:4444");
  CHECK(batch.descriptor_text(input_of(2), D::sip_) == "\1\2\3\4");
  CHECK(batch.descriptor(input_of(2), D::sport_) == 4444);
  CHECK(batch.descriptor(input_of(2), D::cport_) == kAbsent);
  CHECK(batch.descriptor(input_of(2), D::family_) == AF_INET);
}

TEST_CASE("a batch is full at its number of records, and says so without harm") {
  Encoding e;
  Sighting& s = e.call(100, "close", {50}, -EBADF);
  for (uint32_t i = 0; i < kBatchRecordsMax; ++i) REQUIRE(e.encoder.append(s));
  CHECK_FALSE(e.encoder.append(s));
  CHECK(e.encoder.records() == kBatchRecordsMax);
  CHECK(e.seal().records() == kBatchRecordsMax);
  CHECK(e.encoder.append(s));
  CHECK(e.encoder.next_event() == kBatchRecordsMax + 2);
}

TEST_CASE("a batch is full at its bytes; what did not fit comes whole in the next") {
  Encoding e;
  e.limits.snaplen = kSnaplenMax;
  int batches = 0, events = 0;
  for (int i = 0; i < 1000; ++i) {
    std::string payload = std::to_string(i) + " " + std::string(4000, 'p');
    e.open(100, "/file" + std::to_string(i), 3);
    Sighting& s = e.call(100, "write", {3, e.memory.put(payload), payload.size()}, static_cast<int64_t>(payload.size()));
    if (!e.encoder.append(s)) {
      const BatchReader batch = e.seal();
      CHECK(e.bytes.size() <= kBatchBytesMax + 256);
      events += static_cast<int>(batch.records());
      ++batches;
      REQUIRE(e.encoder.append(s));
    }
    if (e.encoder.records() == 1) {
      const Encoder copy = e.encoder;
      Encoder reader = copy;
      std::vector<uint8_t> bytes;
      reader.seal(0, {}, bytes);
      const BatchReader first(bytes);
      CHECK(first.text_slot(0, slot::write_::data) == payload);
      CHECK(first.descriptor_text(first.header(0).descriptor, DescriptorField::name_) == "/file" + std::to_string(i));
      CHECK(first.process_text(first.header(0).process, ProcessField::name_) == "sh");
    }
  }
  events += static_cast<int>(e.encoder.records());
  CHECK(batches >= 3);
  CHECK(events == 1000);
}

TEST_CASE("a line of ancestors that no batch could hold is left out rather than the event") {
  Encoding e;
  uint32_t tid = 100;
  for (uint32_t next = 1000; next < 1200; ++next) {
    e.fork(tid, next);
    e.image(next, "x", "/bin/" + std::to_string(next), "x" + std::string(1, '\0') + std::to_string(next) + std::string(3000, 'a'));
    e.kernel.texts[FakeTruth::key(next, "environ")] = std::to_string(next) + std::string(4000, 'e');
    e.state.on_exec(next, next, ++e.now);
    tid = next;
  }
  Sighting& s = e.call(tid, "close", {50}, -EBADF);
  REQUIRE(e.encoder.append(s));
  const BatchReader batch = e.seal();
  CHECK(batch.records() == 1);
  CHECK(batch.process(batch.header(0).process, ProcessField::pid_) == tid);
  CHECK(batch.process(batch.header(0).process, ProcessField::parent_) == kNull);
}

TEST_CASE("skipped events leave a gap in the numbers") {
  Encoding e;
  e.encoder.append(e.call(100, "close", {50}, -EBADF));
  CHECK(e.seal().uint(6) == 1);
  e.encoder.skip(10);
  e.encoder.append(e.call(100, "close", {50}, -EBADF));
  CHECK(e.seal().uint(6) == 12);
}

TEST_CASE("an event without a process, and the end of one, can be told") {
  Encoding e;
  Sighting notice;
  describe_notice(notice.event, 0, Notice::LOST, "", "lost", 3, 99);
  REQUIRE(e.encoder.append(notice));
  Sighting end;
  describe_exit(end.event, 100, 9, 100, 1);
  e.state.attach(end);
  REQUIRE(e.encoder.append(end));
  const BatchReader batch = e.seal();
  CHECK(batch.header(0).process == kNull);
  CHECK(batch.text_slot(0, slot::vedette_notice_::text) == "lost");
  CHECK(batch.header(1).type == static_cast<uint16_t>(EventId::procexit));
  CHECK(batch.slot(1, slot::procexit_::sig) == 9);
  CHECK(batch.process(batch.header(1).process, ProcessField::pid_) == 100);
}
