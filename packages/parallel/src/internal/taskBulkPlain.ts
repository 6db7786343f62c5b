/** Carries out a chunk of a plain function in a worker; it knows nothing of Effect. */
import type { HostHandle, HostPort, Meta, Wire } from "../TaskRunner.ts"
import { BulkRun } from "./taskBulkRun.ts"
import * as parts from "./taskParts.ts"

/** How one call of the function speaks. */
export interface Port extends Pick<HostPort, "send" | "settle"> {
  /** Takes a result that is a number, where these travel as they are. */
  readonly number?: ((value: number) => void) | undefined
}

/** Begins a call of the function. */
export type Begin = (value: unknown, meta: Meta | undefined, port: Port) => HostHandle

class PlainChunk extends BulkRun {
  private readonly beginOne: Begin
  private readonly list: ReadonlyArray<unknown> | undefined

  constructor(begin: Begin, payload: Wire, meta: Meta, port: HostPort) {
    super(payload, meta, port, now)
    this.beginOne = begin
    this.list = this.listOf(parts.parse)
  }

  protected begin(index: number): HostHandle | undefined {
    const { list } = this
    const value = list === undefined ? jsonFormOf(this.numbers[index]!) : list[index]
    const remaining = this.remaining()
    const meta = remaining === undefined && this.meta.level === undefined ? undefined : { level: this.meta.level, remaining }
    return this.beginOne(value, meta, {
      send: (text) => this.say(index, text),
      settle: (answer) => this.done(index, answer),
      number: this.chunk.gives === true ? (value) => this.done(index, value) : undefined
    })
  }

  /** Only Node's own turn lets messages in. */
  protected turn(then: () => void): void {
    immediately(then)
  }
}

const immediately =
  (globalThis as { readonly setImmediate?: (then: () => void) => void }).setImmediate ?? ((then) => void setTimeout(then, 0))

/** As the schema of numbers writes what JSON has no form for. */
const jsonFormOf = (value: number): number | string => (Number.isFinite(value) ? value : String(value))

const now = (): number => performance.timeOrigin + performance.now()

/** Carries out a chunk of calls that `begin` begins. */
export const execute = (begin: Begin, payload: Wire, meta: Meta, port: HostPort): HostHandle => {
  const run = new PlainChunk(begin, payload, meta, port)
  run.pump()
  return run
}
