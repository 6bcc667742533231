/** The part of WebAssembly's JavaScript API that is used here: TypeScript has it in `lib.dom` alone. */
declare namespace WebAssembly {
  interface Module {
    readonly __module?: never;
  }
  interface Instance {
    readonly exports: Record<string, unknown>;
  }
  interface WebAssemblyInstantiatedSource {
    module: Module;
    instance: Instance;
  }
  interface MemoryDescriptor {
    initial: number;
    maximum?: number;
  }
  interface Memory {
    readonly buffer: ArrayBuffer;
  }
  function compile(bytes: Uint8Array<ArrayBuffer>): Promise<Module>;
}
type BufferSource = ArrayBufferView | ArrayBuffer;
