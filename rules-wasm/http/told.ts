// SPDX-License-Identifier: Apache-2.0
// What is found of requests that one event has finished.
import { labelsKey, programOf } from "../connection/key";
import { Routes } from "../connection/routes";
import { Event } from "../event";
import { Str } from "../str";
import { mix } from "../string-set";
import { setSpan } from "../wire/frame";
import { METHODS } from "./head";
import { METHOD, PATH, PATH_SIZE, TIME } from "./request";

/** More are no pipeline, and as many streams of a connection can be underway. */
export const FINISHED_MAX: i32 = 128;
/** Of what is no call of gRPC. */
export const NO_CALL: u32 = 0xff;

/** One is made for each side. */
export class Told {
  count: i32 = 0;
  private readonly isClient: bool;
  private readonly templates: Routes = new Routes();
  /** Of each: begin, end, and its method, gRPC's status and its status. */
  private readonly found: StaticArray<u64> = new StaticArray<u64>(FINISHED_MAX * 3);
  /** Of each: trace, span and flags of its traceparent. */
  private readonly traces: StaticArray<u64>;
  private readonly keepsTraces: bool;
  private readonly routes: StaticArray<i32> = new StaticArray<i32>(FINISHED_MAX);
  /** What a route is given as. */
  private readonly span: usize = heap.alloc(8);

  constructor(isClient: bool, keepsTraces: bool) {
    this.isClient = isClient;
    this.keepsTraces = keepsTraces;
    this.traces = new StaticArray<u64>(keepsTraces ? FINISHED_MAX * 4 : 4);
  }

  /** Before an event: nothing is finished. */
  begin(): void {
    this.count = 0;
    this.templates.makeRoom();
  }

  /**
   * A request is answered. False: there is no room for it. `call`: gRPC's status, or NO_CALL. `trace`: where
   * its traceparent is kept, 0: it has none.
   */
  add(request: usize, end: u64, status: u32, call: u32, e: Event, trace: usize = 0): bool {
    if (this.count == FINISHED_MAX) return false;
    const i = this.count++, size: u32 = load<u8>(request, PATH_SIZE);
    this.found[3 * i] = load<u64>(request, TIME);
    this.found[3 * i + 1] = end;
    this.found[3 * i + 2] = <u64>load<u8>(request, METHOD) << 32 | call << 16 | status;
    if (this.keepsTraces) this.keepTrace(i, trace);
    this.routes[i] = size == 0 ? -1 : this.routeOf(request + PATH, size, status, call, e);
    return true;
  }

  // @ts-ignore: decorator
  @inline method(i: i32): string { return METHODS[<i32>(this.found[3 * i + 2] >> 32)]; }

  // @ts-ignore: decorator
  @inline status(i: i32): u32 { return <u32>this.found[3 * i + 2] & 0xffff; }

  /** Of a request's labels: another number for other ones. */
  labels(e: Event, i: i32): u64 {
    return labelsKey(e, this.isClient, mix(this.found[3 * i + 2], mix(<u64>this.routes[i], this.templates.round)));
  }

  /** gRPC's status, or NO_CALL. */
  // @ts-ignore: decorator
  @inline call(i: i32): u32 { return <u32>this.found[3 * i + 2] >> 16; }

  /** Without its first `from` bytes; empty where there is none. It stands until the next one is asked for. */
  route(i: i32, from: u32 = 0): Str {
    const route = this.routes[i];
    if (route < 0) return changetype<Str>(setSpan(this.span, this.span, 0));
    return changetype<Str>(setSpan(this.span, this.templates.address(route) + from, this.templates.size(route) - from));
  }

  // @ts-ignore: decorator
  @inline start(i: i32): u64 { return this.found[3 * i]; }

  /** By place: trace (two numbers), span, flags. Where no traces are kept, they are 0. */
  trace(i: i32, place: i32): u64 {
    return this.keepsTraces ? this.traces[4 * i + place] : 0;
  }

  private keepTrace(i: i32, trace: usize): void {
    for (let place = 0; place < 4; place++)
      this.traces[4 * i + place] = trace == 0 ? 0 : load<u64>(trace + 8 * <usize>place);
  }

  seconds(i: i32): f64 {
    const start = this.found[3 * i], end = this.found[3 * i + 1];
    return end > start ? <f64>(end - start) / 1e9 : 0;
  }

  /** A client's paths are told of calls alone. */
  private routeOf(path: usize, size: u32, status: u32, call: u32, e: Event): i32 {
    if (call != NO_CALL) return this.templates.findWhole(programOf(e), path, size, call == 0);
    return this.isClient ? -1 : this.templates.find(programOf(e), path, size, status < 400);
  }
}
