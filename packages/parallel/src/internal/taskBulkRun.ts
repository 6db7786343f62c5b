/**
 * Carries out a chunk of a bulk call in a worker: its items one after the other. How one item runs is left to a subclass; it knows nothing of Effect.
 *
 * A chunk gives back what it has not begun when it was asked to stop, when it has taken too long, or when a result does not fit beside the others: it answers, and its caller sends the rest again. So no item waits behind a
 * long one for longer than that takes, and none that has begun is begun again.
 */
import type { Answer, HostHandle, HostPort, Meta, Wire } from "../TaskRunner.ts"
import * as wire from "./taskBulkWire.ts"
import * as message from "./taskMessage.ts"
import * as parts from "./taskParts.ts"

/** How long a chunk may go on beginning items, in milliseconds: five times what it shall take. */
const budget = 10
/** How long items run before those who have something to say to the chunk get a turn, in milliseconds. */
const turnAfter = 1

export type Chunk = NonNullable<Meta["chunk"]>

const isCoded = ({ text }: Answer): boolean => text.charCodeAt(0) === 33

/** What hears that the time of an item is over; without `expire` it is interrupted. */
export interface Handle extends HostHandle {
  readonly expire?: (() => void) | undefined
}

export abstract class BulkRun implements HostHandle {
  protected readonly meta: Meta
  protected readonly chunk: Chunk
  protected readonly port: HostPort
  protected readonly payload: Wire
  private readonly now: () => number
  private readonly journal: wire.Journal | undefined
  private readonly begunAt: number
  /** When the deadline of the caller comes, on this clock. */
  private deadlineAt: number
  private turnedAt: number
  private clock: number
  private next = 0
  private current = -1
  private currentStarted = 0
  private handle: Handle | undefined
  private asked = -1
  /** The item that the caller gives up; what runs instead of it, because it had ended already, is not its business. */
  private only = -1
  private stopping = false
  private pumping = false
  private settled = false
  private last: wire.Ended | undefined

  constructor(payload: Wire, meta: Meta, port: HostPort, now: () => number) {
    this.meta = meta
    this.chunk = meta.chunk!
    this.port = port
    this.now = now
    if (this.chunk.journal === true) {
      const all = payload.parts!
      this.journal = new wire.Journal(all[all.length - 1] as SharedArrayBuffer)
      this.journal.clear()
      this.payload = all.length === 1 ? { text: payload.text } : { text: payload.text, parts: all.slice(0, -1) }
    } else this.payload = payload
    this.clock = this.begunAt = this.turnedAt = now()
    this.deadlineAt = meta.remaining === undefined ? Infinity : this.begunAt + meta.remaining
  }

  /** Begins an item. Calls `done` once, perhaps before it returns; what it gives hears what the item is told. */
  protected abstract begin(index: number): Handle | undefined
  /** Lets others have a turn, then goes on. */
  protected abstract turn(then: () => void): void

  /** The numbers of the chunk, where its items are numbers. */
  protected get numbers(): Float64Array {
    return this.journal === undefined ? (this.payload.parts![0] as Float64Array) : this.journal.given
  }

  /** The items, where they are not numbers; `parse` reads them from a text. */
  protected listOf(parse: (payload: Wire) => unknown): ReadonlyArray<unknown> | undefined {
    const { bytes, numbers } = this.chunk
    if (numbers === true) return undefined
    return bytes === undefined ? (parse(this.payload) as ReadonlyArray<unknown>) : parts.apart(this.payload.parts![0] as ArrayBuffer, bytes)
  }

  /** How long the item that begins may take at most, in milliseconds, if that is limited. */
  protected remaining(): number | undefined {
    const left = Math.min(this.chunk.limit ?? Infinity, Math.max(0, this.deadlineAt - this.clock))
    return left === Infinity ? undefined : left
  }

  protected nameOf(index: number): string | undefined {
    return this.chunk.names?.[index] ?? undefined
  }

  readonly pump = (): void => {
    if (this.pumping || this.settled) return
    this.pumping = true
    while (this.current < 0) {
      const { clock, next } = this
      if (next === this.chunk.items || this.stopping || this.last !== undefined || (next > 0 && clock - this.begunAt > budget)) {
        this.settled = true
        this.port.settle(wire.writeLast(this.last))
        break
      }
      if (clock - this.turnedAt > turnAfter) {
        this.pumping = false
        return this.turn(() => {
          this.turnedAt = this.clock = this.now()
          this.pump()
        })
      }
      this.next++
      this.current = next
      this.currentStarted = clock
      if (this.journal !== undefined) this.journal.begin(next, clock)
      else if (next === 0 || this.chunk.limit !== undefined) this.port.send(wire.writeBegin(next, clock))
      const handle = this.begin(next)
      if (this.current === next) this.handle = handle
    }
    this.pumping = false
  }

  /** An item has ended. */
  protected done(index: number, answer: Answer | number): void {
    if (index !== this.current) return
    const ended = (this.clock = this.now())
    this.current = -1
    this.handle = undefined
    const isNumber = typeof answer === "number"
    const kind = isNumber ? wire.state.number : !answer.ok ? wire.state.failure : isCoded(answer) ? wire.state.coded : wire.state.value
    const state = this.asked === index ? kind | wire.state.asked : kind
    const value = isNumber ? answer : answer.text
    if ((isNumber || answer.parts === undefined) && this.keep(index, state, ended, value)) return this.pumping ? undefined : this.pump()
    this.last = { index, state, started: this.currentStarted, ended, answer }
    if (!this.pumping) this.pump()
  }

  private keep(index: number, state: number, ended: number, value: number | string): boolean {
    if (this.journal !== undefined) return this.journal.end(index, state, ended, value)
    this.port.send(wire.writeEnd(index, state, this.currentStarted, ended, value))
    return true
  }

  protected say(index: number, text: string): void {
    this.port.send(wire.writeSaid(index, text))
  }

  interrupt(): void {
    this.stopping = true
    if (this.only < 0 || this.only === this.current) this.stopCurrent()
  }

  private stopCurrent(): void {
    if (this.current < 0) return
    this.asked = this.current
    this.handle?.interrupt()
  }

  receive(text: string): void {
    const index = wire.readStop(text)
    if (index === undefined) {
      const down = message.read<message.Down>(text)
      this.deadlineAt = this.now() + (down[0] === "left" ? down[1] : 0)
      return this.handle?.receive(text)
    }
    this.only = index
    this.stopping = true
    if (this.current !== index || this.asked === index) return
    this.asked = index
    if (this.handle?.expire === undefined) this.handle?.interrupt()
    else this.handle.expire()
  }
}
