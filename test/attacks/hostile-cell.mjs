// SPDX-License-Identifier: Apache-2.0
//
// Speaks for a tenant's cell that was taken over: `node hostile-cell.mjs MODE RULE [FINDING]`. What it says goes over descriptor 3, as a cell's words do.
import { Socket } from "node:net";
import { Packr } from "msgpackr";

const [, , mode, rule, about = "{}"] = process.argv.filter((word) => !word.endsWith("cell-child.js"));
const packr = new Packr({ useRecords: false });
const socket = new Socket({ fd: 3 });
const head = (size) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(size);
  return bytes;
};
const say = (message) => {
  const bytes = packr.pack(message);
  socket.write(Buffer.concat([head(bytes.length), bytes]));
};
const alert = (policy, name, more = {}) => ({
  kind: "alert",
  policy,
  rule: name,
  time: 1n,
  output: "made up",
  outputFields: [],
  stream: 5,
  ...more,
});

const counts = "events batches alerts suppressed ns memoryBytes traps denied monitored".split(" ");
const tally = Object.fromEntries(counts.map((name) => [name, 0]));
const seat = { number: 0, state: "judging", tally, lastError: null };

say({ kind: "ready" });
let heard = Buffer.alloc(0);
let words = 0;
socket.on("data", (bytes) => {
  heard = Buffer.concat([heard, bytes]);
  while (heard.length >= 4 && heard.length >= 4 + heard.readUInt32LE()) {
    heard = heard.subarray(4 + heard.readUInt32LE());
    hear();
  }
});

/** The host has said something: first which policy comes, then a batch. */
function hear() {
  if (words++ > 0) {
    if (words > 2) return;
    const claim = (stream, finding) => say(alert("mine", rule, { stream, finding: { ...finding, isCut: false } }));
    if (mode === "about") for (const stream of [5, 9]) claim(stream, JSON.parse(about));
    if (mode === "claims") for (const finding of JSON.parse(about)) claim(5, finding);
    return;
  }
  if (mode === "dies") process.exit(0);
  say({ kind: "swapped", number: 0, fault: null });
  setTimeout(() => {
    if (mode === "flood") for (let i = 0; i < 3000; i++) say(alert("mine", rule));
    if (mode === "forge") {
      say(alert("theirs", rule));
      say(alert("mine", "No such rule"));
      say(alert("mine", rule, { time: 1n << 62n, stream: 9 }));
    }
    if (mode === "form") say({ ...alert("mine", rule), tenant: "theirs", hostname: "elsewhere" });
    if (mode === "measures") {
      const { number, measurements, times = 1 } = JSON.parse(about);
      for (let i = 0; i < times; i++) say({ kind: "measured", number, measured: { measurements, refused: 0 } });
      say({ kind: "judged", batches: 0, seats: [seat] });
    }
    if (mode === "faults") {
      const fault = { kind: "fault", number: 0, code: "VEDETTE_POLICY_TRAPPED", message: "x".repeat(8_000), hint: "" };
      say({ ...fault, number: -1 });
      say({ ...fault, number: 9 });
      for (const code of ["VEDETTE_HOST_HUNG", "VEDETTE_CELL_LOST", "toString"]) say({ ...fault, code });
      for (let i = 0; i < 1_000; i++) say(fault);
      say({ kind: "judged", batches: 0, seats: [seat] });
    }
    if (mode === "nonsense") socket.write(Buffer.concat([head(5), Buffer.from([0xc1, 1, 2, 3, 4])]));
    if (mode === "long") socket.write(Buffer.concat([head(0xffffffff), Buffer.alloc(1 << 20)]));
    if (mode === "ahead") say({ kind: "judged", batches: 1e15, seats: [seat] });
    if (mode === "words") for (let i = 0; i < 20_000; i++) say({ kind: "log", policy: "mine", level: 1, text: "x" });
  }, 50);
}
