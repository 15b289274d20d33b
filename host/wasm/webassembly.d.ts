// SPDX-License-Identifier: Apache-2.0
// The part of the WebAssembly API that we use. TypeScript has it only in its library for browsers, which
// would also bring `window` and two hundred more globals that Node does not have.
declare namespace WebAssembly {
  class Module {
    private readonly brand: unknown;
  }
  class Memory {
    constructor(size: { readonly initial: number; readonly maximum: number });
    readonly buffer: ArrayBuffer;
  }
  class Global {
    value: unknown;
  }
  class Instance {
    constructor(module: Module, imports: Readonly<Record<string, Readonly<Record<string, unknown>>>>);
    readonly exports: Readonly<Record<string, unknown>>;
  }
  class RuntimeError extends Error {}
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
}
