// SPDX-License-Identifier: Apache-2.0
//
// `npm run bench -- exact [--calls N] [--threads N,N...] [--json]`: N hot calls (10 million by default) by 1
// and by 64 threads, the record of each looked at (bench/measure/exactness.ts), and counted by eBPF in the
// same run. Ends with 1 when a record is missing, is there twice, or is not what the program did.
import { type Exactness, measureExactness } from "./measure/exactness.js";

const CALLS = 10_000_000;

function option(name: string, otherwise: string): string {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1]!;
}

const results: Exactness[] = [];
for (const threads of option("threads", "1,64").split(","))
  results.push(await measureExactness(Number(threads), Number(option("calls", `${CALLS}`))));

if (process.argv.includes("--json")) console.log(JSON.stringify({ runs: results }));
else for (const result of results) print(result);
process.exit(results.every(isExact) ? 0 : 1);

function isExact({ status, made, right, lost, faults, agrees }: Exactness): boolean {
  return status === 0 && made === right && lost === 0 && faults.length === 0 && agrees;
}

function print(result: Exactness): void {
  const { threads, made, right, inlineShare, lost, faults, counts, ebpf, seconds } = result;
  const share = `${(100 * inlineShare).toFixed(2)} % inline`;
  console.log(
    `${threads} threads: ${right} of ${made} records right to the byte, ${share}, ${lost} lost, ${seconds.toFixed(0)} s`,
  );
  console.log(`  counts of the same run, Vedette and eBPF (${ebpf}):`);
  for (const { call, vedette, ebpf: theirs } of counts) console.log(`  ${call.padEnd(9)} ${vedette} ${theirs ?? "-"}`);
  for (const fault of faults) console.log(`  ${fault}`);
}
