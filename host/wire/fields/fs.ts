// SPDX-License-Identifier: Apache-2.0
// fs.path.* and evt.abspath: the path that a call worked on, by one name for all calls. fs.path.* is set only
// where the call succeeded. `raw` is the path as it was passed; without it, it is joined with the directory
// it is relative to.
import type { EventType, Field } from "../../../build/generated/events.js";
import { HEADER_SIZE } from "../../../build/generated/events.js";
import { nameOf } from "../descriptor.js";
import { isSpan } from "../layout.js";
import { normalise } from "../path.js";
import { PerEvent } from "../per-event.js";
import { descriptorAt, resultOf } from "../record.js";
import { paramText } from "../render.js";
import { readText } from "../slot.js";
import type { FieldGetter, FieldRow, FieldRows } from "./row.js";

/** Which parameter of each call it is. A number for a path: what the descriptor names. */
export const PATHS: Readonly<Record<"name" | "source" | "target", Readonly<Record<string, string>>>> = {
  name: {
    open: "name",
    openat: "name",
    openat2: "name",
    creat: "name",
    open_by_handle_at: "path",
    mkdir: "path",
    mkdirat: "path",
    rmdir: "path",
    unlink: "path",
    unlinkat: "name",
    chmod: "filename",
    fchmod: "fd",
    fchmodat: "filename",
    fchmodat2: "filename",
    chown: "path",
    lchown: "path",
    fchown: "fd",
    fchownat: "pathname",
    umount2: "name",
    quotactl: "special",
  },
  source: {
    rename: "oldpath",
    renameat: "oldpath",
    renameat2: "oldpath",
    link: "oldpath",
    linkat: "oldpath",
    symlink: "target",
    symlinkat: "target",
    mount: "dev",
  },
  target: {
    rename: "newpath",
    renameat: "newpath",
    renameat2: "newpath",
    link: "newpath",
    linkat: "newpath",
    symlink: "linkpath",
    symlinkat: "linkpath",
    mount: "dir",
  },
};

/**
 * evt.abspath: of which calls Falco tells it, and by which parameter. Of those with two paths, `src` is the
 * one without a word.
 */
export const ABSOLUTE: Readonly<Record<"src" | "dst", Readonly<Record<string, string>>>> = (() => {
  const one = {
    openat: "name",
    openat2: "name",
    open_by_handle_at: "path",
    unlinkat: "name",
    mkdirat: "path",
    fchmodat: "filename",
    fchownat: "pathname",
    symlinkat: "linkpath",
  };
  const two = ["renameat", "renameat2", "linkat"];
  const of = (param: string) => ({ ...one, ...Object.fromEntries(two.map((name) => [name, param])) });
  return { src: of("oldpath"), dst: of("newpath") };
})();
/** What stands for a directory of which the record does not tell the name. */
export const UNKNOWN_DIRECTORY = "<UNKNOWN>/";

function absolute(of: keyof typeof ABSOLUTE): FieldRow {
  const getters = new PerEvent<FieldGetter>((event) => {
    const param = event.params.find((one) => one.name === ABSOLUTE[of][event.name]);
    return param === undefined ? NEVER : paramText(event, param);
  });
  return {
    get: (batch, at) => {
      const path = getters.of(batch, at)(batch, at);
      if (path === null || path === "") return null;
      return String(path).startsWith("/") ? normalise(String(path)) : `${UNKNOWN_DIRECTORY}${path}`;
    },
  };
}

const NEVER: FieldGetter = () => null;

function row(of: keyof typeof PATHS, isRaw: boolean): FieldRow {
  const getters = new PerEvent<FieldGetter>((event) => {
    const param = event.params.find((one) => one.name === PATHS[of][event.name]);
    return param === undefined ? NEVER : getter(event, param, isRaw);
  });
  return {
    get: (batch, at) => ((resultOf(batch, at) ?? -1) < 0 ? null : getters.of(batch, at)(batch, at)),
  };
}

function getter(event: EventType, param: Field, isRaw: boolean): FieldGetter {
  if (!isSpan(param)) return (batch, at) => nameOf(batch, descriptorAt(batch, at));
  if (!isRaw || param.from !== null) return paramText(event, param);
  const slot = HEADER_SIZE + 8 * param.slot;
  return (batch, at) => readText(batch, batch.recordView, at + slot);
}

/** How fs.path.* and evt.abspath.* are read. Null for a call that works on no path. */
export const FS_FIELDS: FieldRows = {
  "evt.abspath": absolute("src"),
  "evt.abspath.src": absolute("src"),
  "evt.abspath.dst": absolute("dst"),
  "fs.path.name": row("name", false),
  "fs.path.nameraw": row("name", true),
  "fs.path.source": row("source", false),
  "fs.path.sourceraw": row("source", true),
  "fs.path.target": row("target", false),
  "fs.path.targetraw": row("target", true),
};
