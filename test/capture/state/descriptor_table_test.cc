// SPDX-License-Identifier: Apache-2.0
#include "capture/state/descriptor_table.h"

#include <doctest/doctest.h>

#include "capture/state/process.h"

using namespace vedette;

namespace {

Ref<Descriptor> named(const char* name) {
  Ref<Descriptor> descriptor = make_ref<Descriptor>();
  descriptor->name = make_ref<Text>(name);
  return descriptor;
}

}  // namespace

TEST_CASE("numbers are found, replaced and removed") {
  DescriptorTable table;
  CHECK_FALSE(table.find(3));
  const Ref<Descriptor> first = named("first"), second = named("second");
  table.set(7, first, false);
  table.set(3, second, false);
  CHECK(table.find(7) == first);
  CHECK(table.find(3) == second);
  table.set(7, second, false);
  CHECK(table.find(7) == second);
  CHECK(table.size() == 2);
  table.remove(3);
  table.remove(99);
  CHECK_FALSE(table.find(3));
  CHECK(table.size() == 1);
}

TEST_CASE("a number is removed if it refers to what it should") {
  DescriptorTable table;
  const Ref<Descriptor> first = named("first"), second = named("second");
  table.remove(3, first);
  table.set(3, first, false);
  table.set(7, second, false);
  table.remove(3, second);
  table.remove(3, {});
  table.remove(5, first);
  CHECK(table.find(3) == first);
  const Ref<DescriptorTable> copy = table.copy();
  copy->remove(3, first);
  CHECK_FALSE(copy->find(3));
  CHECK(copy->find(7) == second);
  CHECK(table.find(3) == first);
}

TEST_CASE("a close means what stood under its number when it began") {
  DescriptorTable table;
  const Ref<Descriptor> first = named("first"), second = named("second"), third = named("third");
  table.overtake(3, 100);  // nothing stands there
  CHECK_FALSE(table.take_overtaken(3, 99));
  table.set(3, first, false);
  table.overtake(3, 200);
  table.set(3, second, false);
  table.overtake(3, 300);
  table.set(3, third, false);
  CHECK_FALSE(table.take_overtaken(4, 199));
  CHECK_FALSE(table.take_overtaken(3, 300));
  CHECK(table.take_overtaken(3, 299) == second);
  CHECK_FALSE(table.take_overtaken(3, 200));
  CHECK(table.take_overtaken(3, 199) == first);
  CHECK_FALSE(table.take_overtaken(3, 0));
  CHECK(table.find(3) == third);
}

TEST_CASE("what is being closed is kept of the last 64 numbers that were given anew") {
  DescriptorTable table;
  const Ref<Descriptor> file = named("file");
  table.set(3, file, false);
  for (uint64_t given = 1; given <= 1000; ++given) table.overtake(3, given);
  int kept = 0;
  while (table.take_overtaken(3, 0)) ++kept;
  CHECK(kept == 64);
}

TEST_CASE("a copy shares its entries until one side writes") {
  Ref<DescriptorTable> parent = make_ref<DescriptorTable>();
  const Ref<Descriptor> file = named("file");
  for (int fd = 0; fd < 100; ++fd) parent->set(fd, file, false);
  const uint32_t held = file->refs;
  const Ref<DescriptorTable> child = parent->copy();
  CHECK(file->refs == held);  // nothing was copied
  child->remove(5);
  CHECK(parent->find(5) == file);
  CHECK_FALSE(child->find(5));
  parent->set(200, file, false);
  CHECK_FALSE(child->find(200));
}

TEST_CASE("exec closes what is marked, close_range a range or marks it") {
  DescriptorTable table;
  for (int fd = 0; fd < 10; ++fd) table.set(fd, named("x"), fd == 4);
  table.close_on_exec();
  CHECK_FALSE(table.find(4));
  CHECK(table.size() == 9);
  table.remove_range(7, UINT32_MAX);
  CHECK(table.size() == 6);
  table.mark_range(5, 6);
  table.set_close_on_exec(6, false);
  table.set_close_on_exec(77, true);
  table.close_on_exec();
  CHECK_FALSE(table.find(5));
  CHECK(table.find(6));
}

TEST_CASE("only what concerns a standard descriptor counts as a change of the process") {
  DescriptorTable table;
  const uint64_t before = state_changes;
  table.set(3, named("x"), false);
  table.remove(3);
  CHECK(state_changes == before);
  table.set(2, named("x"), false);
  CHECK(state_changes > before);
}

TEST_CASE("a descriptor that stands in no batch changes nothing that was written") {
  const Ref<Descriptor> descriptor = named("x");
  const uint64_t before = state_changes;
  descriptor->changed();
  CHECK(state_changes == before);
  descriptor->mark = {1, 0};
  descriptor->changed();
  CHECK(state_changes > before);
  CHECK(descriptor->mark.batch == 0);
}

TEST_CASE("numbers are found behind many gaps and few") {
  DescriptorTable table;
  for (int fd = 0; fd < 300; fd += fd % 50 == 0 ? 11 : 1) table.set(fd, named(std::to_string(fd).c_str()), false);
  for (int fd = 0, next = 0; fd < 310; ++fd) {
    const Ref<Descriptor> found = table.find(fd);
    if (fd != next || fd >= 300) {
      CHECK_FALSE(found);
    } else {
      CHECK(view(found->name) == std::to_string(fd));
      next += fd % 50 == 0 ? 11 : 1;
    }
  }
}

TEST_CASE("a table does not grow without end") {
  DescriptorTable table;
  const Ref<Descriptor> file = named("x");
  for (int fd = 0; fd < 70000; ++fd) table.set(fd, file, false);
  CHECK(table.size() == 65536);
  CHECK_FALSE(table.find(69999));
  table.set(5, named("y"), false);
  CHECK(view(table.find(5)->name) == "y");
}
