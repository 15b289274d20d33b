// SPDX-License-Identifier: Apache-2.0
// An example of each command, as `--help` and the manual page show it. A test runs each of them as it stands
// here, in a folder that has the files it names, with a registry in place of r.example
// (test/host/cli/help.test.ts).

/** A line to type, and what it does. */
export interface Example {
  readonly says: string;
  readonly line: string;
}

/** By the command's path. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  vedette: [{ says: "Judge what a program does", line: "vedette run -- cat /etc/shadow" }],
  "vedette run": [
    { says: "Judge what a program does, by the pack", line: "vedette run -- cat /etc/shadow" },
    { says: "By the pack and a policy of yours", line: "vedette run --policy pack --policy mine -- ls" },
    { says: "By Falco's rules", line: "vedette run --falco-rules rules.yaml -- ls" },
  ],
  "vedette trace": [
    { says: "Print the files that ls opens", line: "vedette trace -f 'evt.type = openat' -- ls" },
    { says: "Give the events, and nothing of ls, to another program", line: "vedette trace --json -o >(wc -l) -- ls" },
    { says: "Watch a program that runs already", line: "sleep 2 & vedette trace --pid $!" },
  ],
  "vedette record": [{ says: "Store what a program does", line: "vedette record -o ls.vdt -- ls" }],
  "vedette convert": [{ says: "Let Falco or tshark read a recording", line: "vedette convert ls.vdt ls.scap.gz" }],
  "vedette doctor": [{ says: "See what will work here", line: "vedette doctor" }],
  "vedette console": [
    { says: "Get an address for the browser", line: "vedette console --socket /run/vedette.sock" },
    { says: "Look into a store", line: "vedette console --store /var/lib/vedette" },
  ],
  "vedette top": [
    { says: "Look at a command", line: "vedette top -- ls" },
    { says: "See once what fails", line: "vedette top --once --view errors -- ls" },
  ],
  "vedette instrument": [
    { says: "See what would change", line: "vedette instrument --dry-run --image vedette:1 task.json" },
  ],
  "vedette serve": [{ says: "Ask the sidecar of this task how it is", line: "vedette serve --check" }],
  "vedette policy": [{ says: "See whether a policy is right", line: "vedette policy check mine" }],
  "vedette policy new": [
    { says: "Begin a policy", line: "vedette policy new fresh" },
    { says: "Make one of a rule of Falco's", line: "vedette policy new --from rules.yaml --rule Shell shell" },
  ],
  "vedette policy check": [{ says: "See whether a policy is right", line: "vedette policy check mine" }],
  "vedette policy build": [{ says: "Make one file of a policy", line: "vedette policy build -o mine.wasm mine" }],
  "vedette policy test": [
    { says: "Run a policy's tests", line: "vedette policy test mine" },
    { says: "Run those with this in their names", line: "vedette policy test mine -k curl" },
    { says: "See what no test reaches", line: "vedette policy test mine --coverage" },
  ],
  "vedette policy watch": [{ says: "See after each change whether it is right", line: "vedette policy watch mine" }],
  "vedette policy bench": [{ says: "Measure a policy", line: "vedette policy bench mine" }],
  "vedette policy inspect": [
    { says: "See what a policy is", line: "vedette policy inspect mine" },
    { says: "List the rules of the pack", line: "vedette policy inspect pack" },
  ],
  "vedette policy sign": [{ says: "Sign a policy", line: "vedette policy sign --key key.pem mine" }],
  "vedette policy push": [
    { says: "Push a policy to a registry", line: "vedette policy push mine oci://r.example/mine:1" },
  ],
  "vedette policy pull": [
    {
      says: "Take one that this key has signed",
      line: "vedette policy pull oci://r.example/mine:1 copy --key key.pem.pub",
    },
  ],
  "vedette policy release": [
    {
      says: "Say which policies run",
      line: "vedette policy release releases.yaml oci://r.example/list:live --key key.pem",
    },
  ],
  "vedette policy verify": [
    {
      says: "See who signed it",
      line: "vedette policy verify oci://r.example/mine:1 --key key.pem.pub",
    },
  ],
  "vedette policy status": [
    { says: "See how a running Vedette's policies are", line: "vedette policy status --socket /run/vedette.sock" },
    { says: "Of the one that this file is of", line: "vedette policy status --config vedette.yaml" },
  ],
  "vedette policy explain": [
    {
      says: "See why a rule of a policy does not fire for an event",
      line: "vedette policy explain '{execve: {proc: {name: ls}}}' --policy mine",
    },
    {
      says: "The same of a Falco rule",
      line: "vedette policy explain '{execve: {}}' --falco-rules rules.yaml",
    },
    {
      says: "The same of a rule of the pack",
      line: "vedette policy explain '{openat: {name: /x}}' --rule 'Sensitive file read'",
    },
  ],
  "vedette policy import-falco": [
    { says: "Make a policy of Falco's rules", line: "vedette policy import-falco --out imported rules.yaml" },
  ],
  "vedette config": [{ says: "See whether a file is right", line: "vedette config check vedette.yaml" }],
  "vedette config check": [{ says: "See whether a file is right", line: "vedette config check vedette.yaml" }],
  "vedette config keys": [{ says: "Find a key", line: "vedette config keys | grep alerts" }],
  "vedette config schema": [
    { says: "Let an editor complete keys", line: "vedette config schema > vedette.schema.json" },
  ],
  "vedette fleet": [
    { says: "Get what waits", line: "vedette fleet collect --once --bus nats://127.0.0.1:1 --store all" },
  ],
  "vedette fleet collect": [
    { says: "Get what waits", line: "vedette fleet collect --once --bus nats://127.0.0.1:1 --store all" },
  ],
  "vedette fleet sensors": [{ says: "See who beats", line: "vedette fleet sensors --bus nats://127.0.0.1:1" }],
  "vedette judge": [
    {
      says: "Judge what many tasks forward",
      line: "vedette judge --bus nats://127.0.0.1:1 --store all --http unix:judge.sock",
    },
  ],
  "vedette outputs": [{ says: "Try an output", line: "vedette outputs test disk --config vedette.yaml" }],
  "vedette outputs test": [{ says: "Try an output", line: "vedette outputs test disk --config vedette.yaml" }],
  "vedette replay": [{ says: "Judge a recording again", line: "vedette replay ls.vdt" }],
  "vedette fields": [{ says: "Find a field", line: "vedette fields | grep port" }],
  "vedette falco": [{ says: "See whether rules can be loaded", line: "vedette falco -V rules.yaml" }],
  "vedette completion": [{ says: "Complete in this shell", line: "source <(vedette completion bash)" }],
  "vedette man": [{ says: "Read the manual", line: "vedette man | man -l -" }],
};
