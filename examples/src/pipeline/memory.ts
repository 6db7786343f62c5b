/** Measures what a program holds on to: the heap after a collection, at each tenth of the input. */
import { setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"

// So that the program needs no flag of Node's.
setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

export class Memory {
  /** Megabytes at each tenth. */
  readonly heap: Array<number> = []
  private readonly size: number

  constructor(size: number) {
    this.size = size
  }

  /** Measures if the input is a tenth further than at the last time. */
  look(bytes: number): void {
    if (bytes < (this.size * (this.heap.length + 1)) / 10 - 1) return
    collect()
    this.heap.push(process.memoryUsage().heapUsed / 1e6)
  }

  /** How much more it held at any time than at the first tenth, in megabytes. */
  get growth(): number {
    return this.heap.length === 0 ? 0 : Math.max(...this.heap) - this.heap[0]!
  }
}
