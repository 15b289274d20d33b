// SPDX-License-Identifier: Apache-2.0
// Questions about numbers and addresses.
import type { Operator } from "../condition.js";
import type { NetValue } from "../values.js";
import { and, call, get, i64, load64 } from "./func-context.js";
import { netTable } from "./net-table.js";
import type { Node } from "./node.js";
import type { IntSource, IpSource } from "./source.js";
import { TextLeaves } from "./text-leaf.js";
import { L, P } from "./text-source.js";
import type { Tree } from "./wasm.js";

// Up to this many are compared one by one.
const FEW_NUMBERS = 6;
const FEW_NETS = 4;

/** Adds leaves of numbers and addresses. */
export class NumberLeaves extends TextLeaves {
  protected int(source: IntSource, op: Operator, values: readonly bigint[]): Node {
    const cost = source.isCheap ? 1 : 8;
    if (op === "=" || op === "==" || op === "in" || op === "intersects") {
      if (values.length > FEW_NUMBERS) return this.#intSet(source, values, cost);
      return this.graph.or(
        values.map((value) =>
          this.leaf(source, `= ${value}`, cost, 0.2, (f) => ["i64.eq", source.value(f), i64(value)]),
        ),
      );
    }
    return this.graph.and([
      this.exists(source),
      ...values.map((value) =>
        this.leaf(source, `${op} ${value}`, cost, 0.6, (f) => [INT_OPS[op]!, source.value(f), i64(value)]),
      ),
    ]);
  }

  // By halves, in a table in order.
  #intSet(source: IntSource, values: readonly bigint[], cost: number): Node {
    const { program } = this;
    const key = `in ${program.listKey(values)}`;
    const make = () => BigInt64Array.from(new Set(values)).sort();
    return this.leaf(source, key, cost + 4, 0.3, (f) => {
      const at = program.constant(`numbers ${key}`, () => program.data.place(new Uint8Array(make().buffer)));
      return call("$int_in", source.value(f), at, new Set(values).size);
    });
  }

  protected nets(source: IpSource, nets: readonly NetValue[]): Node {
    if (nets.length <= FEW_NETS) return this.graph.or(nets.map((net) => this.#net(source, net)));
    const { program } = this;
    const names = program.listKey(nets.map((net) => `${net.bytes.join(".")}/${net.bits}`));
    const at = () => program.constant(`nets ${names}`, () => program.data.place(netTable(nets)));
    return this.ipLeaf(source, `in ${names}`, () => call("$net_in", get(P), get(L), at()));
  }

  #net(source: IpSource, net: NetValue): Node {
    return this.ipLeaf(source, `in ${net.bytes.join(".")}/${net.bits}`, () => {
      const bits = (start: number) => {
        const size = net.bytes.length === 4 ? 4 : 8;
        const mask = Buffer.alloc(8);
        for (let i = 0; i < size; i++) {
          const left = net.bits - (start + i) * 8;
          mask[i] = left >= 8 ? 255 : left <= 0 ? 0 : (255 << (8 - left)) & 255;
        }
        const value = Buffer.alloc(8);
        for (let i = 0; i < size; i++) value[i] = net.bytes[start + i]! & mask[i]!;
        return { mask: mask.readBigUInt64LE(), value: value.readBigUInt64LE() };
      };
      const part = (start: number): Tree => {
        const { mask, value } = bits(start);
        return ["i64.eq", ["i64.and", load64(get(P), start), i64(mask)], i64(value)];
      };
      const isFamily: Tree = ["i32.eq", get(L), net.bytes.length];
      return net.bytes.length === 4 ? and(isFamily, part(0)) : and(isFamily, and(part(0), part(8)));
    });
  }
}

/** The instruction of each operator on signed 64-bit numbers. */
export const INT_OPS: Partial<Record<Operator, string>> = {
  "<": "i64.lt_s",
  "<=": "i64.le_s",
  ">": "i64.gt_s",
  ">=": "i64.ge_s",
  "=": "i64.eq",
  "==": "i64.eq",
  in: "i64.eq",
  intersects: "i64.eq",
};
