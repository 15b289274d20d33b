// SPDX-License-Identifier: Apache-2.0
// A process, as it was when the event happened: an entry of the frame's process table. Its fields are
// generated from events.yaml; here stands what is made of them. Ancestors stand in the same table; a walk
// over them ends at 64 of them, since a damaged table could make a ring.
import { ProcessFields } from "./generated/process";
import { ExeFlag } from "./generated/flags";
import { has } from "./flag";
import { Str } from "./str";
import { joinInto } from "./str-list";
import { keyOf } from "./state/key";
import { mix, StringSet } from "./string-set";
import { PathSet } from "./path-set";
import { spanOf, spanSize, textMemory } from "./wire/frame";
import { keepText, madeText } from "./wire/made-texts";

const ANCESTORS_MAX = 64;

/** One process. A process that is not known has `exists` false, empty texts and absent numbers. */
// @ts-ignore: decorator
@unmanaged @final
export class Process extends ProcessFields {
  /** False for the process that is not known: all its fields are absent. */
  // @ts-ignore: decorator
  @inline get exists(): bool { return this.pid != i64.MIN_VALUE; }
  /** For states: this process and no other, also when its number is used again. */
  get key(): u64 { return mix(<u64>this.pid, this.start_time); }
  /** For states: the container that it runs in. */
  get containerKey(): u64 { return keyOf(this.container_id); }
  // @ts-ignore: decorator
  @inline get is_exe_writable(): bool { return has(this.exe_flags, ExeFlag.EXE_WRITABLE); }
  // @ts-ignore: decorator
  @inline get is_exe_upper_layer(): bool { return has(this.exe_flags, ExeFlag.EXE_UPPER_LAYER); }
  // @ts-ignore: decorator
  @inline get is_exe_lower_layer(): bool { return has(this.exe_flags, ExeFlag.EXE_LOWER_LAYER); }
  // @ts-ignore: decorator
  @inline get is_exe_from_memfd(): bool { return has(this.exe_flags, ExeFlag.EXE_FROM_MEMFD); }
  /** proc.pname. */
  // @ts-ignore: decorator
  @inline get pname(): Str { return this.parent.name; }

  /**
   * proc.cmdline: name and arguments joined by blanks. It is put together once a batch: ask cheaper things
   * first.
   */
  get cmdline(): Str {
    const name = load<u64>(changetype<usize>(this.name)), args = load<u64>(changetype<usize>(this.args));
    const made = madeText(name, args);
    return changetype<Str>(made != 0 ? made : keepText(name, args, this.makeCmdline()));
  }

  private makeCmdline(): usize {
    const name = changetype<usize>(this.name), args = changetype<usize>(this.args);
    const nameSize = spanSize(name), text = textMemory(nameSize + 1 + spanSize(args));
    memory.copy(text, this.name.address, nameSize);
    if (spanSize(args) == 0) return spanOf(text, nameSize);
    store<u8>(text + nameSize, 0x20);
    return spanOf(text, nameSize + 1 + joinInto(text + nameSize + 1, args));
  }

  /** Ancestor `level` as Falco counts (proc.aname[2]): 0 is the process itself, 1 its parent. */
  ancestor(level: i32): Process {
    let process: Process = this;
    while (level-- > 0) process = process.parent;
    return process;
  }

  /** Whether an ancestor has one of these names. */
  hasAncestorNamed(names: StringSet): bool {
    let process = this.parent;
    for (let i = 0; i < ANCESTORS_MAX && process.exists; i++) {
      if (names.has(process.name)) return true;
      process = process.parent;
    }
    return false;
  }

  /**
   * Whether the process or its executable is in a list of an author's: names ("sshd") by proc.name, paths by
   * proc.exepath.
   */
  isOneOf(names: StringSet, paths: PathSet): bool {
    return names.has(this.name) || paths.has(this.exepath);
  }
}
