// The host's memory that RAM and disks lie in: one block, so large as it is asked for. A host commits such memory page by
// page when it is first written, so that a machine of 4 GiB costs what it uses.
//
// It is taken as the memory of WebAssembly where there is one: browsers give that 4 GiB at once, an ArrayBuffer less than
// 2, and its instructions memory.fill and memory.copy take two thirds of the time of the typed arrays' methods for a page.
// Where there is none the typed arrays do the same.

export interface HostMemory {
  words: Int32Array
  bytes: Uint8Array // the same memory
  fill: (at: number, byte: number, count: number) => void // bytes; `at` as a u32, its bits may be those of an i32
  copy: (to: number, from: number, count: number) => void // bytes; the ranges may overlap
}

/** What stands for memory that was not taken yet. */
export const NO_MEMORY = ofArrays(new ArrayBuffer(0))

export function takeMemory(bytes: number): HostMemory {
  const { WebAssembly: wasm } = globalThis as { WebAssembly?: Wasm }
  return wasm === undefined ? ofArrays(new ArrayBuffer(bytes)) : ofWasm(wasm, bytes)
}

function ofArrays(buffer: ArrayBuffer): HostMemory {
  const bytes = new Uint8Array(buffer)
  return {
    words: new Int32Array(buffer),
    bytes,
    fill: (at, byte, count) => {
      bytes.fill(byte, at >>> 0, (at >>> 0) + count)
    },
    copy: (to, from, count) => {
      bytes.copyWithin(to >>> 0, from >>> 0, (from >>> 0) + count)
    },
  }
}

/** What is used of it; the library of this folder knows no WebAssembly. */
interface Wasm {
  Memory: new (size: { initial: number; maximum: number }) => { buffer: ArrayBuffer }
  Module: new (code: Uint8Array) => object
  Instance: new (
    module: object,
    imports: Record<string, Record<string, object>>,
  ) => { exports: unknown }
}

const WASM_PAGE = 65536

// (module
//   (import "m" "m" (memory 0))
//   (func (export "f") (param i32 i32 i32) (memory.fill (local.get 0) (local.get 1) (local.get 2)))
//   (func (export "c") (param i32 i32 i32) (memory.copy (local.get 0) (local.get 1) (local.get 2))))
const CODE = new Uint8Array([
  ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
  ...[1, 7, 1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0], // types
  ...[2, 8, 1, 1, 0x6d, 1, 0x6d, 2, 0, 0], // imports
  ...[3, 3, 2, 0, 0], // functions
  ...[7, 9, 2, 1, 0x66, 0, 0, 1, 0x63, 0, 1], // exports
  ...[10, 26, 2], // code
  ...[11, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, 11, 0, 0x0b],
  ...[12, 0, 0x20, 0, 0x20, 1, 0x20, 2, 0xfc, 10, 0, 0, 0x0b],
])

function ofWasm(wasm: Wasm, bytes: number): HostMemory {
  const pages = Math.ceil(bytes / WASM_PAGE)
  const memory = new wasm.Memory({ initial: pages, maximum: pages })
  const { exports } = new wasm.Instance(new wasm.Module(CODE), { m: { m: memory } })
  const { f, c } = exports as { f: HostMemory['fill']; c: HostMemory['copy'] }
  const { buffer } = memory
  return { words: new Int32Array(buffer), bytes: new Uint8Array(buffer), fill: f, copy: c }
}
